//! The end of an exchange in its span.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Value, json};

use crate::otel::scene::{CHAT, Scene, chat_body, event_stream, json_response};
use crate::support::collector::object;
use crate::support::message::{STREAM_HEAD, chunk, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};

/// The end of an exchange in its span.
#[track_caller]
fn ending(span: &Span) -> (String, Value, Value, String) {
    let attributes = object(&span.attributes);
    let status = span.status.clone().unwrap_or_default();
    let error_type = attributes.get("error.type").cloned().unwrap_or_default();
    let is_error = status.code == StatusCode::Error as i32;
    assert_eq!(is_error, !error_type.is_null(), "{attributes:#?}");
    assert!(is_error || status == Status::default(), "{status:?}");
    let http = attributes.get("http.response.status_code").cloned().unwrap_or_default();
    let outcome = attributes["ai_gateway.outcome"].as_str().unwrap().to_owned();
    (outcome, http, error_type, status.message)
}

#[tokio::test]
async fn the_response_decides_the_status_of_the_span() {
    let error = r#"{"error":{"code":"rate_limited","message":"slow down"}}"#;
    let delta = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let reported = "the provider reported an error";
    for (answer, outcome, status, error_type, message) in [
        (json_response("200 OK", "{}"), "complete", 200, json!(null), ""),
        (json_response("304 Not Modified", ""), "complete", 304, json!(null), ""),
        (json_response("429 Too Many", error), "complete", 429, json!("rate_limited"), reported),
        (json_response("503 Busy", ""), "complete", 503, json!("503"), reported),
        (json_response("200 OK", error), "complete", 200, json!("rate_limited"), reported),
        (
            json_response("200 OK", r#"{"error":{"message":"no code"}}"#),
            "complete",
            200,
            json!("_OTHER"),
            reported,
        ),
        (event_stream(&[delta]), "broken", 200, json!("unfinished"), "the response broke off"),
    ] {
        let provider = Recorder::answering(move |_| answer.clone()).await;
        let mut scene = Scene::new(provider.base("/v1")).await;
        scene.answer(&[], &chat_body()).await;
        assert_eq!(
            ending(&scene.only_span().await),
            (outcome.to_owned(), json!(status), error_type, message.to_owned())
        );
    }
}

#[tokio::test]
async fn a_refused_request_has_a_span() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let body = br#"{"model":"nosuch/model"}"#;
    let line = "POST /v1/acct/gw/compat/chat/completions";
    scene.gateway.answer(request(line, &[], body)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(
        ending(&span),
        ("rejected".into(), json!(400), json!("400"), "the gateway refused the request".into())
    );
    assert!(attributes["ai_gateway.code"].as_u64().unwrap() >= 2000, "{attributes:#?}");
    assert_eq!(attributes["ai_gateway.attempts"], 0);
    assert_eq!(attributes["gen_ai.operation.name"], "chat");
    assert!(!attributes.contains_key("gen_ai.provider.name"), "none was found");
    assert!(!attributes.contains_key("server.address"), "none was found");
    assert!(span.events.is_empty(), "no head came");
    assert_eq!(span.kind, SpanKind::Client as i32);
    provider.assert_untouched("the provider is unknown");
}

#[tokio::test]
async fn a_failed_connection_has_a_span() {
    let mut scene = Scene::new("http://127.0.0.1:1/v1".to_owned()).await;
    scene.gateway.answer(request("POST /ai/acme/embeddings", &[], br#"{"model":"m"}"#)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(span.name, "embeddings", "nobody read the body, and so the model");
    assert_eq!(
        ending(&span),
        (
            "failed".into(),
            json!(502),
            json!("connect"),
            "no response came from the provider".into()
        )
    );
    assert_eq!(attributes["gen_ai.provider.name"], "custom-acme");
    assert_eq!(
        (&attributes["server.address"], &attributes["server.port"]),
        (&json!("::1"), &json!(1))
    );
    assert!(span.events.is_empty(), "no head came");
}

#[tokio::test]
async fn a_client_that_leaves_is_not_an_error() {
    let mut upstream = RawUpstream::start().await;
    let mut scene = Scene::new(upstream.base("/v1")).await;
    let mut client = scene.gateway.connect().await;
    client.send(request(CHAT, &[], chat_body().as_bytes())).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    let delta = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    provider.send([STREAM_HEAD, &chunk(delta)].concat()).await;
    client.read_head().await;
    client.read_chunk().await.unwrap();
    drop(client);
    scene.ended().await;
    let span = scene.only_span().await;
    assert_eq!(ending(&span), ("cancelled".into(), json!(200), json!(null), String::new()));
    let attributes = object(&span.attributes);
    assert_eq!(attributes["ai_gateway.metering"], "partial");
    assert_eq!(span.events.len(), 2, "the head and the first token had come");
}
