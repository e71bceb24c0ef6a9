//! Background work is billed once: when its usage is first seen.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider, RequestBody};

type Body = Full<Bytes>;

/// A part of an end event: tokens in and out, and whether the cost is unknown.
type Reported = (Option<u64>, Option<u64>, bool);

/// Sends these requests through one gateway layer, and returns the end of each.
async fn reported(asked: &[(&str, &str, Value)]) -> Vec<Reported> {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let hook = ends.clone();
    let layer = GatewayLayer::builder()
        .provider(Provider::openai())
        .provider(Provider::perplexity())
        .metrics_hook(move |end: &EndEvent<'_>| {
            let usage = end.usage.copied().unwrap_or_default();
            hook.lock().unwrap().push((usage.input(), usage.output(), end.is_cost_unknown()));
        })
        .build()
        .unwrap();
    let answers: Arc<Mutex<Vec<Value>>> =
        Arc::new(Mutex::new(asked.iter().rev().map(|(_, _, answer)| answer.clone()).collect()));
    let provider = service_fn(move |request: Request<RequestBody<Body>>| {
        let answer = answers.lock().unwrap().pop().unwrap();
        async move {
            request.into_body().collect().await.ok();
            let (kind, body) = match answer {
                Value::String(stream) => ("text/event-stream", stream),
                json => ("application/json", json.to_string()),
            };
            let answer = Response::builder().header("content-type", kind);
            Ok::<_, Infallible>(answer.body(Body::from(body)).unwrap())
        }
    });
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let gateway = layer.upstream(provider).layer(app);
    for (method, path, _) in asked {
        let request = Request::builder()
            .method(*method)
            .uri(format!("/v1/acct/gw/{path}"))
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .body(Body::from(if *method == "POST" { r#"{"model":"gpt-x"}"# } else { "" }))
            .unwrap();
        let response = gateway.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let ends = ends.lock().unwrap().clone();
    assert_eq!(ends.len(), asked.len());
    ends
}

fn response(id: &str, status: &str) -> Value {
    let usage = match status {
        "completed" => json!({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}),
        _ => Value::Null,
    };
    json!({"id": id, "object": "response", "status": status, "background": true, "model": "gpt-x",
        "output": [], "error": null, "usage": usage})
}

const NOTHING: Reported = (None, None, false);
/// The usage is known, but no table has a price for `gpt-x`.
const BILLED: Reported = (Some(5), Some(7), true);

#[tokio::test]
async fn the_first_poll_with_usage_is_billed() {
    let reported = reported(&[
        ("POST", "openai/v1/responses", response("resp_1", "queued")),
        ("GET", "openai/v1/responses/resp_1", response("resp_1", "in_progress")),
        ("GET", "openai/v1/responses/resp_1", response("resp_1", "completed")),
        ("GET", "openai/v1/responses/resp_1", response("resp_1", "completed")),
        ("GET", "openai/v1/responses/resp_2", response("resp_2", "in_progress")),
    ])
    .await;
    assert_eq!(reported, [NOTHING, NOTHING, BILLED, NOTHING, NOTHING]);
}

#[tokio::test]
async fn a_poll_does_not_bill_what_the_order_has_billed() {
    let reported = reported(&[
        ("POST", "openai/v1/responses", response("resp_3", "completed")),
        ("GET", "openai/v1/responses/resp_3", response("resp_3", "completed")),
    ])
    .await;
    assert_eq!(reported, [BILLED, NOTHING]);
}

#[tokio::test]
async fn a_resumed_stream_is_billed_once() {
    let end = json!({"type": "response.completed", "response": response("resp_4", "completed")});
    let stream = Value::String(format!("event: response.completed\ndata: {end}\n\n"));
    let resumed = "openai/v1/responses/resp_4?stream=true&starting_after=3";
    let reported = reported(&[
        ("POST", "openai/v1/responses", response("resp_4", "queued")),
        ("GET", resumed, stream.clone()),
        ("GET", resumed, stream),
    ])
    .await;
    assert_eq!(reported, [NOTHING, BILLED, NOTHING]);
}

#[tokio::test]
async fn a_background_answer_of_perplexitys_agent_is_billed_once() {
    let reported = reported(&[
        ("POST", "perplexity-ai/v1/agent", response("resp_5", "queued")),
        ("GET", "perplexity-ai/v1/agent/resp_5", response("resp_5", "in_progress")),
        ("GET", "perplexity-ai/v1/agent/resp_5", response("resp_5", "completed")),
        ("GET", "perplexity-ai/v1/agent/resp_5", response("resp_5", "completed")),
        ("POST", "perplexity-ai/v1/agent", response("resp_6", "completed")),
        ("GET", "perplexity-ai/v1/agent/resp_6", response("resp_6", "completed")),
    ])
    .await;
    assert_eq!(reported, [NOTHING, NOTHING, BILLED, NOTHING, BILLED, NOTHING]);
}

#[tokio::test]
async fn new_metadata_of_a_stored_chat_completion_bill_nothing() {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    let chat = json!({"id": "c_1", "object": "chat.completion", "model": "gpt-x", "choices": [],
        "usage": usage});
    let reported = reported(&[
        ("POST", "openai/v1/chat/completions", chat.clone()),
        ("POST", "openai/v1/chat/completions/c_1", chat.clone()),
        ("GET", "openai/v1/chat/completions/c_1", chat),
    ])
    .await;
    assert_eq!(reported, [BILLED, NOTHING, NOTHING]);
}
