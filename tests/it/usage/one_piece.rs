//! An answer that comes in one piece is read without a scanner that waits for more. The events are the same.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::stream;
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::BoxBody;
use tower::service_fn;
use tower_ai_gateway::RequestBody;

use super::*;

type Body = BoxBody<Bytes, Infallible>;

/// The pieces between these places. Only the one piece says that it is the last.
fn body(answer: &Bytes, cuts: &[usize]) -> Body {
    if cuts.is_empty() {
        return Full::new(answer.clone()).boxed();
    }
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([answer.len()]);
    let pieces: Vec<_> =
        starts.zip(ends).map(|(start, end)| Ok(Frame::data(answer.slice(start..end)))).collect();
    BoxBody::new(StreamBody::new(stream::iter(pieces)))
}

/// All that an event tells of the answer. Of its times, whether they are known.
async fn told(path: &str, content_type: &'static str, body: Body, limit: usize) -> String {
    let recorder = Recorder::default();
    let layer = GatewayLayer::builder().provider(Provider::xai()).usage_limit(limit);
    let layer = layer.metrics_hook(recorder.clone()).build().unwrap();
    let body = Arc::new(Mutex::new(Some(body)));
    let client = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let response = Response::builder().header("content-type", content_type);
        let response = response.body(body.lock().unwrap().take().unwrap()).unwrap();
        async move {
            request.into_body().collect().await?;
            Ok::<_, tower::BoxError>(response)
        }
    });
    let request = Request::post(path).body(Full::from(r#"{"model":"grok-4"}"#)).unwrap();
    let response = layer.client_layer().layer(client).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    let mut end = recorder.end();
    end.log_id.clear();
    end.event_id.clear();
    let timings = std::mem::take(&mut end.timings);
    let known = (timings.to_first_data.is_some(), timings.to_first_token.is_some());
    format!("{end:?} {known:?}")
}

#[tokio::test]
async fn a_response_in_one_piece_is_reported_like_one_in_many() {
    let chat = format!(
        r#" {{"id":"1","model":"grok-4.3","choices":[{{"message":{{"content":"\"usage\":{{\\"}},"finish_reason":"stop"}}],"usage":{CHAT_USAGE},"service_tier":"flex"}}"#
    );
    let events = [&chat_event(r#"{"content":"a"}"#)[..], &usage_event(CHAT_USAGE), DONE].concat();
    let gemini = r#"[{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":8,"totalTokenCount":13}}]"#;
    let error = r#"{"code":"unavailable","error":"Timed out","usage":{"prompt_tokens":1}}"#;
    let lines = "{\"message\":{\"content\":\"Hi\"}}\n{\"done\":true,\"prompt_eval_count\":26}";
    let answers = [
        (CHAT, "application/json", &*chat),
        (CHAT, "application/json", error),
        (CHAT, "text/event-stream", &*events),
        (CHAT, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"),
        (RESPONSES, "text/event-stream", &*responses_stream()),
        (MESSAGES, "text/event-stream", &*messages_stream()),
        (GEMINI, "application/json", gemini),
        ("/v1/acct/gw/grok/api/chat", "application/x-ndjson", lines),
        (CHAT, "audio/mpeg", &*chat),
    ];
    for (path, content_type, answer) in answers {
        // Whole, cut off, and with one byte that does not belong there.
        let step = (answer.len() / 12).max(1);
        let cut =
            (0..=answer.len()).rev().step_by(step).map(|end| answer.as_bytes()[..end].to_vec());
        let damaged = (0..answer.len()).step_by(step).map(|at| {
            let mut damaged = answer.as_bytes().to_vec();
            damaged[at] = b'"';
            damaged
        });
        for (number, answer) in cut.chain(damaged).enumerate() {
            let answer = Bytes::from(answer);
            let limit = if number % 5 == 4 { 100 } else { 64 * 1024 };
            let one = told(path, content_type, body(&answer, &[]), limit).await;
            for pieces in [1, 2, 7] {
                let size = answer.len().div_ceil(pieces).max(1);
                // At least two: an empty one counts.
                let cuts: Vec<_> = (1..=answer.len() / size).map(|piece| piece * size).collect();
                let cuts = if cuts.is_empty() { vec![0] } else { cuts };
                let many = told(path, content_type, body(&answer, &cuts), limit).await;
                assert_eq!(one, many, "{answer:?} in {pieces}");
            }
        }
    }
}
