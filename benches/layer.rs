//! The time that the layer adds to a request, over an in-memory client that is always ready.
//!
//! `cargo bench --bench layer`. Each case has the times of the bare client and of the client below
//! the layer, and their difference `added`, measured in alternating batches of one run; `added by
//! metering` is that of a hook with and without usage. Building requests is not measured. The
//! client reads the request body to its end, and the response body is read to its end. Like
//! hyper-util's, the client boxes its future and adds a response extension.
#![allow(missing_docs, clippy::unwrap_used)]

mod exchange;
mod frames;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use exchange::{Client, added, batches, chat, request, timed};
use frames::Frames;
use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service};
use tower_ai_gateway::{EndEvent, Gateway, GatewayLayer, Provider};

fn layer(hooked: bool, metered: bool) -> GatewayLayer {
    let builder = GatewayLayer::builder().providers(Provider::all());
    let hook = |end: &EndEvent<'_>| {
        black_box((end.response_bytes, end.cost));
    };
    let builder = if hooked { builder.metrics_hook(hook) } else { builder };
    let builder = if metered { builder } else { builder.usage_limit(0) };
    builder.build().unwrap()
}

/// A kind of request, and the client that answers it.
struct Case<'a> {
    path: &'static str,
    body: Bytes,
    client: &'a Client,
}

impl Case<'_> {
    fn gateway(&self, hooked: bool, metered: bool) -> Gateway<Client> {
        layer(hooked, metered).client_layer().layer(self.client.clone())
    }

    fn timed<S, R>(&self, service: &mut S, count: u64) -> Duration
    where
        S: Service<Request<Frames>, Response = Response<R>>,
        R: Body,
    {
        timed(service, &|| request(self.path, &self.body), count)
    }

    /// The time that `over` takes longer than `under`.
    fn added<S, T, R, Q>(&self, bencher: &mut Bencher<'_>, over: &mut S, under: &mut T)
    where
        S: Service<Request<Frames>, Response = Response<R>>,
        T: Service<Request<Frames>, Response = Response<Q>>,
        R: Body,
        Q: Body,
    {
        let request = || request(self.path, &self.body);
        added(bencher, over, &request, under, &request);
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
    let (json, stream) = (&Client::json(), &Client::stream(100));
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
