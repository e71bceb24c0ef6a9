//! The upstream: sends prepared answers once it has read the request to its end.
//!
//! `upstream port=P`. `?events=N` in the query requests a stream, `?every_ms=N` an endless one with
//! periodic events. Otherwise the answer is 1 KiB of JSON.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::time::Interval;
use tokio_rustls::TlsAcceptor;

use crate::BoxError;
use crate::fields;
use crate::loads::ANSWER;
use crate::process;
use crate::serve::serve;

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let port = fields::of_args(args).number("port")?;
    process::block_on(run(port, None))
}

pub(crate) async fn run(port: u16, tls: Option<TlsAcceptor>) -> Result<(), BoxError> {
    let answers = Arc::new(Answers::new());
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(None);
    serve(port, tls, builder, service_fn(move |request| answer(answers.clone(), request))).await
}

async fn answer(
    answers: Arc<Answers>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, hyper::Error> {
    let asked = request.uri().query().and_then(|query| query.split_once('='));
    let asked = asked.and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    let mut body = request.into_body();
    let mut last = None;
    while let Some(frame) = body.frame().await {
        last = frame?.data_ref().and_then(|data| data.last().copied()).or(last);
    }
    let (content_type, body) = match asked.as_ref().map(|(name, number)| (&**name, *number)) {
        Some(("events", events)) => ("text/event-stream", answers.stream(events)),
        Some((_, millis)) => {
            let every = tokio::time::interval(Duration::from_millis(millis as u64));
            ("text/event-stream", Answer::Trickle { event: answers.event.clone(), every })
        }
        None => ("application/json", Answer::Whole(Some(answers.json.clone()))),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if last != Some(b'}') {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

struct Answers {
    json: Bytes,
    event: Bytes,
    /// The event with the usage, and the last event.
    last: [Bytes; 2],
}

impl Answers {
    fn new() -> Self {
        let usage = r#""usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41,"prompt_tokens_details":{"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":0}}"#;
        let head = r#"{"id":"1","object":"chat.completion","created":1,"model":"grok-4","choices":[{"index":0,"message":{"role":"assistant","content":""#;
        let tail = format!(r#""}},"finish_reason":"stop"}}],{usage}}}"#);
        let text = "x".repeat(ANSWER - head.len() - tail.len());
        let chunk = r#"data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"grok-4","choices":["#;
        let token = r#"{"index":0,"delta":{"content":" token"},"finish_reason":null}"#;
        Self {
            json: [head, &text, &tail].concat().into(),
            event: format!("{chunk}{token}]}}\n\n").into(),
            last: [format!("{chunk}],{usage}}}\n\n").into(), "data: [DONE]\n\n".into()],
        }
    }

    fn stream(self: Arc<Self>, events: usize) -> Answer {
        Answer::Events { answers: self, left: events, waits: false }
    }
}

enum Answer {
    Whole(Option<Bytes>),
    /// Each event is a separate write, and other tasks may run in between.
    Events {
        answers: Arc<Answers>,
        left: usize,
        waits: bool,
    },
    /// Periodic events without an end.
    Trickle {
        event: Bytes,
        every: Interval,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut *self {
            Self::Whole(body) => body.take(),
            Self::Trickle { event, every } => {
                ready!(every.poll_tick(cx));
                Some(event.clone())
            }
            Self::Events { left: 0, .. } => None,
            Self::Events { waits, .. } if *waits => {
                *waits = false;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Self::Events { answers, left, waits } => {
                *left -= 1;
                *waits = true;
                let [usage, done] = &answers.last;
                Some(match *left {
                    0 => done.clone(),
                    1 => usage.clone(),
                    _ => answers.event.clone(),
                })
            }
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Events { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            Self::Events { .. } | Self::Trickle { .. } => SizeHint::default(),
        }
    }
}
