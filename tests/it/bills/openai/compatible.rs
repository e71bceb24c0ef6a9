//! Providers whose shapes are near to those of OpenAI.

use super::*;

/// Shapes similar to OpenAI's chat completions.
pub(super) fn near() -> Vec<Fixture> {
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
