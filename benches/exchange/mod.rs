//! Requests, an in-memory client that is always ready, and measuring the time that layers add.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses what it needs")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Bencher;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use tower::Service;

use crate::frames::{Frames, drain};

/// The number of requests that are built and then sent: few, so that they are in the CPU cache, as in a
/// server that has just read them.
const BATCH: u64 = 8;

/// A client that reads the request, then answers with `frames`. A clone is as cheap as that of a real
/// client.
#[derive(Clone)]
pub struct Client(Arc<Answer>);

#[derive(Clone)]
struct Answer {
    frames: VecDeque<Bytes>,
    content_type: HeaderValue,
}

impl Client {
    /// A chat completion of 1 KiB.
    pub fn json() -> Self {
        let head = r#"{"id":"1","object":"chat.completion","created":1,"model":"grok-4.3","choices":[{"index":0,"message":{"role":"assistant","content":""#;
        let tail = r#"","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41,"prompt_tokens_details":{"text_tokens":32,"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":0},"cost_in_usd_ticks":561000},"service_tier":"default"}"#;
        let text = "x".repeat(1024 - head.len() - tail.len());
        let frames = VecDeque::from([Bytes::from([head, &text, tail].concat())]);
        let content_type = HeaderValue::from_static("application/json");
        Self(Arc::new(Answer { frames, content_type }))
    }

    /// A stream of this many events, each in a frame.
    pub fn stream(events: usize) -> Self {
        let event = Bytes::from(format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
            "x".repeat(50)
        ));
        let content_type = HeaderValue::from_static("text/event-stream");
        let frames = std::iter::repeat_n(event, events).collect();
        Self(Arc::new(Answer { frames, content_type }))
    }
}

impl Client {
    /// Like [`stream`](Self::stream), with the end of a chat.
    pub fn ended_stream(events: usize) -> Self {
        let Self(stream) = Self::stream(events);
        let Answer { mut frames, content_type } = Answer::clone(&stream);
        frames.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
        Self(Arc::new(Answer { frames, content_type }))
    }
}

impl<B: Body<Data = Bytes>> Service<Request<B>> for Client {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drain(request.into_body());
        let mut response = Response::new(Frames(self.0.frames.clone()));
        let headers = response.headers_mut();
        headers.reserve(16);
        headers.insert("content-type", self.0.content_type.clone());
        for name in [
            "date",
            "x-request-id",
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "vary",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(ConnectionInfo);
        Box::pin(ready(Ok(response)))
    }
}

#[derive(Clone)]
struct ConnectionInfo;

/// Runs an exchange from `poll_ready` to the end of the response body.
pub fn exchange<S, R>(service: &mut S, request: Request<Frames>)
where
    S: Service<Request<Frames>, Response = Response<R>>,
    R: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut future = pin!(service.call(request));
    match future.as_mut().poll(&mut cx) {
        Poll::Ready(Ok(response)) => drain(response.into_body()),
        _ => panic!("the client answers at once"),
    }
}

/// A request with the headers of an SDK.
pub fn request(path: &'static str, body: &Bytes) -> Request<Frames> {
    let mut request = Request::post(path).body(Frames::one(body.clone())).unwrap();
    let headers = request.headers_mut();
    headers.reserve(16);
    for (name, value) in [
        ("host", "127.0.0.1:8787"),
        ("connection", "keep-alive"),
        ("accept", "application/json"),
        ("user-agent", "OpenAI/JS 6.49.0"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-lang", "js"),
        ("x-stainless-package-version", "6.49.0"),
        ("x-stainless-os", "Linux"),
        ("authorization", "Bearer test-key"),
        ("content-type", "application/json"),
        ("accept-encoding", "gzip, deflate"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert("content-length", body.len().into());
    request
}

/// A chat of `size` bytes whose text has escapes, with the model first or last.
pub fn chat(size: usize, model_first: bool) -> Bytes {
    let line = r#"the quick brown fox said \"hello\" and jumped over the lazy dog\n"#;
    let text: String =
        line.chars().cycle().take(size.saturating_sub(110) / line.len() * line.len()).collect();
    let messages =
        format!(r#""messages":[{{"role":"user","content":"{text}"}}],"temperature":0.7"#);
    let model = r#""model":"grok/grok-4""#;
    let body = if model_first {
        format!("{{{model},{messages}}}")
    } else {
        format!("{{{messages},{model}}}")
    };
    Bytes::from(body)
}

/// The time of this many exchanges, without building their requests.
pub fn timed<S, R>(service: &mut S, request: &dyn Fn() -> Request<Frames>, count: u64) -> Duration
where
    S: Service<Request<Frames>, Response = Response<R>>,
    R: Body,
{
    let requests: Vec<_> = (0..count).map(|_| request()).collect();
    let start = Instant::now();
    for request in requests {
        exchange(service, request);
    }
    start.elapsed()
}

/// Runs `iterations` in batches and adds up the times that `batch` returns.
pub fn batches(iterations: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let whole = (0..iterations / BATCH).map(|_| BATCH);
    whole.chain([iterations % BATCH]).map(&mut batch).sum()
}

/// The time that `over` takes in addition to `under`, each with its own requests.
pub fn added<S, T, R, Q>(
    bencher: &mut Bencher<'_>,
    over: &mut S,
    over_request: &dyn Fn() -> Request<Frames>,
    under: &mut T,
    under_request: &dyn Fn() -> Request<Frames>,
) where
    S: Service<Request<Frames>, Response = Response<R>>,
    T: Service<Request<Frames>, Response = Response<Q>>,
    R: Body,
    Q: Body,
{
    bencher.iter_custom(|n| {
        let (mut long, mut short) = (Duration::ZERO, Duration::ZERO);
        batches(n, |count| {
            long += timed(over, over_request, count);
            short += timed(under, under_request, count);
            Duration::ZERO
        });
        // Noise may make the difference of fast cases negative, and criterion does not accept zero.
        long.saturating_sub(short).max(Duration::from_nanos(1))
    });
}
