//! The Responses API.

use super::*;

pub(super) fn responses() -> Vec<Fixture> {
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
