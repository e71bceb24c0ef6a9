//! A clock that the test sets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tower_ai_gateway::BodyBudget;
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CacheKey, CachePlace, CacheStats, CacheStore, Found, Generation,
    MemoryCache, Purge,
};

use crate::support::older::as_old_as;

/// A store in memory with its own clock, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Clocked {
    store: MemoryCache,
    now: Arc<AtomicU64>,
    stored: Arc<Mutex<HashMap<(CacheKey, SystemTime), u64>>>,
}

impl Clocked {
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Notes when a response was ready to be stored.
    pub fn note(&self, place: &CachePlace, entry: &CacheEntry) {
        let id = (place.key, entry.parts().stored_at);
        self.stored.lock().unwrap().entry(id).or_insert(self.now());
    }
}

impl CacheStore for Clocked {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async move {
            let mut found = self.store.get(place, budget).await?;
            found.entry = found.entry.map(|entry| {
                let id = (place.key, entry.parts().stored_at);
                let age = self.now() - self.stored.lock().unwrap()[&id];
                as_old_as(&entry, Duration::from_secs(age))
            });
            Ok(found)
        })
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        self.note(place, &entry);
        self.store.put(place, entry, generation)
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        self.store.purge(what)
    }

    fn stats(&self) -> CacheStats {
        self.store.stats()
    }
}
