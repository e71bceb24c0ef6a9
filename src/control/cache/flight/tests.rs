//! Members that come, wait, read and leave in thousands of orders. Only those are polled that were
//! woken, so a wake-up that is lost shows.

mod elsewhere;
mod leaving;
mod orphans;
mod provider;
mod scene;
mod stalled;
mod trouble;

use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Method, Uri, header};
use http_body::{Body, Frame};
use tokio_test::task::{self, Spawn};

use self::provider::{Step, Verdict, World, call};
use self::scene::{Scene, target};
use super::*;
use crate::context::GatewayContext;
use crate::context::{Arrival, Endpoint};
use crate::control::cache::asked::Policy;
use crate::control::cache::body::CacheBody;
use crate::control::cache::caching::{Caching, FOLLOWERS, Way, answered};
use crate::control::cache::counts::Counts;
use crate::control::cache::key::{CacheKey, CachePlace, CacheScope};
use crate::control::cache::memory::MemoryCache;
use crate::control::cache::own_store::OwnStore;
use crate::control::cache::store::{CacheFuture, CacheStore, Found, Generation, Purge, Turn};
use crate::control::cache::target::Target;
use crate::control::cache::wait::{PATIENCE, Wait};
use crate::control::cache::writer::Writer;
use crate::util::budget::BodyBudget;

#[test]
fn in_any_order_one_leads_and_all_get_every_byte() {
    let (mut whole, mut broken, mut calls, mut hits) = (0, 0, 0, 0);
    for seed in 0..20_000 {
        let store = MemoryCache::new();
        // Sometimes there is not enough memory for all.
        let budget = BodyBudget::new(if seed % 4 == 0 { 150 } else { 10_000 });
        let mut scene = Scene::new(seed, store.clone(), budget.clone());
        scene.run();
        (whole, broken) = (whole + scene.whole, broken + scene.broken);
        let world = scene.world.clone();
        calls += world.lock().unwrap().calls;
        hits += usize::from(store.stats().entries == Some(1));
        assert_eq!(scene.flights.count(), 0, "{seed}");
        assert_eq!(scene.flights.counts.followers.get(), 0, "{seed}");
        drop(scene);
        let provider = world.lock().unwrap();
        assert_eq!(provider.calling, 0, "{seed}");
        assert!(provider.sources.iter().all(|feed| feed.is_dropped), "{seed}");
        drop(provider);
        drop(store);
        assert_eq!(budget.used(), 0, "{seed}");
    }
    // Every kind of outcome was among them.
    assert!(whole > 20_000 && broken > 2_000 && calls > 20_000 && hits > 5_000);
    println!("{whole} whole, {broken} broken, {calls} calls, {hits} stored");
}
