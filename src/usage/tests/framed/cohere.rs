//! Streams and bodies of Cohere.

use serde_json::{Value, json};

use super::wire::{Wire, untyped, wire};
use super::*;

fn cohere_v2() -> Vec<Value> {
    vec![
        json!({"id": "c", "type": "message-start", "delta": {"message": {"role": "assistant"}}}),
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {
            "type": "text", "text": "",
        }}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {
            "text": "message-end \"usage\"",
        }}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "!"}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
            "tokens": {"input_tokens": 3421.0, "output_tokens": 429.0}, "cached_tokens": 2928,
            "billed_units": {"input_tokens": 2406.0, "output_tokens": 418, "search_units": 2},
        }}}),
    ]
}

fn cohere_usage() -> Usage {
    Usage {
        input_uncached: Some(2406),
        output_visible: Some(418),
        search_units: Some(2),
        ..Usage::default()
    }
}

#[test]
fn cohere_bills_its_billed_units() {
    let stream = wire(Wire::Sse, Shape::CohereV2, &untyped(&cohere_v2()));
    assert_eq!(stream.usage, Some(cohere_usage()));
    assert_eq!((stream.terminal, stream.error), (Some(Terminal::MessageEnd), None));
    assert_eq!((stream.has_content, stream.content_events), (true, 3));
    let body = json!({
        "id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant", "usage": {}},
        "usage": cohere_v2()[5]["delta"]["usage"],
    });
    let body = wire(Wire::Body, Shape::CohereV2, &untyped(&[body]));
    assert_eq!((body.usage, body.error), (Some(cohere_usage()), None));
    let counted = json!({"usage": {"tokens": {"input_tokens": 71.0, "output_tokens": 4}}});
    let counted = wire(Wire::Body, Shape::CohereV2, &untyped(&[counted])).usage.unwrap();
    assert_eq!((counted.input(), counted.output()), (Some(71), Some(4)));
}

#[test]
fn cohere_bills_embedded_images_by_token_or_by_image() {
    let of = |billed: Value| {
        let body = json!({"id": "e", "embeddings": {}, "meta": {"billed_units": billed}});
        wire(Wire::Body, Shape::EmbeddingsCohere, &untyped(&[body])).usage
    };
    let usage = |input, image_input, images| {
        Some(Usage { input_uncached: input, image_input, images, ..Usage::default() })
    };
    for (billed, expected) in [
        (json!({"input_tokens": 3.0, "image_tokens": 1610.0}), usage(Some(1613), Some(1610), None)),
        (json!({"image_tokens": 1610, "images": 1}), usage(Some(1610), Some(1610), None)),
        (
            json!({"input_tokens": 1613, "text_tokens": 3, "image_tokens": 1610}),
            usage(Some(1613), Some(1610), None),
        ),
        (json!({"input_tokens": null, "images": 2}), usage(None, None, Some(2))),
        (json!({"input_tokens": 0, "image_tokens": 0, "images": 2}), usage(Some(0), None, Some(2))),
        (json!({"input_tokens": 7, "images": 0}), usage(Some(7), None, None)),
    ] {
        assert_eq!(of(billed.clone()), expected, "{billed}");
    }
}

#[test]
fn cohere_reports_failures_in_its_finish_reason() {
    for reason in ["ERROR", "TIMEOUT"] {
        let mut events = cohere_v2();
        events[5]["delta"]["finish_reason"] = reason.into();
        events[5]["delta"]["error"] = "no luck".into();
        let stream = wire(Wire::Sse, Shape::CohereV2, &untyped(&events));
        assert_eq!(stream.error_code(), Some(reason));
        assert_eq!(stream.usage, Some(cohere_usage()));
        let body = json!({"finish_reason": reason, "message": {}});
        let body = wire(Wire::Body, Shape::CohereV2, &untyped(&[body]));
        assert_eq!(body.error_code(), Some(reason));
    }
    for reason in ["ERROR", "ERROR_TOXIC", "ERROR_LIMIT"] {
        let mut events = cohere_v1();
        events[3]["finish_reason"] = reason.into();
        for how in [Wire::Lines, Wire::Sse] {
            let stream = wire(how, Shape::CohereV1, &untyped(&events));
            assert_eq!(stream.error_code(), Some(reason));
        }
    }
    for reason in ["MAX_TOKENS", "STOP_SEQUENCE", "TOOL_CALL"] {
        let mut events = cohere_v2();
        events[5]["delta"]["finish_reason"] = reason.into();
        assert_eq!(wire(Wire::Sse, Shape::CohereV2, &untyped(&events)).error, None);
    }
}

fn cohere_v1() -> Vec<Value> {
    vec![
        json!({"is_finished": false, "event_type": "stream-start", "generation_id": "g"}),
        json!({"is_finished": false, "event_type": "text-generation", "text": "meta stream-end"}),
        json!({"is_finished": false, "event_type": "text-generation", "text": "!"}),
        json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE",
            "response": {"text": "!", "chat_history": [{"message": "x"}], "meta": {
                "api_version": {"version": "1"}, "tokens": {"input_tokens": 9, "output_tokens": 1},
                "billed_units": {"input_tokens": 4, "output_tokens": 7},
            }},
        }),
    ]
}

#[test]
fn cohere_v1_in_lines_and_events() {
    for how in [Wire::Lines, Wire::Sse] {
        let stream = wire(how, Shape::CohereV1, &untyped(&cohere_v1()));
        let usage = stream.usage.unwrap();
        assert_eq!((usage.input(), usage.output()), (Some(4), Some(7)));
        assert_eq!((stream.terminal, stream.error), (Some(Terminal::StreamEnd), None));
        assert_eq!((stream.has_content, stream.problem), (true, None));
        assert_eq!(wire(how, Shape::CohereV1, &untyped(&cohere_v1()[..3])).terminal, None);
    }
    let body = cohere_v1()[3]["response"].clone();
    let usage = wire(Wire::Body, Shape::CohereV1, &untyped(&[body])).usage.unwrap();
    assert_eq!((usage.input(), usage.output()), (Some(4), Some(7)));
}
