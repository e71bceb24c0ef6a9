//! A provider whose answer depends on the model.

use crate::support::message::{Message, response};

pub(crate) const USAGE: &str = r#""usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":290},"cost_in_usd_ticks":1234567}"#;

fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    response(status, &[&format!("content-type: {content_type}")], body.as_bytes())
}

/// The answer by the request's model: `missing-X` gives a 404 that repeats it, `echo-X` a response
/// that repeats it, and so on.
pub(crate) fn provider(message: &Message) -> Vec<u8> {
    let asked: serde_json::Value = serde_json::from_slice(&message.content.bytes).unwrap();
    let model = asked["model"].as_str().unwrap();
    let json = |body: &str| answer("200 OK", "application/json", body);
    match model.split('-').next().unwrap() {
        "grok" => json(&format!(r#"{{"model":"{model}","choices":[],{USAGE}}}"#)),
        "stream" => answer("200 OK", "text/event-stream", &stream()),
        "busy" => answer("429 Too Many Requests", "application/json", r#"{"error":"busy"}"#),
        "error" => json(r#"{"error":{"code":"overloaded","message":"no"}}"#),
        "missing" => {
            let body = format!(r#"{{"error":"no such model","model":"{model}"}}"#);
            answer("404 Not Found", "application/json", &body)
        }
        "priced" => json(
            r#"{"model":"grok-4.3","usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}"#,
        ),
        "messages" => json(
            r#"{"model":"claude","usage":{"input_tokens":9,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,"output_tokens":32}}"#,
        ),
        _ => json(&format!(
            r#"{{"model":"{model}","usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}}"#
        )),
    }
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

pub(crate) fn content() -> String {
    event(r#"{"model":"grok-4.7","choices":[{"delta":{"content":"hello"}}]}"#)
}

pub(crate) fn stream() -> String {
    let usage = event(&format!(r#"{{"model":"grok-4.7","choices":[],{USAGE}}}"#));
    [content(), content(), content(), usage, event("[DONE]")].concat()
}
