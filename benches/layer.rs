//! What the layer adds to a request, over an in-memory client that is always ready.
//!
//! `cargo bench --bench layer`. For each case there are the times of the bare client and of the
//! client under the layer, and `added`: their difference, measured in alternating batches of one
//! run; `added by metering` is that of a hook with and without usage. Requests are built outside of the measured time; the client reads the request body to its
//! end, and the response body is read to its end. As hyper-util's does, the client boxes its future
//! and leaves something in the response's extensions.
#![allow(missing_docs, clippy::unwrap_used)]

mod frames;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use frames::{Frames, drain};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use tower::{Layer, Service};
use tower_ai_gateway::{EndEvent, Gateway, GatewayLayer, Provider};

/// How many requests are built, and then sent, at a time: few, so that they are in the cache as a
/// server has them that has just read them.
const BATCH: u64 = 8;

/// Reads the request, then answers with `frames`.
#[derive(Clone)]
struct Client {
    frames: VecDeque<Bytes>,
    content_type: HeaderValue,
}

impl Client {
    /// A chat completion of 1 KiB.
    fn json() -> Self {
        let head = r#"{"id":"1","object":"chat.completion","created":1,"model":"grok-4.3","choices":[{"index":0,"message":{"role":"assistant","content":""#;
        let tail = r#"","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41,"prompt_tokens_details":{"text_tokens":32,"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":0},"cost_in_usd_ticks":561000},"service_tier":"default"}"#;
        let text = "x".repeat(1024 - head.len() - tail.len());
        let frames = VecDeque::from([Bytes::from([head, &text, tail].concat())]);
        Self { frames, content_type: HeaderValue::from_static("application/json") }
    }

    /// 100 events, each of them a frame.
    fn stream() -> Self {
        let event = Bytes::from(format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
            "x".repeat(50)
        ));
        let content_type = HeaderValue::from_static("text/event-stream");
        Self { frames: std::iter::repeat_n(event, 100).collect(), content_type }
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
        let mut response = Response::new(Frames(self.frames.clone()));
        let headers = response.headers_mut();
        headers.reserve(16);
        headers.insert("content-type", self.content_type.clone());
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

/// One exchange from `poll_ready` to the end of the response body.
fn exchange<S, R>(service: &mut S, request: Request<Frames>)
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
fn request(path: &'static str, body: &Bytes) -> Request<Frames> {
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
fn chat(size: usize, model_first: bool) -> Bytes {
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

fn timed<S, R>(service: &mut S, path: &'static str, body: &Bytes, count: u64) -> Duration
where
    S: Service<Request<Frames>, Response = Response<R>>,
    R: Body,
{
    let requests: Vec<_> = (0..count).map(|_| request(path, body)).collect();
    let start = Instant::now();
    for request in requests {
        exchange(service, request);
    }
    start.elapsed()
}

/// Runs `iterations` in batches and adds up what `batch` says each took.
fn batches(iterations: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let whole = (0..iterations / BATCH).map(|_| BATCH);
    whole.chain([iterations % BATCH]).map(&mut batch).sum()
}

fn layer(hooked: bool, metered: bool) -> GatewayLayer {
    let builder = GatewayLayer::builder().providers(Provider::all());
    let hook = |end: &EndEvent<'_>| {
        black_box((end.response_bytes, end.cost));
    };
    let builder = if hooked { builder.metrics_hook(hook) } else { builder };
    let builder = if metered { builder } else { builder.usage_limit(0) };
    builder.build().unwrap()
}

/// One kind of request, and the client that answers it.
struct Case<'a> {
    path: &'static str,
    body: Bytes,
    client: &'a Client,
}

impl Case<'_> {
    fn gateway(&self, hooked: bool, metered: bool) -> Gateway<Client> {
        layer(hooked, metered).layer(self.client.clone())
    }

    fn timed<S, R>(&self, service: &mut S, count: u64) -> Duration
    where
        S: Service<Request<Frames>, Response = Response<R>>,
        R: Body,
    {
        timed(service, self.path, &self.body, count)
    }

    /// What `over` takes longer than `under`.
    fn added<S, T, R, Q>(&self, bencher: &mut Bencher<'_>, over: &mut S, under: &mut T)
    where
        S: Service<Request<Frames>, Response = Response<R>>,
        T: Service<Request<Frames>, Response = Response<Q>>,
        R: Body,
        Q: Body,
    {
        bencher.iter_custom(|n| {
            let (mut long, mut short) = (Duration::ZERO, Duration::ZERO);
            batches(n, |count| {
                long += self.timed(over, count);
                short += self.timed(under, count);
                Duration::ZERO
            });
            // Noise may make the difference of fast cases negative; criterion takes no zero.
            long.saturating_sub(short).max(Duration::from_nanos(1))
        });
    }
}

fn compare(criterion: &mut Criterion, name: &str, case: &Case<'_>) {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let mut bare = case.client.clone();
    group.bench_function("bare", |bencher| {
        bencher.iter_custom(|n| batches(n, |count| case.timed(&mut bare, count)));
    });
    for (name, hooked) in [("no hook", false), ("one hook", true)] {
        let mut gateway = case.gateway(hooked, true);
        group.bench_function(BenchmarkId::new("layer", name), |bencher| {
            bencher.iter_custom(|n| batches(n, |count| case.timed(&mut gateway, count)));
        });
        group.bench_function(BenchmarkId::new("added", name), |bencher| {
            case.added(bencher, &mut gateway, &mut bare);
        });
    }
    let (mut metered, mut unmetered) = (case.gateway(true, true), case.gateway(true, false));
    group.bench_function("added by metering", |bencher| {
        case.added(bencher, &mut metered, &mut unmetered);
    });
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    let native = "/v1/acct/gw/grok/v1/chat/completions";
    let unified = "/v1/acct/gw/compat/chat/completions";
    let (json, stream) = (&Client::json(), &Client::stream());
    for (name, path, size, model_first, client) in [
        ("not ours", "/health", 1024, true, json),
        ("native 1 KiB", native, 1024, true, json),
        ("unified 1 KiB, model first", unified, 1024, true, json),
        ("unified 1 KiB, model last", unified, 1024, false, json),
        ("unified 1 MiB, model first", unified, 1 << 20, true, json),
        ("unified 1 MiB, model last", unified, 1 << 20, false, json),
        ("native stream of 100 events", native, 1024, true, stream),
    ] {
        compare(criterion, name, &Case { path, body: chat(size, model_first), client });
    }
}

criterion_group!(layers, benches);
criterion_main!(layers);
