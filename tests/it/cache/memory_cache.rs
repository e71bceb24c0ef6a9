//! The store in memory.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheKey, CachePlace, CacheScope, CacheStore, Generation, MemoryCache, NewEntry,
    Purge,
};

use super::*;

fn scope(id: u8) -> CacheScope {
    CacheScope([id; 16])
}

/// The location of an entry: gateway, provider and model.
fn place(key: u8, gateway: u8, provider: u8, model: u8) -> CachePlace {
    CachePlace {
        key: CacheKey([key; 32]),
        gateway: scope(gateway),
        provider: scope(provider),
        model: scope(model),
        custom: None,
    }
}

fn entry(bytes: usize, stored_at: SystemTime) -> CacheEntry {
    CacheEntry::new(NewEntry {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        frames: vec![Bytes::from(vec![0; bytes])],
        times: Vec::new(),
        trailers: None,
        stored_at,
        fresh_for: Duration::from_secs(60),
        stale_for: Duration::from_secs(60),
    })
}

/// A budget with room for everything.
fn budget() -> BodyBudget {
    BodyBudget::new(usize::MAX)
}

async fn has(store: &MemoryCache, place: &CachePlace) -> bool {
    store.get(place, &budget()).await.unwrap().entry.is_some()
}

/// Whether the store says that it stores the entry.
async fn put(store: &MemoryCache, place: &CachePlace, entry: CacheEntry) -> bool {
    let generation = store.get(place, &budget()).await.unwrap().generation;
    store.put(place, entry, generation).await.unwrap()
}

#[tokio::test]
async fn a_lookup_removes_an_expired_entry() {
    let (store, place) = (MemoryCache::new(), place(1, 1, 1, 1));
    for (age, is_there) in [(0, true), (59, true), (119, true), (121, false)] {
        put(&store, &place, entry(1, SystemTime::now() - Duration::from_secs(age))).await;
        assert_eq!(has(&store, &place).await, is_there, "{age}");
        assert_eq!(store.stats().entries, Some(u64::from(is_there)), "{age}");
    }
}

#[tokio::test]
async fn a_purge_removes_its_target() {
    let all = [place(1, 1, 10, 20), place(2, 1, 10, 21), place(3, 1, 11, 20), place(4, 2, 10, 20)];
    let gateway = scope(1);
    for (what, left) in [
        (Purge::All, &[][..]),
        (Purge::Gateway(gateway), &[4]),
        (Purge::Part { gateway, part: scope(10) }, &[3, 4]),
        (Purge::Part { gateway, part: scope(20) }, &[2, 4]),
        (Purge::Entry { gateway, key: CacheKey([2; 32]) }, &[1, 3, 4]),
    ] {
        let store = MemoryCache::new();
        for place in &all {
            put(&store, place, entry(1, SystemTime::now())).await;
        }
        let before = store.get(&all[0], &budget()).await.unwrap().generation;
        store.purge(&what).await.unwrap();
        assert_eq!(store.stats().entries, Some(left.len() as u64), "its memory is given back");
        for place in &all {
            assert_eq!(has(&store, place).await, left.contains(&place.key.0[0]), "{what:?}");
        }
        // A response under way is not stored after the purge.
        if !left.contains(&1) {
            let late = store.put(&all[0], entry(1, SystemTime::now()), before);
            assert!(!late.await.unwrap(), "{what:?}");
            assert_eq!(store.stats().entries, Some(left.len() as u64), "{what:?}");
            assert!(!has(&store, &all[0]).await, "{what:?}");
            put(&store, &all[0], entry(1, SystemTime::now())).await;
            assert!(has(&store, &all[0]).await, "{what:?}");
        }
    }
}

#[tokio::test]
async fn the_capacity_bounds_the_entries() {
    let store = MemoryCache::with_capacity(1 << 20);
    for key in 0..200 {
        put(&store, &place(key, 1, 1, 1), entry(50_000, SystemTime::now())).await;
        assert!(store.stats().bytes.unwrap() <= 1 << 20);
    }
    let stats = store.stats();
    assert!(stats.entries.unwrap() >= 10, "{stats:?}");
    assert_eq!(stats.evicted + stats.entries.unwrap(), 200, "{stats:?}");
    // Larger than the whole cache: it is not stored, and nothing is evicted for it.
    assert!(!put(&store, &place(201, 1, 1, 1), entry(2 << 20, SystemTime::now())).await);
    assert!(!has(&store, &place(201, 1, 1, 1)).await);
    store.make_room();
    assert!(store.stats().bytes.unwrap() <= stats.bytes.unwrap() / 8 * 7);
    assert!(store.stats().entries.unwrap() > 0);
    let store = MemoryCache::new();
    assert!(put(&store, &place(1, 1, 1, 1), entry(25 << 20, SystemTime::now())).await);
    assert!(has(&store, &place(1, 1, 1, 1)).await, "the largest that is kept");
    let _ = Generation::default();
}

#[tokio::test]
async fn a_replaced_or_refused_entry_does_not_count_as_evicted() {
    let store = MemoryCache::with_capacity(1 << 20);
    for (key, bytes) in [(1, 1_000), (1, 2_000), (1, 1_000), (2, 2 << 20), (1, 2 << 20)] {
        put(&store, &place(key, 1, 1, 1), entry(bytes, SystemTime::now())).await;
        assert_eq!(store.stats().evicted, 0, "{key}, {bytes}");
    }
}

#[tokio::test]
async fn entries_count_in_the_body_budget() {
    let store = MemoryCache::new();
    let stage = Stage::with(ControlLayer::new().cache(store.clone()), |set| {
        set.cache(CacheSettings::new(HOUR))
    });
    let answer = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let kept = stage.fill(QUESTION, &answer).await;
    assert!(text(kept).await == answer);
    let used = stage.budget.used();
    assert!((100_000..101_000).contains(&used), "{used}");
    let hit = stage.send(ask(QUESTION)).await;
    store.purge(&Purge::All).await.unwrap();
    assert_eq!(stage.budget.used(), used, "somebody reads it");
    assert!(text(hit).await == answer);
    assert_eq!(stage.budget.used(), 0);
    stage.finish().await;
}
