//! Entries after a step of the clock.

use http::{HeaderMap, StatusCode};

use super::*;
use crate::control::cache::key::CacheScope;

#[test]
fn an_entry_from_before_the_clock_was_set_back_is_a_miss() {
    const STORED: Duration = Duration::from_secs(10);
    let (store, budget, scope) = (MemoryCache::new(), BodyBudget::default(), CacheScope([0; 16]));
    let key = CacheKey([0; 32]);
    let place = CachePlace { key, gateway: scope, provider: scope, model: scope, custom: None };
    let generation = store.find(&place, &budget, SystemTime::now()).generation;
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    for (stored_at, is_found) in [
        (now - STORED, true),
        (now - STORED - hour / 2, true),
        (now - STORED + STEP / 2, true),
        (now - STORED + 2 * STEP, false),
        (now + hour, false),
    ] {
        let entry = CacheEntry::new(NewEntry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            frames: Vec::new(),
            times: Vec::new(),
            trailers: None,
            stored_at,
            fresh_for: hour,
            stale_for: Duration::ZERO,
        });
        let since = Instant::now().checked_sub(STORED).unwrap();
        let kept = Kept { weight: weight(&entry), entry, place, generation, since };
        store.entries(&budget).insert(key, kept);
        let found = store.find(&place, &budget, SystemTime::now()).entry;
        assert_eq!(found.is_some(), is_found, "{stored_at:?}");
        assert_eq!(store.stats().entries, Some(is_found.into()));
    }
}
