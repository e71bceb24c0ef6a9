//! Requests that the gateway refuses, in the format of the caller's SDK and without sending
//! anything upstream.

mod control_headers;
mod late;
mod uploads;

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tower::BoxError;
use tower_ai_gateway::ErrorFormat;
use tower_ai_gateway::client::HttpClientBuilder;

use crate::support;
use crate::support::client::{
    Connection, channel, collect, full, next_data, request as hyper_request,
};
use crate::support::gateway::{Gateway, Setup};
use crate::support::hyper_upstream::HyperUpstream;
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::wire::Wire;
use crate::support::{guard, noise};

#[tokio::test]
async fn a_host_can_choose_the_cloudflare_format() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.error_format(ErrorFormat::Cloudflare)).start().await;
    let answer = gateway.answer(request("POST /ai/compat/messages", &[], b"{}")).await;
    assert_eq!(answer.status(), 400);
    let error = answer.json();
    assert_eq!(error["success"], false);
    assert_eq!(error["internalCode"], 2008);
    assert_eq!(error["httpCode"], 400);
    assert_eq!(error["error"][0]["code"], 2008);
    upstream.assert_untouched("the body has no model");
}

/// Bodies that cannot be routed, with the code of the answer.
fn unroutable() -> Vec<(Vec<u8>, u16)> {
    let mut bodies: Vec<(Vec<u8>, u16)> = [
        // Not a JSON object.
        ("[]", 2400),
        (r#"[{"model":"grok/grok-4"}]"#, 2400),
        (r#""grok/grok-4""#, 2400),
        ("null", 2400),
        ("1", 2400),
        ("   ", 2400),
        ("grok/grok-4", 2400),
        ("model=grok/grok-4", 2400),
        // Malformed before the model.
        ("{", 2400),
        (r#"{"model"#, 2400),
        (r#"{"model":"#, 2400),
        (r#"{"model":"grok/grok-4"#, 2400),
        (r#"{"a":1,"#, 2400),
        (r#"{"a":1 "model":"grok/grok-4"}"#, 2400),
        (r#"{'model':'grok/grok-4'}"#, 2400),
        (r#"{model:"grok/grok-4"}"#, 2400),
        (r#"{"a":1,,"model":"grok/grok-4"}"#, 2400),
        (r#"{,"model":"grok/grok-4"}"#, 2400),
        (r#"{/**/"model":"grok/grok-4"}"#, 2400),
        // Malformed after the model, and received completely.
        (r#"{"model":"grok/grok-4""#, 2400),
        (r#"{"model":"grok/grok-4","#, 2400),
        (r#"{"model":"grok/grok-4"}{"model":"openai/x"}"#, 2400),
        (r#"{"model":"grok/grok-4"} x"#, 2400),
        // More than one model.
        (r#"{"model":"grok/a","model":"grok/a"}"#, 2400),
        (r#"{"model":"grok/a","x":[{}],"mod\u0065l":"openai/b"}"#, 2400),
        (r#"{"\u006Dodel":"grok/a","model":"openai/b"}"#, 2400),
        (r#"{"model":"grok/a","model":null}"#, 2400),
        // No usable model.
        ("{}", 2008),
        (r#"{"messages":[{"model":"grok/grok-4"}]}"#, 2008),
        (r#"{"Model":"grok/grok-4"}"#, 2008),
        (r#"{"model":null}"#, 2008),
        (r#"{"model":4}"#, 2008),
        (r#"{"model":["grok/grok-4"]}"#, 2008),
        (r#"{"model":{"grok/":"grok-4"}}"#, 2008),
        (r#"{"model":""}"#, 2008),
        (r#"{"model":"grok-4"}"#, 2008),
        (r#"{"model":"/grok-4"}"#, 2008),
        (r#"{"model":"grok/"}"#, 2008),
        (r#"{"model":"nosuch/grok-4"}"#, 2008),
        (r#"{"model":"Grok/grok-4"}"#, 2008),
        (r#"{"model":" grok/grok-4"}"#, 2008),
        (r#"{"model":"custom-nosuch/x"}"#, 2008),
        (r#"{"model":"compat/grok/x"}"#, 2008),
        (r#"{"model":"http://evil.example/x"}"#, 2008),
        (r#"{"model":"grok/\x"}"#, 2008),
        (r#"{"model":"grok/\ud800"}"#, 2008),
    ]
    .map(|(body, code)| (body.as_bytes().to_vec(), code))
    .into();
    bodies.push((b"\xff\xfe{\0}\0".to_vec(), 2400));
    bodies.push((b"{\"model\":\"grok/\xff\"}".to_vec(), 2008));
    bodies.push((b"{\"model\":\"gr\xffok/x\"}".to_vec(), 2008));
    let deep = "[".repeat(1_000_000);
    bodies.push((format!("{{\"a\":{deep}").into_bytes(), 2400));
    bodies.push((format!("{{\"a\":{deep}{}}}", "]".repeat(1_000_000)).into_bytes(), 2008));
    bodies.push((format!("{{\"model\":{deep}").into_bytes(), 2008));
    bodies.push((format!(r#"{{"model":"grok/{}"}}"#, "x".repeat(100_000)).into_bytes(), 2008));
    bodies
}

#[tokio::test]
async fn an_unroutable_body_is_refused_and_not_sent() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for (body, code) in unroutable() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        for (path, is_anthropic) in [("/ai/compat/responses", false), ("/ai/compat/messages", true)]
        {
            let mut client = gateway.connect().await;
            let answer = client.send_and_read(&request(&format!("POST {path}"), &[], &body)).await;
            assert_eq!(answer.status(), 400, "{shown}: {}", answer.text());
            let error = answer.json();
            assert_eq!(error["gateway"]["code"], code, "{shown}: {error}");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"));
            assert_eq!(error["error"]["type"], "invalid_request_error");
            if is_anthropic {
                assert_eq!(error["type"], "error");
            } else {
                assert_eq!(error["error"]["param"], "model", "{shown}: {error}");
            }
        }
    }
    upstream.assert_untouched("no body could be routed");
}

#[tokio::test]
async fn a_request_without_any_body_is_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let no_length = request("POST /ai/compat/responses", &[], b"");
    let zero = request("POST /ai/compat/responses", &["content-length: 0"], b"");
    let chunked = request("POST /ai/compat/responses", &["transfer-encoding: chunked"], b"");
    for message in [no_length, zero, [chunked, chunk(b"")].concat()] {
        gateway.answer(message).await.gateway_error(400, 2400);
    }
    upstream.assert_untouched("there was no body");
}

#[tokio::test]
async fn a_compressed_body_is_refused_if_its_model_is_needed() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let answer = gateway
        .answer(request("POST /ai/compat/responses", &["content-encoding: gzip"], b"\x1f\x8b"))
        .await;
    let error = answer.gateway_error(400, 2400);
    assert_eq!(error["error"]["param"], "content-encoding");
    upstream.assert_untouched("the body was compressed");
    let plain = request(
        "POST /ai/compat/responses",
        &["content-encoding: identity"],
        br#"{"model":"grok/m"}"#,
    );
    assert_eq!(gateway.answer(plain).await.status(), 200);
}

#[tokio::test]
async fn an_upload_that_breaks_off_before_its_model_sends_nothing() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client
        .send("POST /ai/compat/responses HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{\"a\":")
        .await;
    client.finish().await;
    client.ended().await;
    upstream.assert_untouched("no model came");
}
