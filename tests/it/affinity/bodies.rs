//! Reading a body for its session.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::Instant;
use tower_ai_gateway::BodyBudget;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};

use crate::affinity::scene::{Body, CHAT, Scene, full, keys, ok, post, providers};

/// The session comes after this many bytes of messages.
fn behind(length: usize) -> String {
    let said = "x".repeat(length);
    format!(
        "{{ \"messages\" : [\"{said}\"],\r\n \"model\":\"grok-4\", \"a\":1,\"a\":2 , \"prompt_cache_key\":\"p\"}}"
    )
}

/// Sends the body in frames of this size.
fn in_frames(body: &str, size: usize) -> Body {
    let frames: Vec<_> = body.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
    let frames = frames.into_iter().map(|data| Ok::<_, io::Error>(Frame::data(data)));
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

async fn source(scene: &Scene, body: Body, expected: &str) -> Option<&'static str> {
    let request = post(CHAT, &[], "").map(|_| body);
    let sent = scene.sent(request).await;
    assert!(sent.body == expected.as_bytes(), "the body is not the same, byte for byte");
    scene.end().source
}

#[tokio::test]
async fn a_body_is_read_up_to_a_bound_and_arrives_byte_for_byte() {
    let scene = Scene::keys(4);
    for (length, expected) in
        [(0, true), (100 * 1024, true), (250 * 1024, true), (257 * 1024, false), (1 << 20, false)]
    {
        let body = behind(length);
        let expected = expected.then_some("prompt_cache_key");
        for size in [97, 8 * 1024, usize::MAX] {
            assert_eq!(source(&scene, in_frames(&body, size), &body).await, expected, "{length}");
        }
        assert_eq!(source(&scene, full(body.clone()), &body).await, expected, "{length}");
    }
}

#[tokio::test]
async fn other_bodies_are_not_read_and_malformed_json_passes() {
    let scene = Scene::keys(4);
    for body in ["", "{", "[1", "no json", "{\"prompt_cache_key\":\"", "\u{feff}{]"] {
        assert_eq!(source(&scene, full(body), body).await, None, "{body}");
    }
    let named = r#"{"prompt_cache_key":"p"}"#;
    assert_eq!(source(&scene, full(named), named).await, Some("prompt_cache_key"));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
        // The provider decides whether the client sends its body.
        ("expect", "100-continue"),
    ] {
        let mut request = post(CHAT, &[], named);
        request.headers_mut().insert(name, value.parse().unwrap());
        scene.sent(request).await;
        assert_eq!(scene.end().source, None, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_sent_after_a_second_without_a_session() {
    let scene = Scene::keys(4);
    let slow = |seconds: u64| {
        let frames = futures_util::stream::unfold(0, move |number| async move {
            let data = match number {
                0 => r#"{"model":"grok-4""#,
                1 => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    r#","prompt_cache_key":"p"}"#
                }
                _ => return None,
            };
            Some((Ok::<_, io::Error>(Frame::data(Bytes::from_static(data.as_bytes()))), number + 1))
        });
        StreamBody::new(frames).boxed_unsync()
    };
    let whole = r#"{"model":"grok-4","prompt_cache_key":"p"}"#;
    assert_eq!(source(&scene, slow(0), whole).await, Some("prompt_cache_key"));
    // There is no time limit: from here on the provider waits for it.
    assert_eq!(source(&scene, slow(3600), whole).await, None);
}

#[tokio::test]
async fn without_budget_the_body_is_sent_without_a_session() {
    let budget = BodyBudget::new(16 * 1024);
    let layer = providers().body_budget(budget.clone());
    let scene = Scene::new(layer, keys(4), ControlLayer::new(), ok);
    let body = behind(64 * 1024);
    assert_eq!(source(&scene, in_frames(&body, 1024), &body).await, None);
    assert_eq!(budget.used(), 0, "what was taken is given back");
    let body = behind(8 * 1024);
    assert_eq!(source(&scene, in_frames(&body, 1024), &body).await, Some("prompt_cache_key"));
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_without_a_choice_or_if_a_header_names_the_session() {
    let endless = || {
        let first = async { Ok::<_, io::Error>(Frame::data(Bytes::from_static(b"{\"a\":1"))) };
        let frames = futures_util::StreamExt::chain(
            futures_util::stream::once(first),
            futures_util::stream::pending(),
        );
        StreamBody::new(frames).boxed_unsync()
    };
    let off = keys(4).session_affinity(false);
    for (scene, headers) in [
        (Scene::keys(1), &[][..]),
        (Scene::keys(4), &[("x-session-id", "s")]),
        (Scene::new(providers(), off, ControlLayer::new(), ok), &[]),
    ] {
        let request = post(CHAT, headers, "").map(|_| endless());
        let start = Instant::now();
        assert_eq!(scene.at_once().send(request).await.status(), 200);
        assert!(start.elapsed().is_zero(), "the body was waited for");
    }
}

#[tokio::test]
async fn the_unified_endpoint_reads_past_the_model_and_changes_nothing_else() {
    let scene = Scene::keys(4);
    let unified = "/v1/acct/gw/compat/chat/completions";
    for size in [9, 1024, usize::MAX] {
        let body = |model: &str| {
            format!(
                r#"{{"model":"{model}", "messages":["{}"],"prompt_cache_key":"p"}}"#,
                "x".repeat(9000)
            )
        };
        let request = post(unified, &[], "").map(|_| in_frames(&body("grok/grok-4"), size));
        let sent = scene.sent(request).await;
        assert!(sent.body == body("grok-4").as_bytes());
        assert_eq!(scene.end().source, Some("prompt_cache_key"));
    }
    // An entry of a universal request is complete and has its own headers.
    let layer = providers().mount(tower_ai_gateway::Mount::hosted().universal());
    let scene = Scene::new(layer, keys(4), ControlLayer::new(), ok);
    let entry = |headers: &str| {
        format!(
            r#"[{{"provider":"grok","endpoint":"v1/chat/completions","headers":{headers},"query":{{"model":"grok-4","prompt_cache_key":"p"}}}}]"#
        )
    };
    for (headers, expected) in [
        (r#"{"content-type":"application/json"}"#, "prompt_cache_key"),
        (r#"{"content-type":"application/json","session_id":"s"}"#, "session_id"),
        (r#"{"content-type":"application/json","cf-aig-session-id":"s"}"#, "cf-aig-session-id"),
    ] {
        scene.sent(post("/v1/acct/gw", &[], entry(headers))).await;
        assert_eq!(scene.end().source, Some(expected));
    }
}

#[tokio::test]
async fn a_second_model_that_is_read_for_the_session_does_not_evade_a_limit() {
    let rule = LimitRule::requests("dear", 1, Window::Fixed(Period::Month)).only_models(["dear"]);
    let scene = Scene::new(providers(), keys(4).limit(rule), ControlLayer::new(), ok);
    let frames = [r#"{"model":"cheap","#, r#""model":"dear"}"#];
    let frames =
        frames.map(|data| Ok::<_, io::Error>(Frame::data(Bytes::from_static(data.as_bytes()))));
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let answer = scene.send(post(CHAT, &[], "").map(|_| body)).await;
    assert_eq!(answer.status(), 400, "{:?}", answer.body());
    assert!(scene.all_sent().is_empty());
}
