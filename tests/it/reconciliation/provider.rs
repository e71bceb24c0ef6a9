//! A provider that records the usage that it has sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{Notify, mpsc};
use tower::BoxError;

use super::Sum;
use super::plan::{Api, Course, Exchange};
use crate::support::hyper_upstream::{HyperUpstream, UpstreamBody, body};

/// The provider's records.
#[derive(Clone, Debug, Default)]
pub struct Books {
    written: Arc<Mutex<Sum>>,
    signals: Arc<Mutex<HashMap<u64, Arc<Notify>>>>,
}

impl Books {
    pub fn written(&self) -> Sum {
        *self.written.lock().unwrap()
    }

    /// Signals by which both sides of an exchange wait for each other.
    pub fn signal(&self, number: u64) -> Arc<Notify> {
        self.signals.lock().unwrap().entry(number).or_default().clone()
    }

    pub async fn open(&self) -> HyperUpstream {
        let books = self.clone();
        HyperUpstream::start(move |request| books.clone().answer(request)).await
    }

    async fn answer(self, request: Request<Incoming>) -> Response<UpstreamBody> {
        let number = request.headers()["x-number"].to_str().unwrap().parse().unwrap();
        let exchange = Exchange::number(number);
        request.into_body().collect().await.unwrap();
        let usage = |output| *self.written.lock().unwrap() += exchange.reported(output);
        let output = exchange.visible + exchange.reasoning;
        match exchange.course {
            Course::Json => {
                usage(output);
                json(StatusCode::OK, whole(&exchange))
            }
            Course::Stream => {
                usage(output);
                stream(events(&exchange), End::Whole)
            }
            Course::ProviderError => {
                let error = r#"{"code":"rate_limited","error":"slow down"}"#.to_owned();
                json(StatusCode::TOO_MANY_REQUESTS, error)
            }
            Course::HiddenError => {
                json(StatusCode::OK, r#"{"code":"unavailable","error":"timed out"}"#.to_owned())
            }
            course @ (Course::Broken | Course::Unfinished | Course::Cancelled) => {
                usage(1);
                let end = match course {
                    // Unread data would be lost with the connection.
                    Course::Broken => End::Broken { once: self.signal(number) },
                    Course::Unfinished => End::Whole,
                    _ => End::Never,
                };
                stream(events(&exchange)[..2].to_vec(), end)
            }
            Course::GivenUp => {
                self.signal(number).notify_one();
                std::future::pending().await
            }
            Course::Rejected | Course::Failed => panic!("this must not come here: {exchange:?}"),
        }
    }
}

fn usage(exchange: &Exchange) -> String {
    let Exchange { fresh, cached, visible, reasoning, .. } = exchange;
    let (input, output) = (fresh + cached, visible + reasoning);
    let ticks = exchange.ticks(output);
    match exchange.api {
        Api::Chat => format!(
            r#"{{"prompt_tokens":{input},"completion_tokens":{visible},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{cached}}},"completion_tokens_details":{{"reasoning_tokens":{reasoning}}},"cost_in_usd_ticks":{ticks}}}"#,
            input + output
        ),
        Api::Responses => format!(
            r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cached}}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{reasoning}}},"total_tokens":{},"cost_in_usd_ticks":{ticks}}}"#,
            input + output
        ),
        Api::Messages => format!(
            r#"{{"input_tokens":{fresh},"cache_creation_input_tokens":0,"cache_read_input_tokens":{cached},"output_tokens":{visible}}}"#
        ),
    }
}

fn whole(exchange: &Exchange) -> String {
    let answer = match exchange.api {
        Api::Chat => r#""choices":[{"message":{"content":"\"usage\":1"}}]"#,
        Api::Responses => r#""output":[{"usage":{"input_tokens":5}}]"#,
        Api::Messages => r#""content":[{"type":"text","text":"hi"}]"#,
    };
    format!(r#"{{"model":"grok-4.3",{answer},"usage":{}}}"#, usage(exchange))
}

/// The events of a whole stream. In Messages, the first two have the initial usage.
fn events(exchange: &Exchange) -> Vec<String> {
    let usage = usage(exchange);
    let data = match exchange.api {
        Api::Chat => vec![
            r#"{"model":"grok-4.3","choices":[{"delta":{"content":"hi"}}]}"#.to_owned(),
            format!(r#"{{"model":"grok-4.3","choices":[],"usage":{usage}}}"#),
            "[DONE]".to_owned(),
        ],
        Api::Responses => vec![
            r#"{"type":"response.output_text.delta","delta":"hi"}"#.to_owned(),
            format!(
                r#"{{"type":"response.completed","response":{{"model":"grok-4.3","usage":{usage}}}}}"#
            ),
        ],
        Api::Messages => vec![
            format!(
                r#"{{"type":"message_start","message":{{"model":"grok-4.3","usage":{{"input_tokens":{},"cache_read_input_tokens":{},"output_tokens":1}}}}}}"#,
                exchange.fresh, exchange.cached
            ),
            r#"{"type":"content_block_delta","delta":{"text":"hi"}}"#.to_owned(),
            format!(
                r#"{{"type":"message_delta","usage":{{"output_tokens":{}}}}}"#,
                exchange.visible
            ),
            r#"{"type":"message_stop"}"#.to_owned(),
        ],
    };
    data.into_iter().map(|data| format!("data: {data}\n\n")).collect()
}

fn json(status: StatusCode, text: String) -> Response<UpstreamBody> {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    builder.body(body(text)).unwrap()
}

enum End {
    Whole,
    Broken { once: Arc<Notify> },
    Never,
}

fn stream(events: Vec<String>, end: End) -> Response<UpstreamBody> {
    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, BoxError>>(1);
    tokio::spawn(async move {
        for event in events {
            if sender.send(Ok(Frame::data(event.into()))).await.is_err() {
                return;
            }
        }
        match end {
            End::Whole => {}
            End::Broken { once } => {
                once.notified().await;
                let _ = sender.send(Err("broken off".into())).await;
            }
            End::Never => sender.closed().await,
        }
    });
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    });
    let body = UpstreamBody::new(StreamBody::new(Box::pin(frames)));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}
