//! Logged bodies.

use serde_json::json;
use tower_ai_gateway::log::LogHook;

use crate::log::scene::{CHAT, Kept, Scene, provider};
use crate::support::message::{request, response};
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn clients_can_decide_for_their_own_requests() {
    let base = provider(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes").await;
    for (collect, payloads) in [(true, false), (true, true), (false, false), (false, true)] {
        let kept = Kept::default();
        let log =
            LogHook::builder(kept.clone()).collect_by_default(collect).payloads(payloads).build();
        let mut scene = Scene::new(base.clone(), log.unwrap()).await;
        for of_log in [None, Some(false), Some(true)] {
            for of_payload in [None, Some(false), Some(true)] {
                let headers = [
                    of_log.map(|value| format!("cf-aig-collect-log: {value}")),
                    of_payload.map(|value| format!("cf-aig-collect-log-payload: {value}")),
                ];
                let headers: Vec<_> = headers.iter().flatten().map(String::as_str).collect();
                scene.answer(request(CHAT, &headers, b"{}")).await;
                scene.settle();
                let records = kept.take();
                let is_wanted = of_log.unwrap_or(collect);
                assert_eq!(records.len(), usize::from(is_wanted), "{collect} {headers:?}");
                for record in records {
                    let wanted = of_payload.unwrap_or(payloads).then_some(("{}", "yes"));
                    let heads = (record.request_head.as_deref(), record.response_head.as_deref());
                    assert_eq!(heads.0.zip(heads.1), wanted, "{payloads} {headers:?}");
                    assert_eq!((record.request_size, record.response_size), (2, 3));
                }
            }
        }
    }
}

#[tokio::test]
async fn an_entry_of_a_universal_request_decides_for_its_own_bodies() {
    let base = provider(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes").await;
    for (payloads, asked) in [(false, "true"), (false, "false"), (true, "false")] {
        let kept = Kept::default();
        let log = LogHook::builder(kept.clone()).payloads(payloads).build().unwrap();
        let mut scene = Scene::new(base.clone(), log).await;
        let headers = json!({ "authorization": "Bearer k", "cf-aig-collect-log-payload": asked });
        let endpoint = "v1/chat/completions";
        let query = json!({ "model": "m" });
        let entry =
            json!({ "provider": "grok", "endpoint": endpoint, "headers": headers, "query": query });
        let body = json!([entry]).to_string();
        scene.answer(request("POST /v1/a/g", &[], body.as_bytes())).await;
        scene.settle();
        let [record] = &kept.take()[..] else { panic!("one record") };
        let bodies = (record.request_head.as_deref(), record.response_head.as_deref());
        let wanted =
            if asked == "true" { (Some(r#"{"model":"m"}"#), Some("yes")) } else { (None, None) };
        assert_eq!(bodies, wanted, "{payloads} {asked}");
    }
}

#[tokio::test]
async fn bodies_are_cut_and_binary_ones_marked() {
    let kept = Kept::default();
    const COMPRESSED: &[&str] = &["content-encoding: compress", "content-type: application/json"];
    let bodies: [(&[&str], Vec<u8>); 6] = [
        (&[], "\u{e9}".repeat(50_000).into_bytes()),
        (&[], b"\x89PNG\r\n\x1a\n".to_vec()),
        (COMPRESSED, b"looks like text".to_vec()),
        (&[], b"<binary>".to_vec()),
        (&[], Vec::new()),
        // Nothing is billed for a list.
        (COMPRESSED, b"a list".to_vec()),
    ];
    let answers = bodies.clone();
    let upstream = Recorder::answering(move |message| {
        let number: usize = message.head.target().rsplit('/').next().unwrap().parse().unwrap();
        let (headers, body) = &answers[number];
        response("200 OK", headers, body)
    })
    .await;
    let log = LogHook::builder(kept.clone()).payloads(true).payload_limit(65_537).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    for (number, (_, body)) in bodies.iter().enumerate() {
        let method = if number == 5 { "GET" } else { "POST" };
        scene.answer(request(&format!("{method} /v1/a/g/grok/x/{number}"), &[], body)).await;
    }
    scene.settle();
    let records = kept.take();
    let cut = "\u{e9}".repeat(32_768);
    for (number, request, response) in [
        (0, (cut.as_str(), Some(false)), (cut.as_str(), Some(false))),
        (1, ("<binary>", None), ("<binary>", None)),
        (2, ("looks like text", Some(true)), ("<encoded>", None)),
        (3, ("<binary>", Some(true)), ("<binary>", Some(true))),
        (4, ("", Some(true)), ("", Some(true))),
        (5, ("a list", Some(true)), ("<encoded>", None)),
    ] {
        let record = &records[number];
        let head = record.request_head.as_deref().unwrap();
        assert_eq!((head, record.request_head_complete), request, "{number}");
        let head = record.response_head.as_deref().unwrap();
        assert_eq!((head, record.response_head_complete), response, "{number}");
        assert_eq!(record.response_size, bodies[number].1.len() as u64);
    }
}
