//! Streams in framings other than server-sent events, and usage other than the tokens of chats.

mod bedrock;
mod cohere;
mod hostile;
mod properties;
mod units;
mod wire;

use serde_json::{Value, json};

use self::wire::{Wire, untyped, wire};
use super::*;

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
    let open = read_any(Format::JsonLines, Shape::Ollama, &lines[..lines.len() - 1]);
    assert_eq!(open, stream);
    let failed = [ollama()[0].clone(), json!({"error": "out of memory"})];
    let failed = wire(Wire::Lines, Shape::Ollama, &untyped(&failed));
    assert_eq!((failed.error, failed.terminal), (Some(ProviderError { code: None }), None));
    let generate = [json!({"response": "Hi", "done": false}), ollama()[3].clone()];
    assert!(wire(Wire::Lines, Shape::Ollama, &untyped(&generate)).has_content);
}

#[test]
fn an_array_is_read_like_its_events() {
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
        let reading = read_any(Format::Json, shape, body.as_bytes());
        assert_eq!((reading.error_code(), reading.usage), (Some("429"), None));
    }
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
