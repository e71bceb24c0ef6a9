//! OpenAI's shapes, and similar ones of other providers.

mod chat;
mod compatible;
mod responses;

use serde_json::{Value, json};

use self::chat::{chats, streams};
use self::compatible::near;
use self::responses::responses;
use super::fixture::Fixture;

const CHAT: &str = "v1/chat/completions";

fn chat(model: &str, usage: Value) -> Value {
    json!({"id": "c1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi \"usage\""},
            "finish_reason": "stop"}],
        "usage": usage})
}

fn delta(model: &str, text: &str) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "model": model,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn with(mut chunk: Value, name: &str, value: Value) -> Value {
    chunk[name] = value;
    chunk
}

fn stop(model: &str) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "model": model,
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
}

fn done() -> Value {
    json!("[DONE]")
}

pub fn fixtures() -> Vec<Fixture> {
    [chats(), streams(), responses(), near(), reported(), units()].concat()
}

/// Providers that report their charge.
fn reported() -> Vec<Fixture> {
    let openrouter = json!({"prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.00014,
        "is_byok": false, "cost_details": {"upstream_inference_cost": null},
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0}});
    let perplexity = json!({"prompt_tokens": 33, "completion_tokens": 11395, "total_tokens": 11428,
        "reasoning_tokens": 193_947, "num_search_queries": 0, "search_context_size": "low",
        "cost": {"input_tokens_cost": 0.00007, "output_tokens_cost": 0.09, "request_cost": 0.005, "total_cost": 1.17}});
    let early = json!({"prompt_tokens": 33, "completion_tokens": 1, "total_tokens": 34,
        "cost": {"input_tokens_cost": 0.0, "output_tokens_cost": 0.0, "total_cost": 0.0}});
    let ends = with(
        with(stop("sonar-x"), "object", json!("chat.completion.done")),
        "usage",
        perplexity.clone(),
    );
    vec![
        Fixture::json(
            "OpenRouter",
            "openrouter",
            "chat/completions",
            &chat("a/b", openrouter.clone()),
        )
        .operation("chat")
        .model("a/b")
        .tokens(194, 2)
        .ticks(1_400_000),
        Fixture::sse(
            "OpenRouter's stream",
            "openrouter",
            "chat/completions",
            &[delta("a/b", "hi"), stop("a/b"), with(stop("a/b"), "usage", openrouter), done()],
        )
        .operation("chat")
        .model("a/b")
        .tokens(194, 2)
        .ticks(1_400_000),
        Fixture::json(
            "Perplexity reasons beside its total",
            "perplexity-ai",
            "chat/completions",
            &chat("sonar-x", perplexity),
        )
        .operation("chat")
        .model("sonar-x")
        .tokens(33, 11395 + 193_947)
        .reasoning(193_947)
        .ticks(11_700_000_000),
        Fixture::sse(
            "Perplexity's stream",
            "perplexity-ai",
            "chat/completions",
            &[with(delta("sonar-x", "hi"), "usage", early), ends],
        )
        .operation("chat")
        .model("sonar-x")
        .tokens(33, 11395 + 193_947)
        .reasoning(193_947)
        .ticks(11_700_000_000),
    ]
}

fn units() -> Vec<Fixture> {
    let images = json!({"created": 1, "data": [{"b64_json": "AA=="}], "size": "1024x1024", "quality": "high",
        "usage": {"input_tokens": 50, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens": 4160, "total_tokens": 4210}});
    vec![
        Fixture::json("images by tokens", "openai", "v1/images/edits", &images)
            .operation("images")
            .tokens(50, 4160)
            .unit("image_input", 40)
            .unit("image_output", 4160)
            .unit("images", 1),
        Fixture::json("a transcription by its duration", "openai", "v1/audio/transcriptions",
            &json!({"text": "hi", "usage": {"type": "duration", "seconds": 7}}))
            .operation("transcription")
            .unit("duration_ms", 7000),
        Fixture::json("a transcription by tokens", "openai", "v1/audio/transcriptions",
            &json!({"text": "hi", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14}}}))
            .operation("transcription")
            .tokens(14, 45)
            .unit("audio_input", 14),
        Fixture::typed("a transcription in a stream", "openai", "v1/audio/transcriptions",
            &[json!({"type": "transcript.text.delta", "delta": "hi"}),
              json!({"type": "transcript.text.done", "text": "hi", "usage": {"type": "tokens", "input_tokens": 14,
                "output_tokens": 45, "total_tokens": 59, "input_token_details": {"audio_tokens": 14}}})])
            .operation("transcription")
            .tokens(14, 45)
            .unit("audio_input", 14),
        Fixture::json("pages that were read", "mistral", "v1/ocr",
            &json!({"pages": [], "model": "mistral-ocr", "usage_info": {"pages_processed": 3, "doc_size_bytes": 100}}))
            .operation("ocr")
            .model("mistral-ocr")
            .unit("pages", 3),
        Fixture::json("a count of tokens is free", "openai", "v1/responses/input_tokens",
            &json!({"object": "response.input_tokens", "input_tokens": 11}))
            .operation("count_tokens"),
        Fixture::json("moderations are free", "openai", "v1/moderations",
            &json!({"id": "modr-1", "model": "omni-moderation", "results": []}))
            .operation("moderations")
            .model("omni-moderation"),
        Fixture::json(
            "a list of models is free",
            "openai",
            "v1/models",
            &json!({"object": "list", "data": [{"id": "gpt-x", "object": "model"}]}),
        )
        .method("GET")
        .operation("models"),
    ]
}
