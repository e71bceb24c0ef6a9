//! Anthropic's Messages.

use serde_json::{Value, json};

use super::fixture::Fixture;

const PATH: &str = "v1/messages";

fn message(usage: Value) -> Value {
    json!({"id": "m1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": usage})
}

fn stream(name: &'static str, first: Value, last: Value) -> Fixture {
    let mut start = message(first);
    start["content"] = json!([]);
    let events = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}),
        json!({"type": "message_stop"}),
    ];
    Fixture::typed(name, "anthropic", PATH, &events).operation("messages").model("claude-x")
}

fn whole(name: &'static str, usage: Value) -> Fixture {
    Fixture::json(name, "anthropic", PATH, &message(usage)).operation("messages").model("claude-x")
}

pub fn fixtures() -> Vec<Fixture> {
    let lived = json!({"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600});
    let some = json!({"input_tokens": 25, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 100});
    let with = |mut usage: Value, output: u64| {
        usage["output_tokens"] = json!(output);
        usage
    };
    let none =
        json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
    vec![
        whole("a message", json!({"input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 1000, "cache_creation": lived, "service_tier": "standard"}))
            .tokens(1105, 10)
            .cached(5, 1000, 600),
        whole("a message that has thought", json!({"input_tokens": 10, "output_tokens": 50,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens_details": {"thinking_tokens": 30}}))
            .tokens(10, 50)
            .reasoning(30),
        stream("a stream whose end tells the output alone", with(some.clone(), 1), json!({"output_tokens": 15}))
            .tokens(132, 15)
            .cached(100, 7, 0),
        stream("zeros behind real figures", with(some.clone(), 1), with(none.clone(), 15))
            .tokens(132, 15)
            .cached(100, 7, 0),
        stream("zeros in front of real figures", with(none, 0), with(some, 15))
            .tokens(132, 15)
            .cached(100, 7, 0),
        stream("input that grows while tools run", json!({"input_tokens": 2000, "output_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 9},
                "cache_creation_input_tokens": 9, "cache_read_input_tokens": 0}),
            json!({"input_tokens": 404_500, "output_tokens": 900, "cache_creation_input_tokens": 9,
                "cache_read_input_tokens": 0, "server_tool_use": {"web_search_requests": 3}}))
            .tokens(404_509, 900)
            .cached(0, 9, 9)
            .unit("web_search", 3),
        whole("a compaction is billed beside the message", json!({"input_tokens": 23_000, "output_tokens": 1000,
            "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
            "iterations": [
                {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500,
                    "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
                {"type": "message", "input_tokens": 23_000, "output_tokens": 1000,
                    "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}]}))
            .tokens(203_000, 4500)
            .unit("parts", 2),
        stream("a compaction in a stream", json!({"input_tokens": 12, "output_tokens": 1,
                "cache_read_input_tokens": 55_096, "cache_creation_input_tokens": 0}),
            json!({"input_tokens": 700, "output_tokens": 40, "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0, "iterations": [
                    {"type": "compaction", "input_tokens": 12, "output_tokens": 300,
                        "cache_read_input_tokens": 55_096, "cache_creation_input_tokens": 0},
                    {"type": "message", "input_tokens": 700, "output_tokens": 40,
                        "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}]}))
            .tokens(55_808, 340)
            .cached(55_096, 0, 0)
            .unit("parts", 2),
        whole("another model has answered in the end", json!({"input_tokens": 100, "output_tokens": 50,
            "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "iterations": [
                {"type": "message", "model": "claude-a", "input_tokens": 100, "output_tokens": 0},
                {"type": "fallback_message", "model": "claude-b", "input_tokens": 100, "output_tokens": 50}]}))
            .tokens(100, 50)
            .unit("parts", 1),
        whole("an adviser was asked", json!({"input_tokens": 40, "output_tokens": 20, "iterations": [
                {"type": "message", "input_tokens": 30, "output_tokens": 5},
                {"type": "advisor_message", "model": "claude-big", "input_tokens": 300, "output_tokens": 60},
                {"type": "message", "input_tokens": 10, "output_tokens": 15}]}))
            .tokens(340, 80)
            .unit("parts", 3),
        Fixture::typed("an overload in the first event", "anthropic", PATH, &[
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"})])
            .operation("messages")
            .failed("overloaded_error"),
        Fixture::json("a count of tokens for a message is free", "anthropic", "v1/messages/count_tokens", &json!({"input_tokens": 31}))
            .operation("count_tokens"),
        Fixture::json("the same count at Vertex AI", "google-vertex-ai",
            "v1/projects/p/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict", &json!({"input_tokens": 31}))
            .operation("count_tokens"),
        Fixture::json("a message at Vertex AI", "google-vertex-ai",
            "v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x@20260101:rawPredict",
            &message(json!({"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0})))
            .operation("messages")
            .model("claude-x")
            .tokens(13, 2)
            .cached(4, 0, 0),
    ]
}
