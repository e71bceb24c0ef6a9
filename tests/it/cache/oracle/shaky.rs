//! A store that at times is slow, fails, stores nothing, loses entries or corrupts them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use tower_ai_gateway::BodyBudget;
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CacheKey, CachePlace, CacheStore, CacheStoreError, Found, Generation,
    Purge, Turn,
};

use super::clock::Clocked;
use super::yields;

/// Wraps a store that works.
#[derive(Clone, Debug)]
pub struct Shaky {
    store: Clocked,
    random: Arc<Mutex<Rng>>,
    /// The bytes of an entry that was read before.
    last: Arc<Mutex<Option<Blob>>>,
    /// How often the store has reported an entry as stored.
    promised: Arc<AtomicU64>,
}

/// Under a key.
type Blob = (CacheKey, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Fails without an effect …
    Fails,
    /// … or fails after the effect.
    Lies,
    /// Finds or stores nothing.
    Refuses,
    /// Reports an entry as stored and loses it.
    Loses,
    /// Returns other bytes than were written.
    Spoils,
}

impl Shaky {
    pub fn new(store: Clocked, seed: u64) -> Self {
        let random = Arc::new(Mutex::new(Rng::with_seed(!seed)));
        Self { store, random, last: Arc::default(), promised: Arc::default() }
    }

    pub fn promised(&self) -> u64 {
        self.promised.load(Ordering::SeqCst)
    }

    fn any(&self, below: usize) -> usize {
        self.random.lock().unwrap().usize(..below)
    }

    /// Waits at times.
    async fn wait(&self) {
        let turns = if self.any(3) == 0 { self.any(40) } else { 0 };
        yields(turns).await;
    }

    fn fault(&self) -> Option<Fault> {
        use Fault::{Fails, Lies, Loses, Refuses, Spoils};
        [Fails, Lies, Refuses, Loses, Spoils].get(self.any(25)).copied()
    }

    /// Reads changed bytes.
    fn spoiled(
        &self,
        entry: &CacheEntry,
        place: &CachePlace,
        now: Generation,
    ) -> Option<CacheEntry> {
        let mut bytes = entry.to_bytes(place, now);
        let at = self.any(bytes.len());
        let other = self.last.lock().unwrap().replace((place.key, bytes.clone()));
        match (self.any(3), other) {
            (0, _) => bytes.truncate(at),
            (1, Some((key, other))) if key != place.key => bytes = other,
            _ => bytes[at] ^= 1 << self.any(8),
        }
        CacheEntry::from_bytes(&bytes.into(), place, now)
    }
}

impl CacheStore for Shaky {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async move {
            self.wait().await;
            let found = self.store.get(place, budget).await?;
            self.wait().await;
            let fault = self.fault();
            let entry = match fault {
                Some(Fault::Fails | Fault::Lies) => return Err(CacheStoreError::Timeout),
                Some(Fault::Refuses | Fault::Loses) => None,
                Some(Fault::Spoils) => {
                    found.entry.and_then(|entry| self.spoiled(&entry, place, found.generation))
                }
                None => found.entry,
            };
            Ok(Found { entry, ..found })
        })
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        self.store.note(place, &entry);
        Box::pin(async move {
            self.wait().await;
            let fault = self.fault();
            let is_kept = match fault {
                Some(Fault::Fails | Fault::Refuses) => false,
                Some(Fault::Loses) => true,
                Some(Fault::Lies | Fault::Spoils) | None => {
                    self.store.put(place, entry, generation).await?
                }
            };
            self.wait().await;
            if matches!(fault, Some(Fault::Fails | Fault::Lies)) {
                return Err(CacheStoreError::Timeout);
            }
            self.promised.fetch_add(u64::from(is_kept), Ordering::SeqCst);
            Ok(is_kept)
        })
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async move {
            self.wait().await;
            let fault = self.fault();
            if fault != Some(Fault::Fails) {
                self.store.purge(what).await?;
            }
            self.wait().await;
            match fault {
                Some(Fault::Fails | Fault::Lies) => Err(CacheStoreError::Timeout),
                _ => Ok(()),
            }
        })
    }

    /// At times another process seems to lead, and gives no response.
    fn turn<'a>(
        &'a self,
        _: &'a CachePlace,
        _: Generation,
        _: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        Box::pin(async move {
            self.wait().await;
            match self.fault() {
                Some(Fault::Fails | Fault::Lies) => Err(CacheStoreError::Timeout),
                Some(Fault::Loses) => Ok(Turn::Follow(Box::pin(async { Ok(None) }))),
                Some(Fault::Refuses | Fault::Spoils) | None => Ok(Turn::Lead(None)),
            }
        })
    }
}
