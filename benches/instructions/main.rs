//! Instructions per exchange, counted by callgrind.
//!
//! `benches/instructions/run.sh` compares the counts with `baseline.toml` next to it, and updates that
//! with `--update`. Each figure is for 100 exchanges (`count::TIMES`), including the in-memory client.
//! Figures are exactly reproducible, except `native_metrics`, whose hashes have random seeds: it varies
//! by up to 0.1 %. Some figures also vary by as much if the binary has another path.
#![allow(missing_docs, clippy::unwrap_used)]

mod count;
#[path = "../exchange/mod.rs"]
mod exchange;
#[path = "../frames/mod.rs"]
mod frames;
mod gateways;
mod records;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use count::{Held, TIMES, each_exchange, each_time};
use exchange::{Client, chat, exchange, request};
use frames::Frames;
use gateways::{bare, builder, caching, every_layer, hooked, settings, with_token};
use gungraun::prelude::*;
use gungraun::{Callgrind, EntryPoint};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Uri};
use metrics_exporter_prometheus::PrometheusBuilder;
use records::{each_record, record, written};
use tokio::runtime::Builder;
use tower::{Layer, Service};
use tower_ai_gateway::Operation;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::cache::MemoryCache;
use tower_ai_gateway::internals::{Format, Meter};
use tower_ai_gateway::log::{JsonLines, LogHook, LogStore};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::settings::Settings;
use tower_ai_gateway::settings::limits::{CountBy, LimitRule, Period, Window};

const NATIVE: &str = "/v1/acct/gw/grok/v1/chat/completions";
const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";
const KIB: usize = 1024;

/// An exchange with a gateway's token, under these rules.
fn controlled(rules: impl IntoIterator<Item = LimitRule>) {
    let body = chat(KIB, true);
    let layer = builder().settings(settings(rules)).build().unwrap();
    let service = layer.client_layer().layer(ControlLayer::new().layer(Client::json()));
    each_exchange(service, || with_token(&body));
}

// The cost of the client and of the benchmark itself, which is part of all other figures.
#[library_benchmark]
fn no_gateway() {
    let body = chat(KIB, true);
    each_exchange(Client::json(), || request(NATIVE, &body));
}

/// An exchange up to the call of the client.
fn head(request: impl FnMut() -> Request<Frames>) {
    let mut service = bare().client_layer().layer(Held);
    each_time(request, |request| service.call(request));
}

#[library_benchmark]
fn not_ours() {
    head(|| request("/health", &Bytes::new()));
}

#[library_benchmark]
fn route_rewrite_headers() {
    let body = chat(KIB, true);
    head(|| request(NATIVE, &body));
}

// The figure is so small that one more allocation exceeds its limit.
#[library_benchmark]
fn route_rewrite_few_headers() {
    head(|| {
        let mut request = Request::new(Frames::one(Bytes::new()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(NATIVE);
        request.headers_mut().reserve(16);
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer test-key"));
        request
    });
}

#[library_benchmark]
fn native() {
    let body = chat(KIB, true);
    each_exchange(bare().client_layer().layer(Client::json()), || request(NATIVE, &body));
}

#[library_benchmark]
fn native_hook() {
    let body = chat(KIB, true);
    each_exchange(hooked().client_layer().layer(Client::json()), || request(NATIVE, &body));
}

#[library_benchmark]
fn native_metrics() {
    let body = chat(KIB, true);
    let recorder = PrometheusBuilder::new().set_buckets(&[0.001, 0.1, 10.0]).unwrap();
    let metrics = Metrics::new().recorder(recorder.build_recorder());
    let layer = builder().metrics_hook(metrics).build().unwrap();
    each_exchange(layer.client_layer().layer(Client::json()), || request(NATIVE, &body));
}

// The work of a log on the task of an exchange. The writer's work is counted below.
#[library_benchmark]
fn native_log() {
    let body = chat(KIB, true);
    let log = LogHook::builder(JsonLines::new(std::io::sink())).build().unwrap();
    let layer = builder().metrics_hook(log.clone()).build().unwrap();
    let mut service = layer.client_layer().layer(Client::json());
    let quiet = || {
        // The previous record is written first, so that the writer does the same work for each record.
        assert!(log.flush(Duration::from_secs(60)).is_complete());
        request(NATIVE, &body)
    };
    each_exchange(&mut service, quiet);
}

// The record of a log, made from the end of an exchange. Its texts are more than the allocator's list for
// a size usually holds, and what it does then varies.
#[library_benchmark(
    config = LibraryBenchmarkConfig::default().env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=100")
)]
fn log_record_new() {
    let body = chat(KIB, true);
    let layer = builder().metrics_hook(each_record()).build().unwrap();
    let mut service = layer.client_layer().layer(Client::json());
    (0..2 * TIMES).for_each(|_| exchange(&mut service, request(NATIVE, &body)));
}

#[library_benchmark]
fn log_record_json() {
    written(&mut JsonLines::new(std::io::sink()), 1);
}

// 16 rows in one transaction.
#[library_benchmark]
fn log_rows_sqlite_16() {
    let directory = tempfile::tempdir().unwrap();
    written(&mut LogStore::open(directory.path().join("log.db")).unwrap().sink(), 16);
}

// Our own part of a row. The rest is SQLite's.
#[library_benchmark]
fn log_row_sqlite_bind() {
    let directory = tempfile::tempdir().unwrap();
    let sink = LogStore::open(directory.path().join("log.db")).unwrap().sink();
    each_time(|| [record(0)], |records| sink.bind(&records).map(|()| records));
}

#[library_benchmark]
fn native_stream_50() {
    let body = chat(KIB, true);
    each_exchange(hooked().client_layer().layer(Client::stream(50)), || request(NATIVE, &body));
}

#[library_benchmark]
fn native_control_idle() {
    let body = chat(KIB, true);
    let service = bare().client_layer().layer(ControlLayer::new().layer(Client::json()));
    each_exchange(service, || request(NATIVE, &body));
}

// With the feature `limits`, and without rules.
#[library_benchmark]
fn native_control_settings() {
    controlled([]);
}

// Three rules, counted in memory: reserve and settle.
#[library_benchmark]
fn native_control_limits_3() {
    let day = Window::Fixed(Period::Day);
    controlled([
        LimitRule::requests("rate", 1 << 30, Window::Sliding(Duration::from_secs(60)))
            .by(CountBy::Token),
        LimitRule::tokens("tokens", 1 << 40, day).by(CountBy::Model),
        LimitRule::usd("money", 100_000.0, day).by(CountBy::Token),
    ]);
}

/// Exchanges with a gateway that caches responses, in so little memory that new entries evict old ones.
fn cached(request: impl FnMut() -> Request<Frames>) {
    let layer = builder().settings(caching()).build().unwrap();
    let control = ControlLayer::new().cache(MemoryCache::with_capacity(64 << 10));
    each_exchange(layer.client_layer().layer(control.layer(Client::json())), request);
}

#[library_benchmark]
fn native_control_cache_hit() {
    let body = chat(KIB, true);
    cached(|| request(NATIVE, &body));
}

// The request is read, digested and looked up; the response is recorded and stored.
#[library_benchmark]
fn native_control_cache_miss() {
    let mut numbers = 0..;
    cached(|| {
        let body = format!("{{\"user\":\"{:08}\",", numbers.next().unwrap_or(0));
        let rest = &chat(KIB - body.len(), true)[1..];
        request(NATIVE, &Bytes::from([body.as_bytes(), rest].concat()))
    });
}

// Includes the tasks that an exchange leaves behind, as in a server.
#[library_benchmark]
fn native_control_every_layer() {
    // One of the allowed models.
    let body = String::from_utf8(chat(KIB, true).to_vec()).unwrap();
    let body = Bytes::from(body.replace("grok/grok-4", "grok-4"));
    let layer = builder().settings(Settings::new(every_layer())).build().unwrap();
    let mut service = layer.client_layer().layer(ControlLayer::new().layer(Client::json()));
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let asked = || with_token(&body);
    each_time(asked, |request| {
        runtime.block_on(async {
            exchange(&mut service, request);
            tokio::task::yield_now().await;
        });
    });
}

// The model is last, so the whole body is peeked.
#[library_benchmark]
#[bench::kib_1(KIB)]
#[bench::kib_20(20 * KIB)]
fn peek(size: usize) {
    let body = chat(size, false);
    each_exchange(bare().client_layer().layer(Client::json()), || request(UNIFIED, &body));
}

// The model is first, and the rest is scanned for another.
#[library_benchmark]
#[bench::kib_20(20 * KIB)]
fn scan_request(size: usize) {
    let body = chat(size, true);
    each_exchange(bare().client_layer().layer(Client::json()), || request(UNIFIED, &body));
}

// The meter alone, with 50 events in one frame.
#[library_benchmark]
fn scan_events() {
    let event = r#"data: {"id":"1","choices":[{"delta":{"content":"some text"}}],"usage":null}"#;
    let stream = Bytes::from(format!("{event}\n\n").repeat(50));
    each_time(
        || Meter::new(Format::Sse, Operation::Chat, Meter::LIMIT),
        |mut meter| {
            meter.push(black_box(&stream));
            meter.finish();
            assert_eq!(meter.content_events(), 50);
            meter
        },
    );
}

library_benchmark_group!(
    name = exchanges,
    benchmarks = [
        no_gateway,
        not_ours,
        route_rewrite_headers,
        route_rewrite_few_headers,
        native,
        native_hook,
        native_metrics,
        native_log,
        native_stream_50,
        native_control_idle,
        native_control_settings,
        native_control_limits_3,
        native_control_cache_hit,
        native_control_cache_miss,
        native_control_every_layer,
        peek,
        scan_request,
        scan_events,
        log_record_new,
        log_record_json,
        log_rows_sqlite_16,
        log_row_sqlite_bind,
    ]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(
        Callgrind::with_args(["--cache-sim=no"])
            .entry_point(EntryPoint::Custom("instructions::count::counted*".to_owned()))
    ),
    library_benchmark_groups = exchanges
);
