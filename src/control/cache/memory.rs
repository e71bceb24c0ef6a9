//! A store in the memory of this process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

use super::entry::{CacheEntry, NewEntry};
use super::generations::Generations;
use super::key::{CacheKey, CachePlace};
use super::sealed::KeySeal;
use super::store::{CacheFuture, CacheStats, CacheStore, Found, Generation, Purge};
use crate::util::budget::{BodyBudget, FRAME_OVERHEAD};

/// How many bytes are kept unless the host says otherwise.
const CAPACITY: u64 = 64 << 20;

/// What an entry takes beside its frames and headers.
const OVERHEAD: usize = 512;

/// An entry can be no larger than a shard.
const SHARD: u64 = 32 << 20;

/// Keeps answers in this process: 64 MiB, unless told otherwise.
///
/// What is used least and last makes room for others. The answers count in the
/// [budget](crate::GatewayLayerBuilder::body_budget) that all bodies share. Clones share their answers.
///
/// ```
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::cache::MemoryCache;
///
/// let layer = ControlLayer::new().cache(MemoryCache::with_capacity(256 << 20));
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct MemoryCache(Arc<Inner>);

struct Inner {
    entries: Cache<CacheKey, Kept, Weight, std::hash::RandomState, Evictions>,
    generations: Generations,
    seal: KeySeal,
    evicted: Arc<AtomicU64>,
    capacity: u64,
}

#[derive(Clone)]
struct Kept {
    entry: CacheEntry,
    place: CachePlace,
    generation: Generation,
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryCache {
    /// Keeps 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Keeps so many bytes. One answer can take up to all of it below 64 MiB, and 32 MiB above.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        let shards = usize::try_from(bytes / SHARD).unwrap_or(usize::MAX).clamp(1, 64);
        // Rounded down: they are rounded up to a power of two.
        let shards = 1 << shards.ilog2();
        let evicted = Arc::<AtomicU64>::default();
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usize::try_from(bytes >> 14).unwrap_or(usize::MAX).max(16))
            .weight_capacity(bytes)
            .shards(shards)
            .build();
        let entries = match options {
            Ok(options) => Cache::with_options(
                options,
                Weight,
                std::hash::RandomState::new(),
                Evictions(evicted.clone()),
            ),
            Err(_) => Cache::with(
                16,
                bytes,
                Weight,
                std::hash::RandomState::new(),
                Evictions(evicted.clone()),
            ),
        };
        Self(Arc::new(Inner {
            entries,
            generations: Generations::default(),
            seal: KeySeal::random(),
            evicted,
            capacity: bytes,
        }))
    }

    fn find(&self, place: &CachePlace) -> Found {
        let generation = self.0.generations.of(place);
        let kept = self.0.entries.get(&place.key);
        let entry = kept.and_then(|kept| {
            if kept.generation == generation && kept.entry.is_usable(SystemTime::now()) {
                return Some(kept.entry);
            }
            drop(self.0.entries.remove_if(&place.key, |now| now.entry.is(&kept.entry)));
            None
        });
        Found { entry, generation, seal: Some(self.0.seal.clone()) }
    }

    fn keep(&self, place: &CachePlace, entry: &CacheEntry, generation: Generation) -> bool {
        if self.0.generations.of(place) != generation {
            return false;
        }
        let kept = Kept { entry: entry.clone(), place: *place, generation };
        // Dropped once the lock of the shard is released.
        let mut gone = Gone { by: Some(place.key), kept: Vec::new() };
        self.0.entries.insert_with_lifecycle(place.key, kept, &mut gone);
        // One that is too large goes at once.
        !gone.kept.iter().any(|gone| gone.entry.is(entry))
    }

    fn forget(&self, what: &Purge) {
        self.0.generations.purge(what);
        // They would be missed by now; this gives their memory back.
        self.0.entries.retain(|_, kept| self.0.generations.of(&kept.place) == kept.generation);
    }
}

impl CacheStore for MemoryCache {
    fn get<'a>(&'a self, place: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        let found = self.find(place);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        let is_kept = self.keep(place, &entry, generation);
        Box::pin(std::future::ready(Ok(is_kept)))
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        self.forget(what);
        Box::pin(std::future::ready(Ok(())))
    }

    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        Box::pin(std::future::ready(Ok(Some(self.0.seal.clone()))))
    }

    fn make_room(&self) {
        let Inner { entries, capacity, .. } = &*self.0;
        // An eighth, that it is not asked again for the next one.
        entries.set_capacity(entries.weight() / 8 * 7);
        entries.set_capacity(*capacity);
    }

    fn stats(&self) -> CacheStats {
        CacheStats {
            entries: Some(self.0.entries.len() as u64),
            bytes: Some(self.0.entries.weight()),
            evicted: self.0.evicted.load(Ordering::Relaxed),
            failures: 0,
        }
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<CacheKey, Kept> for Weight {
    fn weight(&self, _: &CacheKey, kept: &Kept) -> u64 {
        let NewEntry { headers, frames, times, trailers, .. } = kept.entry.parts();
        let frames: usize = frames.iter().map(Bytes::len).map(|len| len + FRAME_OVERHEAD).sum();
        let headers: usize = headers
            .iter()
            .chain(trailers.iter().flatten())
            .map(|(name, value)| name.as_str().len() + value.len() + FRAME_OVERHEAD)
            .sum();
        (frames + headers + times.len() * size_of::<u32>() + OVERHEAD) as u64
    }
}

/// Counts what makes room for others.
#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

/// What is not kept any more.
#[derive(Default)]
struct Gone {
    /// For the answer under this key, which is no room for it where it was under the same.
    by: Option<CacheKey>,
    kept: Vec<Kept>,
}

impl Lifecycle<CacheKey, Kept> for Evictions {
    type RequestState = Gone;

    fn on_evict(&self, gone: &mut Gone, key: CacheKey, kept: Kept) {
        if gone.by != Some(key) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        gone.kept.push(kept);
    }
}
