//! Streams and bodies of Amazon Bedrock.

use serde_json::{Value, json};

use super::wire::{Wire, event, exception, untyped, wire};
use super::*;

fn converse() -> Vec<(&'static str, Value)> {
    vec![
        ("messageStart", json!({"p": "abcdef", "role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "Hi \"usage\""}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": ""}})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{\"usage\":{}}"}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", metadata()),
    ]
}

fn metadata() -> Value {
    json!({
        "metrics": {"latencyMs": 1234},
        "trace": {"guardrail": {"inputAssessment": {"g": {"invocationMetrics": {
            "usage": {"topicPolicyUnits": 1, "inputTokens": 99999},
        }}}}},
        "usage": {
            "inputTokens": 3, "outputTokens": 227, "totalTokens": 1942,
            "cacheReadInputTokens": 1500, "cacheWriteInputTokens": 212,
            "cacheDetails": [
                {"ttl": "5m", "inputTokens": 12}, {"ttl": "1h", "inputTokens": 200},
            ],
        },
        "serviceTier": {"type": "priority"},
    })
}

fn converse_usage() -> Usage {
    Usage {
        input_uncached: Some(3),
        cache_read: Some(1500),
        cache_write: Some(212),
        cache_write_long: Some(200),
        output_visible: Some(227),
        total_reported: Some(1942),
        ..Usage::default()
    }
}

#[test]
fn converse_as_a_stream_and_as_a_body() {
    let stream = wire(Wire::Frames, Shape::Converse, &converse());
    assert_eq!(stream.usage, Some(converse_usage()));
    assert_eq!((stream.terminal, stream.error), (Some(Terminal::MessageStop), None));
    assert_eq!(stream.service_tier.as_deref(), Some("priority"));
    assert_eq!((stream.has_content, stream.content_events), (true, 2));

    let mut body = metadata();
    body["output"] = json!({"message": {"content": [{"text": "{\"usage\":{\"inputTokens\":1}}"}]}});
    body["stopReason"] = "end_turn".into();
    let body = wire(Wire::Body, Shape::Converse, &untyped(&[body]));
    assert_eq!((body.usage, body.terminal), (Some(converse_usage()), Some(Terminal::Closed)));
    assert_eq!(body.service_tier.as_deref(), Some("priority"));
}

#[test]
fn a_converse_stream_is_complete_with_its_stop_and_its_metadata() {
    let events = converse();
    for missing in [5, 6] {
        let mut cut = events.clone();
        cut.remove(missing);
        assert_eq!(wire(Wire::Frames, Shape::Converse, &cut).terminal, None, "without {missing}");
    }
    let whole = Wire::Frames.write(&events);
    let cut = read_any(Format::AmazonEventStream, Shape::Converse, &whole[..whole.len() - 1]);
    assert_eq!((cut.terminal, cut.usage, cut.problem), (None, None, None));
}

#[test]
fn an_exception_in_a_stream_is_an_error() {
    for kind in [
        "throttlingException",
        "modelStreamErrorException",
        "internalServerException",
        "serviceUnavailableException",
        "validationException",
    ] {
        for (shape, payload) in
            [(Shape::Converse, "{\"message\":\"no\"}"), (Shape::Invoke, ""), (Shape::Other, "no")]
        {
            let start = event("messageStart", "{\"role\":\"assistant\"}");
            let stream = [start, exception(kind, payload)].concat();
            let reading = read_any(Format::AmazonEventStream, shape, &stream);
            assert_eq!((reading.error_code(), reading.problem), (Some(kind), None));
            assert_eq!(reading.terminal, None);
        }
    }
}

#[test]
fn a_bad_frame_stops_the_metering_and_keeps_what_was_before() {
    let mut stream = Wire::Frames.write(&converse());
    let length = stream.len();
    stream.extend_from_slice(b"what is this, and why?");
    stream.extend_from_slice(
        &Wire::Frames.write(&[("metadata", json!({"usage": {"inputTokens": 9}}))]),
    );
    let reading = read_any(Format::AmazonEventStream, Shape::Converse, &stream);
    assert_eq!(
        (reading.usage, reading.problem),
        (Some(converse_usage()), Some(Problem::Malformed))
    );
    let mut flipped = stream[..length].to_vec();
    flipped[length - 30] ^= 1;
    let reading = read_any(Format::AmazonEventStream, Shape::Converse, &flipped);
    assert_eq!((reading.usage, reading.problem), (None, Some(Problem::Malformed)));
}

#[test]
fn invoke_wraps_the_events_of_messages() {
    let events = untyped(&[
        json!({"type": "message_start", "message": {"model": "claude", "usage": {
            "input_tokens": 9, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7,
            "output_tokens": 1,
        }}}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "caf\u{e9}"}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 32}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 9, "outputTokenCount": 32, "invocationLatency": 812,
            "cacheReadInputTokenCount": 100, "cacheWriteInputTokenCount": 7,
        }}),
    ]);
    let reading = wire(Wire::Chunks, Shape::Invoke, &events);
    let usage = reading.usage.unwrap();
    assert_eq!((usage.input_uncached, usage.cache_read), (Some(9), Some(100)));
    assert_eq!((usage.cache_write, usage.output()), (Some(7), Some(32)));
    assert_eq!((reading.terminal, reading.problem), (Some(Terminal::MessageStop), None));
    assert_eq!((reading.model.as_deref(), reading.content_events), (Some("claude"), 1));
    assert_eq!(wire(Wire::Chunks, Shape::Invoke, &events[..3]).terminal, None);
}

#[test]
fn invoke_reports_the_tokens_of_any_model_at_the_end() {
    let reading = wire(
        Wire::Chunks,
        Shape::Invoke,
        &untyped(&[
            json!({"generation": "Hi", "prompt_token_count": 5}),
            json!({"generation": "", "stop_reason": "stop", "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 25, "outputTokenCount": 12, "firstByteLatency": 300,
            }}),
        ]),
    );
    let usage = reading.usage.unwrap();
    assert_eq!((usage.input(), usage.output()), (Some(25), Some(12)));
    assert_eq!(reading.terminal, Some(Terminal::Done));
}

#[test]
fn invoke_reports_the_tokens_of_a_body_in_its_head() {
    let mut headers = http::HeaderMap::new();
    for (name, value) in [
        ("x-amzn-bedrock-input-token-count", "25"),
        ("x-amzn-bedrock-output-token-count", "12"),
        ("x-amzn-bedrock-cache-read-input-token-count", "7"),
        ("x-amzn-bedrock-cache-write-input-token-count", "many"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    for body in [
        "{\"outputs\":[{\"text\":\"x\"}]}",
        "{\"usage\":{\"input_tokens\":25,\"output_tokens\":12,\"cache_read_input_tokens\":7}}",
    ] {
        let mut meter = Meter::new(Format::Json, Shape::Invoke, Meter::LIMIT);
        meter.see_head(&headers);
        meter.push(body.as_bytes());
        let usage = meter.usage().unwrap();
        assert_eq!((usage.input_uncached, usage.cache_read), (Some(25), Some(7)));
        assert_eq!((usage.output(), usage.cache_write), (Some(12), None));
    }
    let mut chat = Meter::new(Format::Json, Shape::Chat, Meter::LIMIT);
    chat.see_head(&headers);
    assert_eq!(chat.usage(), None);
}
