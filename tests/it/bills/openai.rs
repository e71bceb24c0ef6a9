//! OpenAI's shapes, and similar ones of other providers.

use serde_json::{Value, json};

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

fn chats() -> Vec<Fixture> {
    let detailed = json!({"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 0,
            "accepted_prediction_tokens": 10, "rejected_prediction_tokens": 5}});
    let written = json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30}});
    let spoken = json!({"prompt_tokens": 50, "completion_tokens": 40, "total_tokens": 90,
        "prompt_tokens_details": {"audio_tokens": 30, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 25, "reasoning_tokens": 0}});
    vec![
        Fixture::json("chat", "openai", CHAT, &chat("gpt-x-2026-01-01", detailed))
            .operation("chat")
            .model("gpt-x-2026-01-01")
            .tokens(2006, 300)
            .cached(1920, 0, 0)
            .reasoning(128),
        Fixture::json("chat that writes to the cache", "openai", CHAT, &chat("gpt-x", written))
            .operation("chat")
            .model("gpt-x")
            .tokens(100, 10)
            .cached(20, 30, 0),
        Fixture::json("chat with audio", "openai", CHAT, &chat("gpt-audio", spoken))
            .operation("chat")
            .model("gpt-audio")
            .tokens(50, 40)
            .unit("audio_input", 30)
            .unit("audio_output", 25),
        Fixture::json(
            "embeddings",
            "openai",
            "v1/embeddings",
            &json!({"object": "list", "model": "text-embedding-x",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
                "usage": {"prompt_tokens": 8, "total_tokens": 8}}),
        )
        .operation("embeddings")
        .model("text-embedding-x")
        .input(8),
        Fixture::json(
            "a chat that fails with 200",
            "openrouter",
            "chat/completions",
            &json!({"error": {"code": 502, "message": "the provider went away"}}),
        )
        .operation("chat")
        .failed("502"),
    ]
}

fn streams() -> Vec<Fixture> {
    let usage = json!({"prompt_tokens": 24, "completion_tokens": 5, "total_tokens": 29});
    let nothing = |chunk| with(chunk, "usage", Value::Null);
    let last = json!({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-x",
        "choices": [], "usage": usage});
    let cumulative = |count: u64| json!({"prompt_tokens": 24, "completion_tokens": count, "total_tokens": 24 + count});
    vec![
        Fixture::sse(
            "a stream",
            "openai",
            CHAT,
            &[nothing(delta("gpt-x", "Hel")), nothing(delta("gpt-x", "lo")), nothing(stop("gpt-x")), last, done()],
        )
        .operation("chat")
        .model("gpt-x")
        .tokens(24, 5),
        Fixture::sse(
            "usage in each chunk, growing",
            "fireworks",
            CHAT,
            &[
                with(delta("m1", "a"), "usage", cumulative(1)),
                with(delta("m1", "b"), "usage", cumulative(2)),
                with(stop("m1"), "usage", cumulative(3)),
                done(),
            ],
        )
        .operation("chat")
        .model("m1")
        .tokens(24, 3),
        Fixture::sse(
            "usage that ends in zeros",
            "openrouter",
            "chat/completions",
            &[
                with(stop("m1"), "usage", cumulative(7)),
                with(stop("m1"), "usage", json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})),
                done(),
            ],
        )
        .operation("chat")
        .model("m1")
        .tokens(24, 7),
        Fixture::sse(
            "a stream that breaks off before its marker",
            "openai",
            CHAT,
            &[delta("gpt-x", "Hel"), with(delta("gpt-x", "lo"), "usage", cumulative(2))],
        )
        .operation("chat")
        .model("gpt-x")
        .tokens(24, 2)
        .unfinished(),
        Fixture::sse(
            "an error beside choices",
            "openrouter",
            "chat/completions",
            &[
                delta("m1", "Once"),
                json!({"id": "c1", "object": "chat.completion.chunk", "model": "m1",
                    "error": {"code": 502, "message": "gone", "metadata": {"error_type": "provider_unavailable"}},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                    "usage": cumulative(4)}),
                done(),
            ],
        )
        .operation("chat")
        .model("m1")
        .tokens(24, 4)
        .failed("502"),
        Fixture::raw(
            "an error in the middle, and the marker",
            "cerebras",
            CHAT,
            "text/event-stream",
            format!(
                "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
                delta("m1", "a"),
                json!({"error": {"message": "no room", "type": "server_error", "code": "overloaded"}, "status_code": 503})
            ),
        )
        .operation("chat")
        .model("m1")
        .failed("overloaded"),
    ]
}

fn responses() -> Vec<Fixture> {
    let path = "v1/responses";
    let usage = json!({"input_tokens": 5689, "input_tokens_details": {"cached_tokens": 2048},
        "output_tokens": 444, "output_tokens_details": {"reasoning_tokens": 245}, "total_tokens": 6133});
    let written = json!({"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 100,
            "cache_write_tokens": 700, "cache_write_tokens_details": {"ttl_30m_tokens": 300, "ttl_12h_tokens": 400}},
        "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1020});
    let response = |status: &str, usage: Value| {
        json!({"id": "resp_1", "object": "response", "status": status, "model": "gpt-x", "error": null,
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}], "usage": usage})
    };
    let failed = json!({"id": "resp_1", "object": "response", "status": "failed", "model": "gpt-x",
        "output": [], "usage": null, "error": {"code": "server_error", "message": "an error occurred"}});
    let begun = json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-x", "status": "in_progress", "usage": null}});
    let text = json!({"type": "response.output_text.delta", "item_id": "i", "delta": "hi"});
    let ends = |kind: &str, response: Value| json!({"type": kind, "response": response});
    vec![
        Fixture::json("a response", "openai", path, &response("completed", usage.clone()))
            .operation("responses")
            .model("gpt-x")
            .tokens(5689, 444)
            .cached(2048, 0, 0)
            .reasoning(245),
        Fixture::json("a response that writes to the cache", "openai", path, &response("completed", written))
            .operation("responses")
            .model("gpt-x")
            .tokens(1000, 20)
            .cached(100, 700, 400),
        Fixture::typed(
            "a stream of Responses",
            "openai",
            path,
            &[begun.clone(), text.clone(), ends("response.completed", response("completed", usage.clone()))],
        )
        .operation("responses")
        .model("gpt-x")
        .tokens(5689, 444)
        .cached(2048, 0, 0)
        .reasoning(245),
        Fixture::typed(
            "a stream of Responses that is cut short is no error",
            "openai",
            path,
            &[begun.clone(), text.clone(), ends("response.incomplete", response("incomplete", usage.clone()))],
        )
        .operation("responses")
        .model("gpt-x")
        .tokens(5689, 444)
        .cached(2048, 0, 0)
        .reasoning(245),
        Fixture::json("a failed response", "openai", path, &failed)
            .operation("responses")
            .model("gpt-x")
            .failed("server_error"),
        Fixture::typed(
            "a failed stream of Responses",
            "openai",
            path,
            &[begun.clone(), ends("response.failed", failed)],
        )
        .operation("responses")
        .model("gpt-x")
        .failed("server_error"),
        Fixture::typed(
            "an error event, nested",
            "openai",
            path,
            &[begun.clone(), json!({"type": "error", "sequence_number": 2, "error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "no"}})],
        )
        .operation("responses")
        .model("gpt-x")
        .failed("insufficient_quota"),
        Fixture::typed(
            "an error event, flat",
            "openai",
            path,
            &[begun, json!({"type": "error", "sequence_number": 2, "code": "server_error", "message": "no", "param": null})],
        )
        .operation("responses")
        .model("gpt-x")
        .failed("server_error"),
        Fixture::json(
            "compaction",
            "openai",
            "v1/responses/compact",
            &json!({"id": "resp_1", "object": "response.compaction", "created_at": 1,
                "output": [{"type": "compaction", "encrypted_content": "AA=="}],
                "usage": {"input_tokens": 192_000, "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens": 438, "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 192_438}}),
        )
        .operation("compact")
        .tokens(192_000, 438)
        .reasoning(64),
        Fixture::json("a response in the background", "openai", path, &json!({"id": "resp_9", "object": "response",
            "status": "queued", "background": true, "model": "gpt-x", "output": [], "usage": null, "error": null}))
            .operation("responses")
            .model("gpt-x"),
    ]
}

/// Shapes similar to OpenAI's chat completions.
fn near() -> Vec<Fixture> {
    let groq = json!({"queue_time": 0.07, "prompt_tokens": 23, "prompt_time": 0.006, "completion_tokens": 19, "total_tokens": 42});
    let moonshot = json!({"prompt_tokens": 19, "completion_tokens": 13, "total_tokens": 32, "cached_tokens": 12});
    let mut moonshot_stop = stop("kimi-x");
    moonshot_stop["choices"][0]["usage"] = moonshot.clone();
    vec![
        Fixture::sse(
            "Groq's stream tells it once",
            "groq",
            "chat/completions",
            &[
                with(delta("m1", "hi"), "x_groq", json!({"id": "req_1"})),
                with(stop("m1"), "x_groq", json!({"id": "req_1", "usage": groq})),
                done(),
            ],
        )
        .operation("chat")
        .model("m1")
        .tokens(23, 19),
        Fixture::sse(
            "Groq's stream tells it twice",
            "groq",
            "chat/completions",
            &[
                delta("m1", "hi"),
                with(with(stop("m1"), "x_groq", json!({"id": "req_1", "usage": groq})), "usage", groq.clone()),
                done(),
            ],
        )
        .operation("chat")
        .model("m1")
        .tokens(23, 19),
        Fixture::sse(
            "Groq's stream fails",
            "groq",
            "chat/completions",
            &[delta("m1", "hi"), with(stop("m1"), "x_groq", json!({"id": "req_1", "error": "over_capacity"})), done()],
        )
        .operation("chat")
        .model("m1")
        .failed("over_capacity"),
        Fixture::sse("Moonshot's stream", "moonshot", CHAT, &[delta("kimi-x", "hi"), moonshot_stop, done()])
            .operation("chat")
            .model("kimi-x")
            .tokens(19, 13)
            .cached(12, 0, 0),
        Fixture::json("Moonshot", "moonshot", CHAT, &chat("kimi-x", moonshot))
            .operation("chat")
            .model("kimi-x")
            .tokens(19, 13)
            .cached(12, 0, 0),
        Fixture::json(
            "DeepSeek",
            "deepseek",
            "chat/completions",
            &chat("deepseek-x", json!({"prompt_tokens": 563, "completion_tokens": 77, "total_tokens": 640,
                "prompt_tokens_details": {"cached_tokens": 512},
                "prompt_cache_hit_tokens": 512, "prompt_cache_miss_tokens": 51})),
        )
        .operation("chat")
        .model("deepseek-x")
        .tokens(563, 77)
        .cached(512, 0, 0),
        Fixture::raw(
            "DeepSeek keeps the connection alive",
            "deepseek",
            "chat/completions",
            "application/json",
            format!("\n\n\n{}", chat("deepseek-x", json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
                "prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 3}))),
        )
        .operation("chat")
        .model("deepseek-x")
        .tokens(5, 7)
        .cached(2, 0, 0),
        Fixture::json(
            "Mistral",
            "mistral",
            CHAT,
            &chat("mistral-x", json!({"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15, "num_cached_tokens": 5})),
        )
        .operation("chat")
        .model("mistral-x")
        .tokens(11, 4)
        .cached(5, 0, 0),
        Fixture::json(
            "Gemini in OpenAI's form",
            "google-ai-studio",
            "v1beta/openai/chat/completions",
            &chat("gemini-x", json!({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109})),
        )
        .operation("chat")
        .model("gemini-x")
        .tokens(35, 74)
        .reasoning(62),
        Fixture::json(
            "xAI",
            "grok",
            CHAT,
            &chat("grok-4.3", json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 151,
                "prompt_tokens_details": {"cached_tokens": 6}, "completion_tokens_details": {"reasoning_tokens": 110},
                "cost_in_usd_ticks": 1_234_500})),
        )
        .operation("chat")
        .model("grok-4.3")
        .tokens(32, 119)
        .cached(6, 0, 0)
        .reasoning(110)
        .ticks(1_234_500),
    ]
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
