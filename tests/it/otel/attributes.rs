//! The attributes of a successful exchange's span.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Map, Value, json};

use crate::otel::scene::{CHAT, Scene, chat_body, event_stream, json_response, streaming};
use crate::support::collector::object;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Removes a time in seconds, which must be within the span.
#[track_caller]
fn take_seconds(attributes: &mut Map<String, Value>, key: &str, span: &Span) -> f64 {
    let seconds = attributes.remove(key).and_then(|value| value.as_f64());
    let seconds = seconds.unwrap_or_else(|| panic!("{key} is missing: {attributes:#?}"));
    let whole = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
    assert!(seconds > 0.0 && seconds <= whole, "{key}: {seconds} of {whole}");
    seconds
}

#[tokio::test]
async fn a_complete_stream_has_all_attributes() {
    let provider = streaming().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let before = nanoseconds(SystemTime::now());
    let metadata = r#"cf-aig-metadata: {"team":"a","n":1.5,"beta":true,"gen_ai.usage.cost":"x"}"#;
    let headers = ["cf-aig-event-id: mine", metadata];
    let answer = scene.gateway.answer(request(CHAT, &headers, chat_body().as_bytes())).await;
    let total = scene.ended().await;
    let after = nanoseconds(SystemTime::now());
    assert_eq!(answer.status(), 200);

    let span = scene.only_span().await;
    let (scope, _) = scene.collector.spans().remove(0);
    assert_eq!(scope.name, "tower-ai-gateway");
    assert_eq!(scope.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(span.name, "chat grok-4");
    assert_eq!(span.kind, SpanKind::Client as i32);
    assert_eq!(span.status.clone().unwrap_or_default(), Status::default());
    assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
    assert_eq!((span.dropped_attributes_count, span.links.len()), (0, 0));

    // Times: start ≤ head ≤ first token ≤ end, all within the test.
    let events: Vec<_> = span.events.iter().map(|event| &event.name[..]).collect();
    assert_eq!(events, ["ai_gateway.response_head", "ai_gateway.first_token"]);
    let mut times = vec![before, span.start_time_unix_nano];
    times.extend(span.events.iter().map(|event| event.time_unix_nano));
    times.extend([span.end_time_unix_nano, after]);
    assert!(times.is_sorted(), "{times:?}");
    assert!(span.start_time_unix_nano < span.events[0].time_unix_nano);
    let length = span.end_time_unix_nano - span.start_time_unix_nano;
    assert_eq!(u128::from(length), total.as_nanos(), "the span is as long as the exchange");

    let mut attributes = object(&span.attributes);
    let log_id = attributes.remove("ai_gateway.log_id").unwrap();
    assert_eq!(log_id, answer.head.get("cf-aig-log-id").unwrap());
    take_seconds(&mut attributes, "ai_gateway.overhead", &span);
    let chunk = take_seconds(&mut attributes, "gen_ai.response.time_to_first_chunk", &span);
    let token = take_seconds(&mut attributes, "ai_gateway.time_to_first_token", &span);
    let event = span.events[1].time_unix_nano - span.start_time_unix_nano;
    assert!((token - event as f64 / 1e9).abs() < 1e-6, "{token} {event}");
    assert_eq!(chunk, token);
    assert_eq!(
        Value::from(attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "x_ai",
            "gen_ai.request.model": "grok-4",
            "gen_ai.request.stream": true,
            "gen_ai.response.model": "grok-4-0709",
            "gen_ai.usage.input_tokens": 120,
            "gen_ai.usage.output_tokens": 49,
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.reasoning.output_tokens": 40,
            "gen_ai.usage.cost": 0.00125,
            "server.address": "127.0.0.1",
            "server.port": provider.addr().port(),
            "http.response.status_code": 200,
            "ai_gateway.event_id": "mine",
            "ai_gateway.account": "acct",
            "ai_gateway.gateway": "gw",
            "ai_gateway.operation": "chat",
            "ai_gateway.outcome": "complete",
            "ai_gateway.metering": "complete",
            "ai_gateway.cost.ticks": 12_500_000,
            "ai_gateway.cost.usd": 0.00125,
            "ai_gateway.cost.source": "reported",
            "ai_gateway.stream": true,
            "ai_gateway.step": 0,
            "ai_gateway.attempts": 1,
            "ai_gateway.metadata.team": "a",
            "ai_gateway.metadata.n": 1.5,
            "ai_gateway.metadata.beta": true,
            "ai_gateway.metadata.gen_ai.usage.cost": "x",
        })
    );
}

#[tokio::test]
async fn messages_report_cache_writes() {
    let provider = Recorder::answering(|_| {
        json_response(
            "200 OK",
            r#"{"type":"message","model":"claude-x","content":[{"type":"text","text":"hi"}],
                "usage":{"input_tokens":9,"cache_creation_input_tokens":3,
                "cache_read_input_tokens":100,"output_tokens":32}}"#,
        )
    })
    .await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let body = br#"{"model":"claude-x"}"#;
    scene.gateway.answer(request("POST /ai/grok/v1/messages", &[], body)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(span.name, "chat claude-x");
    assert_eq!(attributes["gen_ai.usage.input_tokens"], 112);
    assert_eq!(attributes["gen_ai.usage.cache_creation.input_tokens"], 3);
    assert_eq!(attributes["gen_ai.usage.cache_read.input_tokens"], 100);
    assert_eq!(attributes["gen_ai.usage.output_tokens"], 32);
    for absent in [
        "gen_ai.request.stream",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.cost",
        "ai_gateway.account",
        "ai_gateway.cost.ticks",
        "ai_gateway.time_to_first_token",
        "ai_gateway.requested_trace_id",
        "error.type",
    ] {
        assert!(!attributes.contains_key(absent), "{absent}: {attributes:#?}");
    }
    assert_eq!(span.events.len(), 1, "no first token of what is no stream");
}

#[tokio::test]
async fn chunks_without_content_are_not_the_first() {
    let provider = Recorder::answering(|_| {
        let role = r#"{"model":"grok-4","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#;
        event_stream(&[role, "[DONE]"])
    })
    .await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    scene.answer(&[], &chat_body()).await;
    let attributes = object(&scene.only_span().await.attributes);
    assert_eq!(attributes["ai_gateway.stream"], true);
    assert!(!attributes.contains_key("gen_ai.response.time_to_first_chunk"), "{attributes:#?}");
}
