//! A decision on three limits in this process: requests per minute of a user, tokens per minute of the
//! user as a bucket, and money per month of a team.
//!
//! `cargo bench --bench limits --no-default-features --features limits`
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tower_ai_gateway::control::limits::{Claim, Counter, MemoryStore, Settlement};
use tower_ai_gateway::settings::limits::{Period, Window};

const TICKS_PER_USD: u64 = 10_000_000_000;

fn claims(gateway: u8, user: u64) -> [Claim; 3] {
    let claim = |rule: u8, of: u64, window, limit, amount| {
        let mut id = [rule; 16];
        id[..8].copy_from_slice(&of.to_le_bytes());
        let counter = Counter { gateway: [gateway; 8], id };
        Claim { counter, window, limit, amount, lease: None, is_shadow: false }
    };
    let bucket = Window::Bucket { per: Duration::from_secs(60), burst: u64::MAX / 2 };
    [
        claim(0, user, Window::Sliding(Duration::from_secs(60)), u64::MAX / 2, 1),
        claim(1, user, bucket, 90_000, 1_500),
        claim(2, 0, Window::Fixed(Period::Month), u64::MAX / 2, TICKS_PER_USD / 100),
    ]
}

fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("limits/three rules");
    let store = MemoryStore::new();
    let one = claims(0, 0);
    group.bench_function("one user", |b| b.iter(|| store.reserve_now(black_box(&one))));

    let mut user = 0;
    group.bench_function("10,000 users", |b| {
        b.iter(|| {
            user = (user + 1) % 10_000;
            store.reserve_now(&claims(0, user))
        });
    });

    let mut refused = one;
    refused[2].limit = 0;
    group.bench_function("refused", |b| b.iter(|| store.reserve_now(black_box(&refused))));

    group.bench_function("reserved and settled", |b| {
        b.iter(|| {
            let at = store.reserve_now(black_box(&one)).at;
            let spent = |claim: Claim| Settlement { claim, at, spent: claim.amount / 2 + 1 };
            store.settle_now(&one.map(spent));
        });
    });

    for (name, other) in [("another thread, same gateway", 0), ("another thread, other gateway", 1)]
    {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let claims = claims(other, 1);
                while !is_over.load(Ordering::Relaxed) {
                    black_box(store.reserve_now(&claims));
                }
            });
            group.bench_function(name, |b| b.iter(|| store.reserve_now(black_box(&one))));
            is_over.store(true, Ordering::Relaxed);
        });
    }

    // Each request has new counters: the cost of a flood, including evictions.
    let store = MemoryStore::new();
    let mut user = 0;
    group.bench_function("a flood of new users", |b| {
        b.iter(|| {
            user += 1;
            store.reserve_now(&claims(0, user))
        });
    });
    println!("{} evicted, {} kept", store.evicted(), store.len());
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = decide
}
criterion_main!(benches);
