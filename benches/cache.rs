//! The time of a hit in memory, and the time that a miss adds to the same exchange without a cache.
//!
//! `cargo bench --bench cache --no-default-features --features cache`
#![allow(missing_docs, clippy::unwrap_used)]

mod exchange;
mod frames;

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use exchange::{Client, added, batches, chat, request, timed};
use tower::Layer;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::cache::MemoryCache;
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{GatewayLayer, Provider};

const PATH: &str = "/v1/acct/gw/grok/v1/chat/completions";

fn layer(cache: Option<CacheSettings>) -> GatewayLayer {
    let settings = GatewaySettings::builder().authenticated_elsewhere();
    let settings = match cache {
        Some(cache) => settings.cache(cache),
        None => settings,
    };
    let table = SettingsTable::new().serve_unknown(settings.build().unwrap());
    let layer = GatewayLayer::builder().providers(Provider::all()).settings(Settings::new(table));
    layer.build().unwrap()
}

fn cached() -> CacheSettings {
    CacheSettings::new(Duration::from_secs(3600))
}

fn benches(criterion: &mut Criterion) {
    let body = chat(1024, true);
    let same = || request(PATH, &body);
    let mut group = criterion.benchmark_group("cache");
    group
        .sample_size(60)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));

    for (name, client) in [
        ("a hit of 1 KiB, with its gateway", Client::json()),
        ("a hit of 1,000 events, with its gateway", Client::ended_stream(1000)),
    ] {
        let control = ControlLayer::new();
        let mut service = layer(Some(cached())).client_layer().layer(control.layer(client));
        exchange::exchange(&mut service, same());
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|n| batches(n, |count| timed(&mut service, &same, count)));
        });
        let stats = control.cache_handle().stats();
        assert_eq!((stats.misses, stats.stored), (1, 1), "{stats:?}");
    }

    // Each request is different, and the cache is so small that answers are evicted.
    let number = Cell::new(0_u64);
    let other = || {
        number.set(number.get() + 1);
        let mut body = body.to_vec();
        let digits = format!("{:016x}", number.get() / 2);
        let at = body.len() - 40;
        body[at..at + 16].copy_from_slice(digits.as_bytes());
        request(PATH, &Bytes::from(body))
    };
    let control = ControlLayer::new().cache(MemoryCache::with_capacity(1 << 20));
    let mut with = layer(Some(cached())).client_layer().layer(control.layer(Client::json()));
    let mut without = layer(None).client_layer().layer(ControlLayer::new().layer(Client::json()));
    group.bench_function("what a miss adds, its digest included", |bencher| {
        added(bencher, &mut with, &other, &mut without, &other);
    });
    group.bench_function("the same without a cache", |bencher| {
        bencher.iter_custom(|n| batches(n, |count| timed(&mut without, &other, count)));
    });

    let mut bare = layer(None).client_layer().layer(Client::json());
    group.bench_function("control layers where nobody asks", |bencher| {
        added(bencher, &mut without, &same, &mut bare, &same);
    });
    group.finish();
}

criterion_group!(cache, benches);
criterion_main!(cache);
