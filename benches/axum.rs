//! The cost of the layer for an axum app's own routes, and of a gateway path in an app.
//!
//! `cargo bench --bench axum`. The app has five routes, of which one is called. `added` is the
//! additional time with the layer in each place, measured in alternating batches of one run. With
//! `Router::layer`, axum boxes every layer, even one that does nothing, so there the figure is the
//! difference from such a layer.
#![allow(missing_docs, clippy::unwrap_used)]

mod exchange;
mod frames;

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use exchange::{Client, added, batches, chat, request, timed};
use tower::Layer;
use tower::layer::util::Identity;
use tower_ai_gateway::{GatewayLayer, Provider};

/// The called route.
const OWN: &str = "/users/7/orders";
const NATIVE: &str = "/v1/acct/gw/grok/v1/chat/completions";

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "home\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/users", get(|| async { "users\n" }))
        .route("/users/{id}", get(|| async { "a user\n" }))
        .route("/users/{id}/orders", post(|| async { "ordered\n" }))
}

fn gateway() -> GatewayLayer {
    GatewayLayer::builder().providers(Provider::all()).build().unwrap()
}

fn own_route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("own route");
    group.sample_size(40).measurement_time(Duration::from_secs(2));
    let request = || request(OWN, &Bytes::new());
    let mut bare = app();
    group.bench_function("app", |bencher| {
        bencher.iter_custom(|n| batches(n, |count| timed(&mut bare, &request, count)));
    });
    let mut around = gateway().upstream(Client::json()).layer(app());
    group.bench_function("added around the app", |bencher| {
        added(bencher, &mut around, &request, &mut bare, &request);
    });
    let mut inside = app().layer(gateway().upstream(Client::json()));
    let mut idle = app().layer(Identity::new());
    group.bench_function("added by Router::layer", |bencher| {
        added(bencher, &mut inside, &request, &mut idle, &request);
    });
}

fn gateway_path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gateway path");
    group.sample_size(40).measurement_time(Duration::from_secs(2));
    let body = chat(1024, true);
    let request = || request(NATIVE, &body);
    let mut client = Client::json();
    let mut around = gateway().upstream(Client::json()).layer(app());
    group.bench_function("added around the app", |bencher| {
        added(bencher, &mut around, &request, &mut client, &request);
    });
    let mut inside = app().layer(gateway().upstream(Client::json()));
    group.bench_function("added by Router::layer", |bencher| {
        added(bencher, &mut inside, &request, &mut client, &request);
    });
}

criterion_group!(benches, own_route, gateway_path);
criterion_main!(benches);
