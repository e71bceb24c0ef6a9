//! Chat completions, whole and as streams.

use super::*;

pub(super) fn chats() -> Vec<Fixture> {
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

pub(super) fn streams() -> Vec<Fixture> {
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
