//! Cohere, Bedrock, Workers AI and Ollama.

use serde_json::{Value, json};

use super::fixture::{EVENT_STREAM, Fixture, NDJSON, event, frame};

pub fn fixtures() -> Vec<Fixture> {
    [cohere(), bedrock(), local()].concat()
}

fn cohere() -> Vec<Fixture> {
    let usage = json!({"billed_units": {"input_tokens": 507.0, "output_tokens": 21.0},
        "tokens": {"input_tokens": 1013.0, "output_tokens": 23.0}, "cached_tokens": 64.0});
    let ends = |finish: &str| json!({"type": "message-end", "delta": {"finish_reason": finish, "usage": usage}});
    let text = json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello"}}}});
    let start = json!({"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}});
    vec![
        Fixture::json("Cohere", "cohere", "v2/chat", &json!({"id": "c1", "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}, "usage": usage}))
            .operation("chat")
            .tokens(507, 21),
        Fixture::typed("Cohere's stream", "cohere", "v2/chat", &[start.clone(), text.clone(), ends("COMPLETE")])
            .operation("chat")
            .tokens(507, 21),
        Fixture::typed("Cohere's stream ends in an error", "cohere", "v2/chat", &[start, text, ends("ERROR")])
            .operation("chat")
            .tokens(507, 21)
            .failed("ERROR"),
        Fixture::json("Cohere's first chat", "cohere", "v1/chat", &json!({"response_id": "r", "text": "hi", "finish_reason": "COMPLETE",
            "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 30, "output_tokens": 4}, "tokens": {"input_tokens": 90, "output_tokens": 5}}}))
            .operation("chat")
            .tokens(30, 4),
        Fixture::raw("Cohere's first stream", "cohere", "v1/chat", "application/stream+json", [
                json!({"is_finished": false, "event_type": "text-generation", "text": "hi"}),
                json!({"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": "hi",
                    "meta": {"billed_units": {"input_tokens": 30, "output_tokens": 4}, "tokens": {"input_tokens": 90, "output_tokens": 5}}}}),
            ].map(|line| format!("{line}\n")).concat())
            .operation("chat")
            .tokens(30, 4),
        Fixture::json("a ranking", "cohere", "v2/rerank", &json!({"id": "r1", "results": [{"index": 0, "relevance_score": 0.9}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 2}}}))
            .operation("rerank")
            .unit("search_units", 2),
        Fixture::json("Cohere's embeddings", "cohere", "v2/embed", &json!({"id": "e1", "embeddings": {"float": [[0.1]]},
            "response_type": "embeddings_by_type", "meta": {"billed_units": {"input_tokens": 7}}}))
            .operation("embeddings")
            .input(7),
        Fixture::json("Cohere counts for free", "cohere", "v1/tokenize", &json!({"tokens": [1, 2], "token_strings": ["a", "b"],
            "meta": {"api_version": {"version": "1"}}}))
            .operation("count_tokens"),
    ]
}

fn bedrock() -> Vec<Fixture> {
    let usage = json!({"inputTokens": 3, "outputTokens": 227, "cacheReadInputTokens": 1700, "cacheWriteInputTokens": 12,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 12}], "totalTokens": 1942});
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
        "usage": usage, "metrics": {"latencyMs": 10},
        "trace": {"guardrail": {"inputAssessment": {"g": {"invocationMetrics": {"usage": {"topicPolicyUnits": 1, "inputTokens": 99}}}}}}});
    let stream = |last: Vec<Vec<u8>>| {
        let head = [
            event("messageStart", &json!({"role": "assistant"})),
            event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": "hi"}})),
        ];
        [head.concat(), last.concat()].concat()
    };
    let whole = stream(vec![
        event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        event("messageStop", &json!({"stopReason": "end_turn"})),
        event("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 10}})),
    ]);
    let throttled = stream(vec![frame(
        &[
            (":exception-type", "throttlingException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        &json!({"message": "too many"}),
    )]);
    vec![
        Fixture::json("Converse", "aws-bedrock", "model/a.claude-x-v1%3A0/converse", &answer)
            .operation("converse")
            .tokens(1715, 227)
            .cached(1700, 12, 12),
        Fixture::raw(
            "ConverseStream",
            "aws-bedrock",
            "model/a.claude-x-v1%3A0/converse-stream",
            EVENT_STREAM,
            whole,
        )
        .operation("converse")
        .tokens(1715, 227)
        .cached(1700, 12, 12),
        Fixture::raw(
            "ConverseStream is throttled",
            "aws-bedrock",
            "model/a.claude-x-v1%3A0/converse-stream",
            EVENT_STREAM,
            throttled,
        )
        .operation("converse")
        .failed("throttlingException"),
        Fixture::json(
            "Bedrock counts for free",
            "aws-bedrock",
            "model/a.claude-x-v1%3A0/count-tokens",
            &json!({"inputTokens": 5}),
        )
        .operation("count_tokens"),
    ]
}

fn local() -> Vec<Fixture> {
    let line = |text: &str, done: bool| {
        let mut line = json!({"model": "llama-x", "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": text}, "done": done});
        if done {
            line["done_reason"] = json!("stop");
            line["prompt_eval_count"] = json!(26);
            line["eval_count"] = json!(298);
        }
        line
    };
    let usage = |completion: u64| json!({"prompt_tokens": 10, "completion_tokens": completion, "total_tokens": 10 + completion});
    let worker = |text: &str, usage: Value| json!({"response": text, "usage": usage});
    vec![
        Fixture::raw(
            "Ollama's lines",
            "custom-ollama",
            "api/chat",
            NDJSON,
            format!("{}\n{}\n", line("hi", false), line("", true)),
        )
        .operation("chat")
        .model("llama-x")
        .tokens(26, 298),
        Fixture::json("Ollama in one answer", "custom-ollama", "api/chat", &line("hi", true))
            .operation("chat")
            .model("llama-x")
            .tokens(26, 298),
        Fixture::raw(
            "Ollama fails",
            "custom-ollama",
            "api/chat",
            NDJSON,
            format!("{}\n{}\n", line("hi", false), json!({"error": "out of memory"})),
        )
        .operation("chat")
        .model("llama-x")
        .failed(""),
        Fixture::sse(
            "Workers AI",
            "workers-ai",
            "run/@cf/meta/llama-x",
            &[worker("a", usage(1)), worker("b", usage(2)), worker("", usage(3)), json!("[DONE]")],
        )
        .tokens(10, 3)
        .operation("invoke"),
    ]
}
