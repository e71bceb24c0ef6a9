//! The time that the crate's hooks add to an exchange, over an in-memory client that is always
//! ready.
//!
//! `cargo bench --bench hooks --features metrics,log-sqlite`. `added` is the difference between a
//! layer with the hook and one with a hook that does nothing, of the minimum times of alternating
//! batches. It includes the four events of an exchange, with a Prometheus recorder.
//!
//! A log does most of its work on a separate thread. So for `LogHook` the figure is the CPU time of all
//! threads per exchange, with records as JSON lines that are discarded, or as rows in a file.
//!
//! `hooks count {chat|alias|stream} {none|metrics} N` only sends N exchanges, for tools that count
//! instructions.
#![allow(missing_docs, clippy::unwrap_used)]

mod frames;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Criterion;
use frames::{Frames, drain};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tower::{Layer, Service};
use tower_ai_gateway::log::{JsonLines, LogHook, LogStore};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::{Gateway, GatewayLayer, MetricsHook, Provider};

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
const ASKED: &str = r#"{"model":"grok-4.3","messages":[{"role":"user","content":"hello"}]}"#;
const USAGE: &str = r#""usage":{"prompt_tokens":199,"completion_tokens":1,"total_tokens":200,"prompt_tokens_details":{"cached_tokens":163},"completion_tokens_details":{"reasoning_tokens":0},"cost_in_usd_ticks":1234567}"#;

/// Reads the request, then answers with `frames`.
#[derive(Clone)]
struct Client {
    asked: &'static str,
    frames: VecDeque<Bytes>,
    content_type: &'static str,
}

impl Client {
    fn chat() -> Self {
        let text = "x".repeat(600);
        let body = format!(
            r#"{{"model":"grok-4.3","choices":[{{"message":{{"content":"{text}"}}}}],{USAGE}}}"#
        );
        let frames = VecDeque::from([Bytes::from(body)]);
        Self { asked: ASKED, frames, content_type: "application/json" }
    }

    /// The client uses an alias of a model that is not in the price table.
    fn alias() -> Self {
        Self { asked: r#"{"model":"my-alias","messages":[]}"#, ..Self::chat() }
    }

    fn stream() -> Self {
        let content = r#"{"model":"grok-4.3","choices":[{"delta":{"content":"hello"}}]}"#;
        let last = format!(r#"{{"model":"grok-4.3","choices":[],{USAGE}}}"#);
        let events = [content, content, content, &last, "[DONE]"];
        let frame = |event: &str| Bytes::from(format!("data: {event}\n\n"));
        let frames = events.map(frame).into();
        Self { asked: ASKED, frames, content_type: "text/event-stream" }
    }
}

impl<B: Body> Service<Request<B>> for Client {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Frames>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drain(request.into_body());
        let response = Response::builder().header("content-type", self.content_type);
        ready(Ok(response.body(Frames(self.frames.clone())).unwrap()))
    }
}

/// Runs `count` exchanges and returns their time.
fn exchanges(service: &mut Gateway<Client>, asked: &'static str, count: u64) -> Duration {
    let request = |_| Request::post(PATH).body(Full::from(asked)).unwrap();
    let requests: Vec<_> = (0..count).map(request).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let start = Instant::now();
    for request in requests {
        match pin!(service.call(request)).as_mut().poll(&mut cx) {
            Poll::Ready(Ok(response)) => drain(response.into_body()),
            _ => panic!("the client answers at once"),
        }
    }
    start.elapsed()
}

/// A layer with a hook that does nothing, or with metrics.
fn service(client: &Client, hook: Option<impl MetricsHook>) -> Gateway<Client> {
    let builder = GatewayLayer::builder().provider(Provider::xai());
    let builder = match hook {
        Some(hook) => builder.metrics_hook(hook),
        None => builder.metrics_hook(()),
    };
    builder.build().unwrap().client_layer().layer(client.clone())
}

/// The CPU time of all threads of this process (Linux).
fn processor_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Measures the time that a log adds to an exchange on all threads.
fn log(criterion: &mut Criterion, kind: &str, log: &LogHook) {
    /// Less than the queue's capacity, so that no record is lost.
    const BATCH: u64 = 4096;
    let client = Client::chat();
    let (mut without, mut with) =
        (service(&client, None::<()>), service(&client, Some(log.clone())));
    let mut group = criterion.benchmark_group("log of a chat, processor's time of all threads");
    group.sample_size(10);
    group.bench_function(kind, |bencher| {
        bencher.iter_custom(|iterations| {
            let (mut bare, mut logged) = (Duration::MAX, Duration::MAX);
            for _ in 0..iterations.div_ceil(BATCH) {
                let begin = processor_time();
                exchanges(&mut without, client.asked, BATCH);
                let between = processor_time();
                exchanges(&mut with, client.asked, BATCH);
                let report = log.flush(Duration::from_secs(60));
                assert!(report.is_complete(), "{report}");
                bare = bare.min(between - begin);
                logged = logged.min(processor_time() - between);
            }
            let added = logged.saturating_sub(bare).as_secs_f64() / BATCH as f64;
            Duration::from_secs_f64(added * iterations as f64).max(Duration::from_nanos(1))
        });
    });
    group.finish();
}

fn recorder() -> (Metrics, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().set_buckets(&[0.001, 0.1, 10.0]).unwrap();
    let recorder = recorder.build_recorder();
    let handle = recorder.handle();
    (Metrics::new().recorder(recorder), handle)
}

fn compare(criterion: &mut Criterion, case: &str, client: &Client) {
    /// Each batch is long enough to include the recorder's periodic work.
    const BATCH: u64 = 64;
    let mut group = criterion.benchmark_group(case);
    group.sample_size(40).measurement_time(Duration::from_secs(2));
    let (hook, handle) = recorder();
    let (mut without, mut with) = (service(client, None::<()>), service(client, Some(hook)));
    group.bench_function("added by `Metrics`", |bencher| {
        bencher.iter_custom(|iterations| {
            let (mut bare, mut hooked) = (Duration::MAX, Duration::MAX);
            for _ in 0..iterations.div_ceil(BATCH) {
                bare = bare.min(exchanges(&mut without, client.asked, BATCH));
                hooked = hooked.min(exchanges(&mut with, client.asked, BATCH));
                handle.run_upkeep();
            }
            let added = hooked.saturating_sub(bare).as_secs_f64() / BATCH as f64;
            // Noise may make a difference negative, and criterion does not accept zero.
            Duration::from_secs_f64(added * iterations as f64).max(Duration::from_nanos(1))
        });
    });
    group.finish();
}

/// Only sends the exchanges that the arguments specify.
fn count(case: &str, hook: &str, exchanged: u64) {
    let client = match case {
        "chat" => Client::chat(),
        "alias" => Client::alias(),
        "stream" => Client::stream(),
        _ => panic!("no such case: {case}"),
    };
    let hook = (hook == "metrics").then(|| recorder().0);
    let mut service = service(&client, hook);
    for _ in 0..exchanged {
        exchanges(&mut service, client.asked, 1);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, case, hook, exchanged, ..] = &arguments[..]
        && mode == "count"
    {
        return count(case, hook, exchanged.parse().unwrap());
    }
    let mut criterion = Criterion::default().configure_from_args();
    compare(&mut criterion, "chat of 1 KiB", &Client::chat());
    compare(&mut criterion, "chat of 1 KiB, model not known", &Client::alias());
    compare(&mut criterion, "stream of 5 events", &Client::stream());
    let lines = LogHook::builder(JsonLines::new(std::io::sink())).build().unwrap();
    log(&mut criterion, "JSON lines", &lines);
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path().join("log.db")).unwrap();
    log(&mut criterion, "SQLite", &LogHook::builder(store.sink()).build().unwrap());
    criterion.final_summary();
}
