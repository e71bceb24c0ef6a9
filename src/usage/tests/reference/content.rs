//! Whether an event has content.

use serde_json::Value;

pub(super) fn is_full(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(_) => true,
        _ => false,
    }
}

pub(super) fn has_candidate_content(candidate: &Value) -> bool {
    let parts = candidate["content"]["parts"].as_array();
    parts.into_iter().flatten().any(|part| is_full(&part["text"]) || is_full(&part["functionCall"]))
}

pub(super) fn has_content(value: &Value) -> bool {
    let delta = |delta: &Value| {
        let keys = ["content", "reasoning_content", "reasoning", "tool_calls", "refusal"];
        let more = ["text", "thinking", "partial_json"];
        delta.as_str().is_some_and(|text| !text.is_empty())
            || keys.iter().chain(&more).any(|key| is_full(&delta[*key]))
    };
    let choice = |choice: &Value| delta(&choice["delta"]) || is_full(&choice["text"]);
    delta(&value["delta"]) || value["choices"].as_array().into_iter().flatten().any(choice)
}
