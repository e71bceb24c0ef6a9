//! `POST /v1/chat/completions`

use axum::{body::Bytes, response::Response};
use serde_json::{Value, json};

use super::{
    answer::{Answer, words},
    ask::Ask,
    failure::Failure,
    models::Model,
    reply, sse,
    usage::Usage,
};

const FINGERPRINT: &str = "fp_standin";

pub(super) async fn create(body: Bytes) -> Result<Response, Failure> {
    let ask = Ask::read(&body, &["model", "messages"])?;
    let model = Model::find(&ask.text("model"))?;
    let answer = Answer::to(&ask.last_user_text("messages"));
    let usage = Usage::new(&ask.text("messages"), &answer, model.price).chat();

    if ask.is_true("stream") {
        let usage = (ask.get("stream_options")["include_usage"] == true).then_some(usage);
        return Ok(reply::events(frames(model.id, &answer, usage)));
    }
    Ok(reply::json(&json!({
        "id": reply::id(),
        "object": "chat.completion",
        "created": reply::now(),
        "model": model.id,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": answer.content,
                "reasoning_content": answer.reasoning,
                "refusal": null,
            },
            "finish_reason": "stop",
        }],
        "usage": usage,
        "system_fingerprint": FINGERPRINT,
        "service_tier": "default",
    })))
}

fn frames(model: &str, answer: &Answer, usage: Option<Value>) -> Vec<Bytes> {
    let (id, created) = (reply::id(), reply::now());
    let chunk = |choices: Value| {
        json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            "choices": choices,
            "system_fingerprint": FINGERPRINT,
        })
    };
    let delta = |delta: Value, finish_reason: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason });
        sse::data(&chunk(json!([choice])))
    };

    let mut frames = vec![delta(json!({ "role": "assistant", "content": "" }), None)];
    frames.extend(words(&answer.reasoning).map(|w| delta(json!({ "reasoning_content": w }), None)));
    frames.extend(words(&answer.content).map(|w| delta(json!({ "content": w }), None)));
    frames.push(delta(json!({}), Some("stop")));
    if let Some(usage) = usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage;
        frames.push(sse::data(&last));
    }
    frames.push(sse::DONE);
    frames
}
