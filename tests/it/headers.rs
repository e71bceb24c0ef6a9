//! Headers that pass through the gateway, in both directions.

mod responses;

use crate::support;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, chunk, request};
use crate::support::noise;
use crate::support::raw_upstream::{RawUpstream, Recorder};

/// The provider's request for a request with these header lines.
async fn sent(headers: &[&str]) -> Message {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let answer = gateway.answer(request("POST /ai/grok/v1/x", headers, b"{}")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    upstream.only()
}

#[tokio::test]
async fn requests_keep_headers_for_the_provider() {
    let headers = [
        "authorization: Bearer xai-key",
        "x-api-key: key-1",
        "api-key: key-2",
        "x-goog-api-key: key-3",
        "content-type: application/json; charset=\"utf-8\"",
        "accept: text/event-stream",
        "accept-encoding: gzip, br",
        "user-agent: OpenAI/Python 2.0",
        "x-stainless-lang: python",
        "anthropic-version: 2023-06-01",
        "anthropic-beta: a",
        "anthropic-beta: b,c",
        "anthropic-beta: a",
        "x-grok-conv-id: c_1",
        "idempotency-key: i_1",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "range: bytes=0-1",
        "x-empty:",
        "x-forwarded: kept",
        "x-real: kept",
        "cf-ray: kept",
        "cf-aigx: kept",
        "forwarded-for: kept",
        "referer: https://a.example/?q",
    ];
    let came = sent(&headers).await.head;
    for header in headers {
        let name = header.split(':').next().unwrap();
        let expected = headers.iter().filter_map(|line| line.strip_prefix(&format!("{name}:")));
        let expected: Vec<_> = expected.map(|value| value.trim().as_bytes()).collect();
        assert_eq!(came.all(name), expected, "{name}");
    }
    // Nothing is added except `host` and `content-length`.
    assert_eq!(came.headers.len(), headers.len() + 2, "{}", came.text());
}

#[tokio::test]
async fn requests_lose_headers_not_for_the_provider() {
    let headers = [
        "connection: X-Nominated, keep-alive,, Content-Type",
        "Connection: x-second",
        "X-NOMINATED: 1",
        "x-second: 1",
        "x-second: 2",
        "content-type: application/json",
        "keep-alive: timeout=5",
        "proxy-authorization: Basic x",
        "proxy-authenticate: Basic",
        "proxy-connection: keep-alive",
        "proxy-anything: 1",
        "te: gzip, deflate",
        "trailer: x-sum-not-sent, content-length",
        "upgrade: h2c",
        "http2-settings: AAMAAABk",
        "cf-aig-metadata: {\"team\":\"a\"}",
        "CF-AIG-Event-Id: e_1",
        "cf-aig-authorization: Bearer secret",
        "cf-aig-of-the-future: 1",
        "cf-aig-of-the-future: 2",
        "cf_aig_metadata: {}",
        "cf_aig-byok_alias: a",
        "cf-cache-ttl: 60",
        "cf-skip-cache: true",
        "forwarded: for=10.0.0.1",
        "x-forwarded-for: 10.0.0.1",
        "x-forwarded-for: 10.0.0.2",
        "x-forwarded-host: a.example",
        "x-forwarded-proto: https",
        "x-forwarded-anything: 1",
        "x-real-ip: 10.0.0.1",
        "cf-connecting-ip: 10.0.0.1",
        "cf-connecting-ipv6: 2001:db8::1",
        "cf-pseudo-ipv4: 240.0.0.1",
        "cf-ipcity: Paris",
        "x-client-ip: 10.0.0.1",
        "x-original-forwarded-for: 10.0.0.1",
        "fastly-client-ip: 10.0.0.1",
        "cf-access-jwt-assertion: eyJhbGciOiJub25lIn0.e30.",
        "cf-access-client-secret: LEAK",
        "true-client-ip: 10.0.0.1",
        "cookie: session=1",
        "x-kept: 1",
    ];
    let came = sent(&headers).await.head;
    let mut names: Vec<_> = came.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    // The only allowed trailer stays announced.
    assert_eq!(names, ["content-length", "host", "trailer", "x-kept"], "{}", came.text());
    assert_eq!(came.get("trailer"), Some("x-sum-not-sent"));
}

#[tokio::test]
async fn a_connection_header_cannot_remove_framing_or_host() {
    let headers = ["connection: content-length, host, transfer-encoding, x-a", "x-a: 1"];
    let came = sent(&headers).await;
    assert_eq!(came.body(), b"{}");
    assert_eq!(came.head.all("host").len(), 1);
    assert!(!came.head.has("x-a"));
}

#[tokio::test]
async fn a_body_in_another_transfer_coding_is_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for line in ["POST /ai/grok/v1/x", "POST /ai/compat/responses"] {
        for codings in [
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked, chunked",
        ] {
            let head = request(line, &[codings], b"");
            let bytes = [head, chunk(br#"{"model":"grok/grok-4"}"#), chunk(b"")].concat();
            let error = gateway.answer(bytes).await.gateway_error(501, 2501);
            assert_eq!(error["error"]["param"], "transfer-encoding", "{line} {codings}");
        }
    }
    upstream.assert_untouched("the provider would not know the coding");
}

#[tokio::test]
async fn the_provider_sees_only_its_own_host() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let own = upstream.addr().to_string();
    for head in [
        "GET /ai/grok/x HTTP/1.1\r\nhost: gateway.test\r\n\r\n",
        "GET /ai/grok/x HTTP/1.1\r\nhost: evil.example\r\nhost: evil.example\r\n\r\n",
        "GET /ai/grok/x HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /ai/grok/x HTTP/1.1\r\n\r\n",
        "GET http://evil.example/ai/grok/x HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: evil.example\r\n\r\n",
    ] {
        assert_eq!(gateway.answer(head).await.status(), 200, "{head}");
        let came = upstream.only();
        assert_eq!(came.head.all("host"), [own.as_bytes()], "{head}");
        assert!(!came.head.text().contains("evil"), "{}", came.head.text());
        upstream.clear();
    }
}

#[tokio::test]
async fn model_routed_requests_are_stripped_by_the_same_rules() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let headers = [
        "authorization: Bearer xai-key",
        "cf-aig-event-id: e_1",
        "cf_aig_metadata: {}",
        "cookie: a=1",
        "x-forwarded-for: 10.0.0.1",
        "connection: x-hop",
        "x-hop: 1",
        "x-kept: 1",
        "x-kept: 2",
    ];
    let body = br#"{"model":"grok/grok-4"}"#;
    let answer = gateway.answer(request("POST /ai/compat/responses", &headers, body)).await;
    assert_eq!(answer.status(), 200);
    let came = upstream.only().head;
    let mut names: Vec<_> = came.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-length", "host", "x-kept", "x-kept"]);
    assert_eq!(came.get("authorization"), Some("Bearer xai-key"));
    assert_eq!(came.get("host"), Some(&*upstream.addr().to_string()));
}

#[tokio::test]
async fn non_utf8_values_pass_byte_for_byte_both_ways() {
    let value = [&b"a\xff\xfe\x80 \t"[..], "é€".as_bytes(), b"\xc3z"].concat();
    let header = [b"x-bytes: ", &value[..], b"\r\n"].concat();
    let answer = [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", &header[..], b"\r\n"].concat();
    let upstream = Recorder::answering(move |_| answer.clone()).await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let head = b"GET /ai/grok/x HTTP/1.1\r\nhost: gateway.test\r\n";
    let answer = gateway.answer([head, &header[..], b"\r\n"].concat()).await;
    assert_eq!(answer.head.all("x-bytes"), [&value[..]]);
    assert_eq!(upstream.only().head.all("x-bytes"), [&value[..]]);
}

fn is_uuid_v7(id: &str) -> bool {
    let parts: Vec<_> = id.split('-').collect();
    let is_hex = parts.concat().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    is_hex && lengths == [8, 4, 4, 4, 12] && parts[2].starts_with('7')
}

#[tokio::test]
async fn the_gateways_own_headers_name_the_exchange() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let body = br#"{"model":"xai/grok-4/fast"}"#;
    let native = gateway.answer(request("POST /ai/grok/x", &[], b"{}")).await;
    let unified = gateway.answer(request("POST /ai/compat/responses", &[], body)).await;
    let rejected = gateway.answer(request("POST /only/nosuch/x", &[], b"{}")).await;
    let mut ids = Vec::new();
    for (answer, step, provider, model) in [
        (&native, Some("0"), None, None),
        (&unified, Some("0"), Some("grok"), Some("grok-4/fast")),
        (&rejected, None, None, None),
    ] {
        let head = &answer.head;
        let log_id = head.get("cf-aig-log-id").unwrap();
        assert!(is_uuid_v7(log_id), "{log_id}");
        assert_eq!(head.get("cf-aig-event-id"), Some(log_id));
        assert_eq!(head.get("cf-aig-request-id"), Some(log_id));
        assert_eq!(head.get("cf-aig-step"), step);
        assert_eq!(head.get("cf-aig-provider"), provider);
        assert_eq!(head.get("cf-aig-model"), model);
        assert!(!head.has("cf-aig-warning") && !head.has("cf-aig-cache-status"));
        ids.push(log_id.to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each exchange has an id of its own");
}

#[tokio::test]
async fn only_the_event_id_of_the_control_headers_is_echoed() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).start().await;
    let headers = [
        "cf-aig-event-id: my-event/1",
        "cf-aig-metadata: {\"team\":\"a-team\",\"bad\":null,\"cf.x\":1}",
        "cf-aig-cache-key: my-key",
        "cf-aig-byok-alias: my-alias",
        "cf-aig-custom: my-own",
    ];
    for (line, status) in [("POST /ai/grok/x", 200), ("POST /only/nosuch/x", 400)] {
        let answer = gateway.answer(request(line, &headers, b"{}")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.head.get("cf-aig-event-id"), Some("my-event/1"));
        // Ignored entries of the metadata are named.
        assert_eq!(answer.head.get("cf-aig-warning"), Some("cf-aig-metadata: left out bad, cf.x"));
        for value in ["a-team", "my-key", "my-alias", "my-own"] {
            assert!(!answer.text().contains(value), "{}", answer.text());
        }
    }
}
