//! Cached answers that are older than they are.

use std::time::{Duration, SystemTime};

use tower_ai_gateway::BodyBudget;
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CachePlace, CacheStats, CacheStore, Found, Generation, NewEntry, Purge,
};

/// The same answer, stored so long ago.
pub fn as_old_as(entry: &CacheEntry, age: Duration) -> CacheEntry {
    let parts = entry.parts();
    CacheEntry::new(NewEntry {
        status: parts.status,
        headers: parts.headers.clone(),
        frames: parts.frames.clone(),
        times: parts.times.clone(),
        trailers: parts.trailers.clone(),
        stored_at: SystemTime::now() - age,
        fresh_for: parts.fresh_for,
        stale_for: parts.stale_for,
    })
}

/// A store whose answers are all of this age.
#[derive(Debug)]
pub struct Older<S>(pub S, pub Duration);

impl<S: CacheStore> CacheStore for Older<S> {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async move {
            let mut found = self.0.get(place, budget).await?;
            found.entry = found.entry.map(|entry| as_old_as(&entry, self.1));
            Ok(found)
        })
    }

    fn generation<'a>(
        &'a self,
        place: &'a CachePlace,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Generation> {
        self.0.generation(place, budget)
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        self.0.put(place, entry, generation)
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        self.0.purge(what)
    }

    fn stats(&self) -> CacheStats {
        self.0.stats()
    }
}
