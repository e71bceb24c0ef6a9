//! The time that settings and idle control layers add to a request.
//!
//! `cargo bench --bench control --features control`. Each figure is the difference of alternating
//! batches in one run, over the client of `benches/layer.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

mod exchange;
mod frames;

use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use exchange::{Client, added, chat, request};
use frames::Frames;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use tower::{Layer, ServiceBuilder};
use tower_ai_gateway::control::{ControlLayer, ReplayLayer, RetryLayer, RetrySettings};
use tower_ai_gateway::settings::{GatewaySettings, GatewayToken, Secret, Settings, SettingsTable};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Provider};

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";
const TOKEN: HeaderName = HeaderName::from_static("cf-aig-authorization");

/// A hundred gateways, each with two tokens and a key.
fn settings() -> Settings {
    let table = (0..100).fold(SettingsTable::new(), |table, number| {
        let settings = GatewaySettings::builder()
            .token(GatewayToken::new(format!("test-token-{number}")))
            .token(GatewayToken::new("test-token"))
            .key("grok", Secret::new("test-key").unwrap())
            .build();
        let gateway = if number == 50 { "gw".to_owned() } else { format!("gw-{number}") };
        table.gateway("acct", gateway, settings.unwrap())
    });
    Settings::new(table)
}

fn builder() -> GatewayLayerBuilder {
    GatewayLayer::builder().providers(Provider::all())
}

/// A request of a client stack without a gateway.
fn direct(body: &Bytes) -> Request<Frames> {
    request("https://api.x.ai/v1/chat/completions", body)
}

/// A request with a gateway token and without a key.
fn locked(body: &Bytes) -> Request<Frames> {
    let mut request = request(PATH, body);
    request.headers_mut().remove(AUTHORIZATION);
    request.headers_mut().insert(TOKEN, HeaderValue::from_static("Bearer test-token"));
    request
}

fn benches(criterion: &mut Criterion) {
    let client = Client::json();
    let body = chat(1024, true);
    let mut group = criterion.benchmark_group("added");
    group
        .sample_size(60)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    let (direct, locked) = (|| direct(&body), || locked(&body));

    let mut open = builder().build().unwrap().client_layer().layer(client.clone());
    let mut gated =
        builder().settings(settings()).build().unwrap().client_layer().layer(client.clone());
    // Both requests have a control header, because reading it is not measured here.
    group.bench_function("settings, token and stored key", |bencher| {
        added(bencher, &mut gated, &locked, &mut open, &locked);
    });

    let mut bare = client.clone();
    let retry = RetryLayer::new(RetrySettings::attempts(3));
    let mut again =
        ServiceBuilder::new().layer(ReplayLayer::new()).layer(retry).service(client.clone());
    group.bench_function("retries that are not needed", |bencher| {
        added(bencher, &mut again, &direct, &mut bare, &direct);
    });

    let mut idle = ControlLayer::new().layer(client.clone());
    group.bench_function("all control layers, idle", |bencher| {
        added(bencher, &mut idle, &direct, &mut bare, &direct);
    });
    group.finish();
}

criterion_group!(control, benches);
criterion_main!(control);
