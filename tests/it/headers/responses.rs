//! Headers of responses: the client gets what is for it, and nothing that a provider may not say.

use tower_ai_gateway::Outcome;
use tower_ai_gateway::hook::Failure;

use super::*;
use crate::support::metered::{CHAT, Scene, post};

/// The client's response for this answer to a native request.
async fn relayed(answer: impl Into<Vec<u8>>) -> Message {
    let answer = answer.into();
    let upstream = Recorder::answering(move |_| answer.clone()).await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    gateway.answer(request("GET /ai/grok/v1/x", &[], b"")).await
}

fn with_headers(status: &str, headers: &[&str]) -> String {
    format!("HTTP/1.1 {status}\r\n{}\r\ncontent-length: 2\r\n\r\n{{}}", headers.join("\r\n"))
}

#[tokio::test]
async fn responses_keep_headers_for_the_client() {
    let headers = [
        "content-type: application/json",
        "date: Mon, 01 Jan 2024 00:00:00 GMT",
        "server: envoy",
        "x-request-id: r_1",
        "x-ratelimit-remaining-tokens: 7",
        "retry-after: 3",
        "retry-after-ms: 2500",
        "x-should-retry: true",
        "cache-control: no-store",
        "vary: origin",
        "link: <a>",
        "vary: accept",
        "link: <b>",
        "link: <a>",
        "www-authenticate: Bearer",
        "cf-ray: 8a",
        "cf-cache-status: DYNAMIC",
        "alt-svc: h3=\":443\"",
        "etag: \"x\"",
        "x-empty:",
    ];
    let came = relayed(with_headers("200 OK", &headers)).await;
    assert_eq!(came.body(), b"{}");
    for header in headers {
        let name = header.split(':').next().unwrap();
        let expected = headers.iter().filter_map(|line| line.strip_prefix(&format!("{name}:")));
        let expected: Vec<_> = expected.map(|value| value.trim().as_bytes()).collect();
        assert_eq!(came.head.all(name), expected, "{name}");
    }
    // The gateway adds log id, request id, event id, step, and `content-length`.
    assert_eq!(came.head.headers.len(), headers.len() + 5, "{}", came.text());
}

#[tokio::test]
async fn responses_lose_headers_not_for_the_client() {
    let headers = [
        "set-cookie: a=1",
        "set-cookie: b=2",
        "authorization: Bearer xai-key",
        "x-api-key: key",
        "api-key: key",
        "x-goog-api-key: key",
        "cf-aig-log-id: forged",
        "cf-aig-log-id: forged-too",
        "cf-aig-event-id: forged",
        "cf-aig-request-id: forged",
        "cf-aig-step: 9",
        "cf-aig-provider: forged",
        "cf-aig-model: forged",
        "cf-aig-cache-status: HIT",
        "cf_aig_step: 9",
        "connection: x-hop",
        "connection: keep-alive, X-Other",
        "x-hop: 1",
        "x-other: 1",
        "keep-alive: timeout=5",
        "proxy-authenticate: Basic",
        "proxy-connection: keep-alive",
        "te: trailers",
        "trailer: x-sum",
        "upgrade: h2c",
        "x-kept: 1",
    ];
    let came = relayed(with_headers("200 OK", &headers)).await;
    assert_eq!(came.body(), b"{}");
    let mut names: Vec<_> = came.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let own = ["cf-aig-event-id", "cf-aig-log-id", "cf-aig-request-id", "cf-aig-step"];
    let expected = [&own[..], &["content-length", "date", "x-kept"]].concat();
    assert_eq!(names, expected, "{}", came.text());
    assert!(!came.text().contains("forged") && came.head.get("cf-aig-step") == Some("0"));
}

#[tokio::test]
async fn a_response_with_two_lengths_is_never_cut_short() {
    let body = noise(380);
    for framing in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\nTransfer-Encoding: Chunked\r\ncontent-length: 4",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        let answer =
            [head.as_bytes(), &chunk(&body[..200]), &chunk(&body[200..]), &chunk(b"")].concat();
        let came = relayed(answer).await;
        if came.status() == 502 {
            came.gateway_error(502, 2005);
            continue;
        }
        assert_eq!(came.status(), 200);
        assert_eq!(came.body(), body, "{framing}");
        assert!(!came.head.has("content-length"), "{}", came.text());
    }
}

#[tokio::test]
async fn a_response_in_another_transfer_coding_is_the_providers_failure() {
    let mut scene = Scene::new().await;
    let chunks = [chunk(b"{}"), chunk(b"")].concat();
    for (codings, body) in [
        ("transfer-encoding: gzip, chunked", &chunks[..]),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", &chunks),
        ("transfer-encoding: gzip", b"{}"),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{codings}\r\nconnection: close\r\n\r\n");
        let answer = [head.as_bytes(), body].concat();
        let (came, end) = scene.exchange(&post(CHAT, b"{}"), &answer).await;
        came.gateway_error(502, 2005);
        let failed = (Outcome::Failed, Some(Failure::Protocol));
        assert_eq!((end.outcome, end.failure), failed, "{codings}");
        assert_eq!(end.attempts, 1, "{codings}");
    }
}

#[tokio::test]
async fn many_response_headers_pass_and_the_host_can_allow_more() {
    let answer = |count| {
        let headers: Vec<_> = (0..count).map(|n| format!("x-header-{n}: {n}")).collect();
        with_headers("200 OK", &headers.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(relayed(answer(90)).await.body(), b"{}");
    relayed(answer(150)).await.gateway_error(502, 2005);

    let upstream = Recorder::answering(move |_| answer(150).into_bytes()).await;
    let setup = Setup::new(upstream.base("/v1")).client(|client| client.http1_max_headers(256));
    let gateway = setup.start().await;
    let came = gateway.answer(request("POST /ai/grok/x", &["authorization: k"], b"{}")).await;
    assert_eq!(came.body(), b"{}");
    for n in 0..150 {
        assert_eq!(came.head.get(&format!("x-header-{n}")), Some(&*n.to_string()));
    }
}

#[tokio::test]
async fn an_endless_response_head_is_the_providers_failure() {
    let headers: Vec<_> = (0..2000).map(|n| format!("x-header-{n}: {n}")).collect();
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    relayed(with_headers("200 OK", &headers)).await.gateway_error(502, 2005);
}

#[tokio::test]
async fn redirects_are_relayed_and_never_followed() {
    let mut elsewhere = RawUpstream::start().await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 Moved"] {
        let location = elsewhere.base("/stolen?key=1");
        let answer = with_headers(status, &[&format!("location: {location}")]);
        let upstream = Recorder::answering(move |_| answer.clone().into_bytes()).await;
        let gateway = Gateway::start(upstream.base("/v1")).await;
        let came = gateway.answer(request("POST /ai/grok/x", &["authorization: k"], b"{}")).await;
        assert_eq!(came.status().to_string(), status[..3]);
        assert_eq!(came.head.get("location"), Some(&*location));
        assert_eq!(came.body(), b"{}");
        assert_eq!(upstream.requests().len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0, "nobody follows");
    // The listener works, so the count of zero above is meaningful.
    support::wire::Wire::connect(elsewhere.addr()).await;
    elsewhere.accept().await;
}
