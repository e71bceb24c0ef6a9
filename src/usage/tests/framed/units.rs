//! Usage in other units than the tokens of texts: images, seconds, characters, pages, searches.

use serde_json::{Value, json};

use super::wire::{Wire, untyped, wire};
use super::*;

#[test]
fn searches_pages_and_characters() {
    let of = |shape, body: Value| wire(Wire::Body, shape, &untyped(&[body])).usage;
    let meta = |units: Value| json!({"results": [{"index": 0}], "meta": {"billed_units": units}});
    let searches = Usage { search_units: Some(3), ..Usage::default() };
    assert_eq!(of(Shape::Rerank, meta(json!({"search_units": 3}))), Some(searches));
    let tokens = json!({"results": [], "usage": {"total_tokens": 26, "prompt_tokens": 26}});
    assert_eq!(of(Shape::Rerank, tokens).unwrap().input(), Some(26));
    let embed = of(Shape::EmbeddingsCohere, meta(json!({"input_tokens": 4.0, "image_tokens": 2})));
    assert_eq!(embed.unwrap().input(), Some(6));
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
    // If tokens are billed, the length is for information only.
    let told = of(json!({"duration": 8.47, "text": "x", "usage": tokens}));
    assert_eq!((told.input(), told.duration_ms), (Some(14), None));
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
fn a_video_counts_once_it_is_finished() {
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
