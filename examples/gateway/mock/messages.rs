//! `POST /v1/messages`, as Anthropic's clients use it.

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

pub(super) async fn create(body: Bytes) -> Result<Response, Failure> {
    let ask = Ask::read(&body, &["model", "max_tokens", "messages"])?;
    let model = Model::find(&ask.text("model"))?;
    let answer = Answer::to(&ask.last_user_text("messages"));
    let prompt = ask.text("system") + &ask.text("messages");
    let usage = Usage::new(&prompt, &answer, model.price).messages();

    let mut message = json!({
        "id": format!("msg_{}", reply::id()),
        "type": "message",
        "role": "assistant",
        "model": model.id,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    });
    if ask.is_true("stream") {
        return Ok(reply::events(frames(message, &answer)));
    }
    message["content"] = json!([{ "type": "text", "text": answer.content }]);
    message["stop_reason"] = "end_turn".into();
    Ok(reply::json(&message))
}

fn frames(mut message: Value, answer: &Answer) -> Vec<Bytes> {
    // The reported output grows: little at the start, all of it at the end.
    let output_tokens = message["usage"]["output_tokens"].take();
    message["usage"]["output_tokens"] = 1.into();

    let event = |kind: &str, mut event: Value| {
        event["type"] = kind.into();
        sse::event(kind, &event)
    };
    let mut frames = vec![
        event("message_start", json!({ "message": message })),
        event(
            "content_block_start",
            json!({ "index": 0, "content_block": { "type": "text", "text": "" } }),
        ),
        event("ping", json!({})),
    ];
    frames.extend(words(&answer.content).map(|word| {
        let delta = json!({ "type": "text_delta", "text": word });
        event("content_block_delta", json!({ "index": 0, "delta": delta }))
    }));
    frames.push(event("content_block_stop", json!({ "index": 0 })));
    frames.push(event(
        "message_delta",
        json!({
            "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": output_tokens },
        }),
    ));
    frames.push(event("message_stop", json!({})));
    frames
}
