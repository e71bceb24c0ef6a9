//! Streams in framings other than server-sent events, and usage other than the tokens of chats.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::usage::{Shape, frame};

/// Documents with the types of their events.
type Documents = Vec<(&'static str, Value)>;

/// The framing of a stream's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Body,
    Sse,
    Array,
    Lines,
    Frames,
    /// Frames with the document in base64.
    Chunks,
}

impl Wire {
    fn format(self) -> Format {
        match self {
            Self::Body | Self::Array => Format::Json,
            Self::Sse => Format::Sse,
            Self::Lines => Format::JsonLines,
            Self::Frames | Self::Chunks => Format::AmazonEventStream,
        }
    }

    /// Encodes each document with the type of its event.
    fn write(self, documents: &[(&str, Value)]) -> Vec<u8> {
        let text = |(kind, document): &(&str, Value)| match self {
            Self::Body => format!("\n\n {document}\n").into_bytes(),
            Self::Sse => format!("data: {document}\n\n").into_bytes(),
            Self::Lines => format!("{document}\n").into_bytes(),
            Self::Array => document.to_string().into_bytes(),
            Self::Frames => event(kind, &document.to_string()),
            Self::Chunks => event(
                "chunk",
                &json!({"bytes": base64(&document.to_string()), "p": "abc"}).to_string(),
            ),
        };
        let documents: Vec<Vec<u8>> = documents.iter().map(text).collect();
        match self {
            Self::Array => [b"[", &documents.join(&b"\n,\r\n"[..])[..], b"]\n"].concat(),
            _ => documents.concat(),
        }
    }
}

fn header(name: &str, value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[name.len() as u8], name.as_bytes(), &[7], &length, value.as_bytes()].concat()
}

fn event(kind: &str, payload: &str) -> Vec<u8> {
    let headers = [
        header(":event-type", kind),
        header(":content-type", "application/json"),
        header(":message-type", "event"),
    ];
    frame(&headers.concat(), payload.as_bytes())
}

fn exception(kind: &str, payload: &str) -> Vec<u8> {
    let headers = [header(":exception-type", kind), header(":message-type", "exception")];
    frame(&headers.concat(), payload.as_bytes())
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(*group.get(at).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4 {
            match letter <= group.len() {
                true => out.push(LETTERS[(bits >> (18 - 6 * letter)) as usize & 63].into()),
                false => out.push('='),
            }
        }
    }
    out
}

fn read_shape(format: Format, shape: Shape, body: &[u8], frame: usize) -> Reading {
    let mut meter = Meter::new(format, shape, Meter::LIMIT);
    for frame in body.chunks(frame) {
        meter.push(frame);
        meter.push(b"");
    }
    meter.finish();
    Reading::of(&meter)
}

/// Reads the documents in chunks of all small sizes.
fn wire(wire: Wire, shape: Shape, documents: &[(&str, Value)]) -> Reading {
    bytes(wire.format(), shape, &wire.write(documents))
}

fn bytes(format: Format, shape: Shape, body: &[u8]) -> Reading {
    let whole = read_shape(format, shape, body, usize::MAX);
    for frame in (1..=64.min(body.len())).chain([100, 1000]) {
        assert_eq!(read_shape(format, shape, body, frame), whole, "{shape:?} by {frame}");
    }
    whole
}

fn untyped(documents: &[Value]) -> Vec<(&'static str, Value)> {
    documents.iter().map(|document| ("", document.clone())).collect()
}

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
fn a_converse_stream_is_whole_with_its_stop_and_its_metadata() {
    let events = converse();
    for missing in [5, 6] {
        let mut cut = events.clone();
        cut.remove(missing);
        assert_eq!(wire(Wire::Frames, Shape::Converse, &cut).terminal, None, "without {missing}");
    }
    let whole = Wire::Frames.write(&events);
    let cut = bytes(Format::AmazonEventStream, Shape::Converse, &whole[..whole.len() - 1]);
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
            let reading = bytes(Format::AmazonEventStream, shape, &stream);
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
    let reading = bytes(Format::AmazonEventStream, Shape::Converse, &stream);
    assert_eq!(
        (reading.usage, reading.problem),
        (Some(converse_usage()), Some(Problem::Malformed))
    );
    let mut flipped = stream[..length].to_vec();
    flipped[length - 30] ^= 1;
    let reading = bytes(Format::AmazonEventStream, Shape::Converse, &flipped);
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
fn cohere_fails_by_its_finish_reason() {
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

#[test]
fn searches_pages_and_characters() {
    let of = |shape, body: Value| wire(Wire::Body, shape, &untyped(&[body])).usage;
    let meta = |units: Value| json!({"results": [{"index": 0}], "meta": {"billed_units": units}});
    let searches = Usage { search_units: Some(3), ..Usage::default() };
    assert_eq!(of(Shape::Rerank, meta(json!({"search_units": 3}))), Some(searches));
    let tokens = json!({"results": [], "usage": {"total_tokens": 26, "prompt_tokens": 26}});
    assert_eq!(of(Shape::Rerank, tokens).unwrap().input(), Some(26));
    let embed = of(Shape::EmbeddingsCohere, meta(json!({"input_tokens": 4.0, "image_tokens": 2})));
    assert_eq!(embed.unwrap().input(), Some(4));
    let pages = json!({"pages": [{"markdown": "x"}], "model": "mistral-ocr", "usage_info": {
        "pages_processed": 29, "doc_size_bytes": 3_002_783,
    }});
    assert_eq!(of(Shape::Ocr, pages), Some(Usage { pages: Some(29), ..Usage::default() }));
    let vertex = json!({"predictions": [{"embeddings": {"values": [0.1]}}], "metadata": {
        "billableCharacterCount": 20,
    }});
    let characters = Usage { characters: Some(20), ..Usage::default() };
    assert_eq!(of(Shape::EmbeddingsGoogle, vertex), Some(characters));
}

fn ollama() -> Vec<Value> {
    vec![
        json!({"model": "llama", "message": {"role": "assistant", "content": ""}, "done": false}),
        json!({"model": "llama", "message": {"content": "done: true"}, "done": false}),
        json!({"model": "llama", "message": {"content": "!", "thinking": "eval_count"}, "done": false}),
        json!({"model": "llama", "message": {"content": ""}, "done": true, "done_reason": "stop",
            "total_duration": 5, "prompt_eval_count": 26, "prompt_eval_duration": 1,
            "eval_count": 298, "eval_duration": 4}),
    ]
}

#[test]
fn ollama_reports_its_counts_in_the_last_line() {
    let expected =
        Usage { input_uncached: Some(26), output_visible: Some(298), ..Usage::default() };
    let stream = wire(Wire::Lines, Shape::Ollama, &untyped(&ollama()));
    assert_eq!((stream.usage, stream.terminal), (Some(expected), Some(Terminal::Done)));
    assert_eq!((stream.model.as_deref(), stream.content_events), (Some("llama"), 2));
    let body = wire(Wire::Body, Shape::Ollama, &untyped(&ollama()[3..]));
    assert_eq!((body.usage, body.terminal), (Some(expected), Some(Terminal::Closed)));
    let cut = wire(Wire::Lines, Shape::Ollama, &untyped(&ollama()[..3]));
    assert_eq!((cut.usage, cut.terminal, cut.error), (None, None, None));
    let lines = Wire::Lines.write(&untyped(&ollama()));
    let open = bytes(Format::JsonLines, Shape::Ollama, &lines[..lines.len() - 1]);
    assert_eq!(open, stream);
    let failed = [ollama()[0].clone(), json!({"error": "out of memory"})];
    let failed = wire(Wire::Lines, Shape::Ollama, &untyped(&failed));
    assert_eq!((failed.error, failed.terminal), (Some(ProviderError { code: None }), None));
    let generate = [json!({"response": "Hi", "done": false}), ollama()[3].clone()];
    assert!(wire(Wire::Lines, Shape::Ollama, &untyped(&generate)).has_content);
}

fn image_usage() -> Value {
    json!({"input_tokens": 150, "output_tokens": 1056, "total_tokens": 1206,
        "input_tokens_details": {"text_tokens": 50, "image_tokens": 100}})
}

#[test]
fn images_by_token_and_by_piece() {
    let body = json!({"created": 1, "size": "1024x1536", "quality": "high", "background": "opaque",
        "data": [{"b64_json": "size"}, {"b64_json": "x"}], "usage": image_usage()});
    let read = |wire: Wire, documents: &[Value]| {
        let body = wire.write(&untyped(documents));
        let mut meter = Meter::new(wire.format(), Shape::Images, Meter::LIMIT);
        body.chunks(3).for_each(|chunk| meter.push(chunk));
        meter.finish();
        meter
    };
    let meter = read(Wire::Body, std::slice::from_ref(&body));
    let usage = meter.usage().unwrap();
    assert_eq!((usage.input(), usage.image_input), (Some(150), Some(100)));
    assert_eq!((usage.output(), usage.image_output), (Some(1056), Some(1056)));
    assert_eq!(usage.images, Some(2));
    assert_eq!((meter.image_size(), meter.image_quality()), (Some("1024x1536"), Some("high")));

    let old = json!({"created": 1, "data": [{"url": "a"}, {"url": "b"}, {"url": "c"}]});
    let meter = read(Wire::Body, &[old]);
    assert_eq!(meter.usage(), Some(Usage { images: Some(3), ..Usage::default() }));
    assert_eq!((meter.image_size(), meter.image_quality()), (None, None));

    for kind in ["image_generation", "image_edit"] {
        let piece = |name: &str| {
            json!({"type": format!("{kind}.{name}"), "b64_json": "iVBO", "size": "1024x1024",
                "quality": "low", "partial_image_index": 0})
        };
        let mut last = piece("completed");
        last["usage"] = image_usage();
        last["usage"]["output_tokens_details"] = json!({"image_tokens": 1000, "text_tokens": 56});
        let events = [piece("partial_image"), piece("partial_image"), last];
        let stream = wire(Wire::Sse, Shape::Images, &untyped(&events));
        let usage = stream.usage.unwrap();
        assert_eq!((usage.output(), usage.image_output), (Some(1056), Some(1000)));
        assert_eq!((usage.images, stream.terminal), (Some(1), Some(Terminal::Completed)));
        assert!(stream.has_content);
        let meter = read(Wire::Sse, &events);
        assert_eq!((meter.image_size(), meter.image_quality()), (Some("1024x1024"), Some("low")));
        assert_eq!(wire(Wire::Sse, Shape::Images, &untyped(&events[..2])).terminal, None);
    }
}

#[test]
fn transcription_by_token_and_by_second() {
    let of = |body: Value| wire(Wire::Body, Shape::Transcription, &untyped(&[body])).usage.unwrap();
    let tokens = json!({"type": "tokens", "input_tokens": 14, "output_tokens": 45,
        "total_tokens": 59, "input_token_details": {"text_tokens": 0, "audio_tokens": 14}});
    let usage = of(json!({"text": "\"seconds\":9", "usage": tokens}));
    assert_eq!((usage.input(), usage.audio_input), (Some(14), Some(14)));
    assert_eq!((usage.output(), usage.duration_ms), (Some(45), None));
    let duration = of(json!({"text": "x", "usage": {"type": "duration", "seconds": 8}}));
    assert_eq!(duration, Usage { duration_ms: Some(8000), ..Usage::default() });
    for (seconds, ms) in [
        (json!(8.470000267), 8470),
        (json!("3.5"), 3500),
        (json!(12), 12_000),
        (json!(1.5e2), 150_000),
    ] {
        let verbose = json!({"task": "transcribe", "duration": seconds, "text": "x", "segments": [{"tokens": [1]}]});
        assert_eq!(of(verbose).duration_ms, Some(ms), "{seconds}");
    }
    let both = json!({"duration": 8.47, "usage": {"type": "duration", "seconds": 9}});
    assert_eq!(of(both).duration_ms, Some(9000));

    let events = [
        json!({"type": "transcript.text.delta", "delta": "Hi .done"}),
        json!({"type": "transcript.text.done", "text": "Hi", "usage": tokens}),
    ];
    let stream = wire(Wire::Sse, Shape::Transcription, &untyped(&events));
    assert_eq!((stream.usage.unwrap().output(), stream.terminal), (Some(45), Some(Terminal::Done)));
    assert!(stream.has_content);
    assert_eq!(wire(Wire::Sse, Shape::Transcription, &untyped(&events[..1])).terminal, None);
    let mistral = [
        json!({"type": "transcription.text.delta", "text": "Hi"}),
        json!({"type": "transcription.done", "text": "Hi", "model": "voxtral", "usage": {
            "prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 6,
            "total_tokens": 10,
        }}),
    ];
    let stream = wire(Wire::Sse, Shape::Transcription, &untyped(&mistral));
    assert_eq!(stream.usage.unwrap().duration_ms, Some(203_000));
    assert_eq!((stream.terminal, stream.has_content), (Some(Terminal::Done), true));
}

#[test]
fn speech_as_events() {
    let events = [
        json!({"type": "speech.audio.delta", "audio": "UklGRg"}),
        json!({"type": "speech.audio.done", "usage": {
            "input_tokens": 14, "output_tokens": 101, "total_tokens": 115,
        }}),
    ];
    let stream = wire(Wire::Sse, Shape::Speech, &untyped(&events));
    let usage = stream.usage.unwrap();
    assert_eq!(
        (usage.input(), usage.output(), usage.audio_output),
        (Some(14), Some(101), Some(101))
    );
    assert_eq!((stream.terminal, stream.has_content), (Some(Terminal::Done), true));
    assert_eq!(wire(Wire::Sse, Shape::Speech, &untyped(&events[..1])).terminal, None);
}

#[test]
fn a_video_counts_once_it_is_there() {
    let video = |status: &str| {
        let video = json!({"id": "v", "object": "video", "model": "sora-2", "status": status,
            "progress": 3, "seconds": "8", "size": "1280x720"});
        wire(Wire::Body, Shape::Videos, &untyped(&[video]))
    };
    for status in ["queued", "in_progress", "failed"] {
        assert_eq!(video(status).usage, None, "{status}");
    }
    let done = video("completed");
    assert_eq!(done.usage, Some(Usage { duration_ms: Some(8000), ..Usage::default() }));
    assert_eq!(done.model.as_deref(), Some("sora-2"));
}

#[test]
fn an_array_is_read_as_its_events_would_be() {
    let events = untyped(&[
        json!({"choices": [{"delta": {"content": "a"}}], "model": "m"}),
        json!({"choices": [{"delta": {"content": "b"}}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}),
    ]);
    let array = wire(Wire::Array, Shape::Other, &events);
    let stream = wire(Wire::Sse, Shape::Other, &events);
    assert_eq!(array.terminal, Some(Terminal::Closed));
    assert_eq!(Reading { terminal: None, ..array }, stream);
    let body = r#"[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]"#;
    for shape in [Shape::Chat, Shape::GenerateContent] {
        let reading = bytes(Format::Json, shape, body.as_bytes());
        assert_eq!((reading.error_code(), reading.usage), (Some("429"), None));
    }
}

/// The usage of a stream's or body's documents, read from trees by tables of each API.
fn reference(shape: Shape, documents: &[(&str, Value)]) -> Option<Usage> {
    let mut usage: Option<Usage> = None;
    for (_, document) in documents {
        let found = match shape {
            Shape::Converse => of_converse(&document["usage"]),
            Shape::CohereV2 | Shape::CohereV1 => [
                &document["usage"],
                &document["meta"],
                &document["delta"]["usage"],
                &document["response"]["meta"],
            ]
            .into_iter()
            .find_map(of_cohere),
            Shape::Ollama => {
                let counts = [&document["prompt_eval_count"], &document["eval_count"]];
                let [input_uncached, output_visible] = counts.map(Value::as_u64);
                let is_told = input_uncached.or(output_visible).is_some();
                is_told.then(|| Usage { input_uncached, output_visible, ..Usage::default() })
            }
            _ => None,
        };
        usage = found.or(usage);
    }
    usage
}

fn of_converse(usage: &Value) -> Option<Usage> {
    usage.as_object().filter(|usage| !usage.is_empty())?;
    let figure = |key: &str| usage[key].as_u64();
    let long = usage["cacheDetails"].as_array().into_iter().flatten();
    let long = long.filter(|detail| detail["ttl"] == "1h");
    let long = long.filter_map(|detail| detail["inputTokens"].as_u64()).reduce(|a, b| a + b);
    let mut usage = Usage {
        input_uncached: figure("inputTokens"),
        cache_read: figure("cacheReadInputTokens"),
        cache_write: figure("cacheWriteInputTokens"),
        cache_write_long: long,
        output_visible: figure("outputTokens"),
        total_reported: figure("totalTokens"),
        ..Usage::default()
    };
    usage.inconsistent = usage.total_reported.is_some() && usage.total() != usage.total_reported;
    Some(usage)
}

fn of_cohere(usage: &Value) -> Option<Usage> {
    let figure = |object: &str, key: &str| usage[object][key].as_f64().map(|figure| figure as u64);
    let search_units = figure("billed_units", "search_units");
    let pair = |object: &str| {
        let pair = [figure(object, "input_tokens"), figure(object, "output_tokens")];
        (pair != [None, None]).then_some(pair)
    };
    let [input_uncached, output_visible] = pair("billed_units").or_else(|| pair("tokens"))?;
    Some(Usage { input_uncached, output_visible, search_units, ..Usage::default() })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z ]{0,12}",
        1 => "\\PC{0,8}",
        1 => prop::sample::select(&[
            "", "\"usage\":{\"inputTokens\":9}", "\"done\":true", "]", "}\n{", "\\", "message-end",
            "stream-end", "\"meta\":{}", "messageStop", "error",
        ][..]).prop_map(str::to_owned),
    ]
}

/// A stream of a shape, possibly cut.
fn scene() -> impl Strategy<Value = (Wire, Shape, Documents)> {
    let figures = prop::array::uniform5(0_u64..100_000);
    let texts = prop::collection::vec(text(), 0..6);
    (0_usize..5, figures, texts, any::<bool>()).prop_map(|(choice, figures, texts, is_cut)| {
        let [a, b, c, d, e] = figures;
        let units = json!({"input_tokens": a as f64, "output_tokens": b});
        let cohere = json!({"billed_units": units, "tokens": {"input_tokens": c, "output_tokens": d},
            "cached_tokens": e});
        let total = a + b + c + d.min(c);
        let converse = json!({
            "trace": {"guardrail": {"usage": {"inputTokens": e}}},
            "usage": {"inputTokens": a, "outputTokens": b, "cacheReadInputTokens": c,
                "cacheWriteInputTokens": d.min(c), "totalTokens": total + u64::from(e == 7),
                "cacheDetails": [{"ttl": "1h", "inputTokens": d.min(c) / 2}, {"ttl": "5m"}]},
        });
        let (wire, shape, delta, last): (_, _, fn(&str) -> Value, Documents) = match choice {
            0 => (
                Wire::Frames,
                Shape::Converse,
                |text| json!({"delta": {"text": text}}),
                vec![("messageStop", json!({"stopReason": "end_turn"})), ("metadata", converse)],
            ),
            1 => (
                Wire::Sse,
                Shape::CohereV2,
                |text| {
                    json!({"type": "content-delta",
                        "delta": {"message": {"content": {"text": text}}}})
                },
                vec![("", json!({"type": "message-end", "delta": {"usage": cohere}}))],
            ),
            2 | 3 => (
                if choice == 2 { Wire::Lines } else { Wire::Sse },
                Shape::CohereV1,
                |text| json!({"event_type": "text-generation", "text": text}),
                vec![("", json!({"event_type": "stream-end", "response": {"meta": cohere}}))],
            ),
            _ => (
                Wire::Lines,
                Shape::Ollama,
                |text| json!({"message": {"content": text}, "done": false}),
                vec![("", json!({"done": true, "prompt_eval_count": a, "eval_count": b}))],
            ),
        };
        let deltas = texts.iter().map(|text| ("contentBlockDelta", delta(text)));
        let mut documents: Vec<_> = deltas.chain(last).collect();
        if is_cut {
            documents.pop();
        }
        (wire, shape, documents)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn streams_read_as_trees_do_in_any_split(
        (wire, shape, documents) in scene(),
        lengths in prop::collection::vec(prop_oneof![0_usize..5, 0_usize..300], 1..8),
    ) {
        let body = wire.write(&documents);
        let mut meter = Meter::new(wire.format(), shape, Meter::LIMIT);
        let mut rest = &body[..];
        for length in lengths.iter().chain([&3]).cycle() {
            let (frame, after) = rest.split_at((*length).min(rest.len()));
            meter.push(frame);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        meter.finish();
        prop_assert_eq!(meter.usage(), reference(shape, &documents));
        let is_whole = documents.last().is_some_and(|(kind, document)| {
            *kind == "metadata" || !document["response"].is_null() || document["done"] == true
                || document["type"] == "message-end"
        });
        prop_assert_eq!(meter.terminal().is_some(), is_whole);
        prop_assert_eq!(meter.problem(), None);
        prop_assert_eq!(meter.error(), None);
    }

    #[test]
    fn any_bytes_read_the_same_in_any_split(
        format in prop::sample::select(
            &[Format::Json, Format::Sse, Format::JsonLines, Format::AmazonEventStream][..]
        ),
        shape in prop::sample::select(
            &[
                Shape::Converse, Shape::Invoke, Shape::CohereV1, Shape::CohereV2, Shape::Ollama,
                Shape::Images, Shape::Transcription, Shape::Videos, Shape::Ocr, Shape::Rerank,
            ][..]
        ),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
        is_array in any::<bool>(),
        frame in 1_usize..30,
    ) {
        let payload = pieces.concat();
        let body = match format {
            Format::AmazonEventStream if is_array => {
                let text = String::from_utf8_lossy(&payload);
                [event("chunk", &text), event("metadata", &text), payload].concat()
            }
            Format::Json if is_array => [b"[", &payload[..]].concat(),
            _ => payload,
        };
        let whole = read_shape(format, shape, &body, usize::MAX);
        prop_assert_eq!(read_shape(format, shape, &body, frame), whole);
    }
}

const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b" ",
    b"\n",
    b"\r\n",
    b"1",
    b"true",
    b"null",
    b"\xff",
    b"\0",
    b"\0\0\0\x10",
    b"\"usage\":{",
    b"\"inputTokens\":7",
    b"\"bytes\":\"",
    b"eyJh",
    b"\"done\":true",
    b"\"eval_count\":3",
    b"\"event_type\":\"stream-end\"",
    b"\"meta\":{",
    b"\"error\":\"x\"",
    b"{\"usage\":{\"input_tokens\":1}}",
    b"{\"done\":true,\"eval_count\":5}",
    b"data: {\"delta\":{\"text\":\"x\"}}\n\n",
    b"data: ",
    b"\n\n",
    b"data: {\"eval_count\":5,\"done\":true}\n\n",
    b"data: {\"meta\":{\"tokens\":{\"input_tokens\":3}}}\n\n",
    b"data: {\"finish_reason\":\"ERROR\"}\n\n",
    b"data: {\"size\":\"b\",\"seconds\":5,\"duration\":4,\"status\":\"completed\"}\n\n",
    b"data: {\"text\":\"x\",\"b64_json\":\"x\"}\n\n",
    b"data: {\"usage_info\":{\"pages_processed\":2}}\n\n",
    b"\"size\":\"a\"",
    b"\"data\":[",
    b"\"type\":\"image_edit.completed\"",
    b"\"delta\":{\"text\":\"x\"",
];

#[test]
fn hostile_streams_stay_bounded() {
    let mib = 1 << 20;
    let deep = "[".repeat(mib);
    let long = "x".repeat(mib);
    let usage = |json: &str| json.replace("LONG", &long).replace("DEEP", &deep).into_bytes();
    let many = "{\"a\":1},".repeat(mib / 8);
    let wrapped = base64(&format!("{{\"a\":\"{long}\",\"usage\":{{\"input_tokens\":4}}}}"));
    let wrapped = format!("{{\"p\":\"{long}\",\"bytes\":\"{wrapped}\",\"q\":\"{long}\"}}");
    for (format, body) in [
        (Format::Json, [b"[", many.as_bytes()].concat()),
        (Format::Json, usage("[DEEP")),
        (Format::Json, usage("[{\"a\":DEEP")),
        (Format::Json, usage("[\"LONG\",{\"LONG\":\"LONG\",\"model\":\"LONG\"}")),
        (Format::JsonLines, usage("{\"a\":\"LONG\",\"LONG\":1,\"b\":DEEP\n{\"done\":1}\nLONG")),
        (Format::JsonLines, vec![b'\n'; mib]),
        (Format::AmazonEventStream, event("chunk", &wrapped)),
        (Format::AmazonEventStream, [event("metadata", &long), event("x", &deep)].concat()),
        (Format::AmazonEventStream, frame(&header(":event-type", &"k".repeat(4000)), b"{}")),
    ] {
        for size in [7, 1000, usize::MAX] {
            let mut meter = Meter::new(format, Shape::Other, Meter::LIMIT);
            let memory = allocation_counter::measure(|| {
                body.chunks(size).for_each(|chunk| meter.push(chunk));
                meter.finish();
            });
            assert_eq!(meter.problem(), None);
            assert!(memory.bytes_max < 16 * 1024, "{}", memory.bytes_max);
        }
    }
    let usage = format!("{{\"usage\":{{\"a\":\"{}\"}}}}", "x".repeat(Meter::LIMIT));
    for (format, body) in [
        (Format::Json, format!("[{usage}]").into_bytes()),
        (Format::JsonLines, format!("{usage}\n").into_bytes()),
        (Format::AmazonEventStream, event("metadata", &usage)),
    ] {
        let reading = read_shape(format, Shape::Other, &body, 1000);
        assert_eq!(reading.problem, Some(Problem::Overflow));
    }
    let headers = vec![0; 5000];
    let reading = read_shape(Format::AmazonEventStream, Shape::Other, &frame(&headers, b""), 100);
    assert_eq!(reading.problem, Some(Problem::Malformed));
}

#[test]
fn shapes_follow_from_provider_and_path() {
    for (slug, path, shape) in [
        ("cohere", "v2/chat", Shape::CohereV2),
        ("cohere", "v1/chat", Shape::CohereV1),
        ("cohere", "v1/generate", Shape::CohereV1),
        ("cohere", "compatibility/v1/chat/completions", Shape::Chat),
        ("cohere", "compatibility/v1/embeddings", Shape::Embeddings),
        ("cohere", "v2/embed", Shape::EmbeddingsCohere),
        ("cohere", "v2/rerank", Shape::Rerank),
        ("custom-ollama", "api/chat", Shape::Ollama),
        ("custom-ollama", "api/generate", Shape::Ollama),
        ("custom-ollama", "api/embed", Shape::Ollama),
        ("custom-ollama", "v1/chat/completions", Shape::Chat),
        ("aws-bedrock", "model/a.b-v1%3A0/converse-stream", Shape::Converse),
        ("aws-bedrock", "model/a.b-v1:0/invoke-with-response-stream", Shape::Invoke),
        ("openai", "v1/embeddings", Shape::Embeddings),
        ("openai", "v1/images/edits", Shape::Images),
        ("openai", "v1/audio/transcriptions", Shape::Transcription),
        ("openai", "v1/audio/speech", Shape::Speech),
        ("openai", "v1/videos", Shape::Videos),
        ("mistral", "v1/ocr", Shape::Ocr),
    ] {
        assert_eq!(Shape::of(Operation::of(path), slug, path), shape, "{slug}/{path}");
    }
}
