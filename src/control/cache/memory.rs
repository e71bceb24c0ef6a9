//! A store in the memory of this process.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use rapidhash::fast::RandomState;

use super::entry::{CacheEntry, NewEntry};
use super::generations::Generations;
use super::key::{CacheKey, CachePlace};
use super::sealed::KeySeal;
use super::store::{CacheFuture, CacheStats, CacheStore, Found, Generation, Purge};
use crate::TARGET;
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
/// [budget](crate::GatewayLayerBuilder::body_budget) that all bodies share, and take half of it at most: of
/// several budgets, of the one for which it is asked first. Clones share their answers.
///
/// ```
/// use tower_ai_gateway::control::ControlLayer;
/// use tower_ai_gateway::control::cache::MemoryCache;
///
/// let layer = ControlLayer::new().cache(MemoryCache::with_capacity(128 << 20));
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct MemoryCache(Arc<Inner>);

type Entries = Cache<CacheKey, Kept, Weight, RandomState, Evictions>;

struct Inner {
    /// Made at the first lookup, for that brings the budget in which they count.
    entries: OnceLock<Entries>,
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

    /// Keeps so many bytes, and no more than half of the budget in which they count: the rest is for requests
    /// and for answers under way. One answer can take up to all of it below 64 MiB, and 32 MiB above.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        Self(Arc::new(Inner {
            entries: OnceLock::new(),
            generations: Generations::default(),
            seal: KeySeal::random(),
            evicted: Arc::default(),
            capacity: bytes,
        }))
    }

    /// The entries. `budget`: in which they count.
    fn entries(&self, budget: &BodyBudget) -> &Entries {
        let Inner { entries, evicted, capacity, .. } = &*self.0;
        entries.get_or_init(|| {
            let most = u64::try_from(budget.limit() / 2).unwrap_or(u64::MAX);
            if *capacity > most {
                tracing::warn!(
                    target: TARGET,
                    bytes = capacity,
                    most,
                    "the cache in memory keeps no more than half of the budget for bodies"
                );
            }
            self::entries(most.min(*capacity), evicted)
        })
    }

    fn find(&self, place: &CachePlace, budget: &BodyBudget) -> Found {
        let generation = self.0.generations.of(place);
        let entries = self.entries(budget);
        let kept = entries.get(&place.key);
        let entry = kept.and_then(|kept| {
            if kept.generation == generation && kept.entry.is_usable(SystemTime::now()) {
                return Some(kept.entry);
            }
            drop(entries.remove_if(&place.key, |now| now.entry.is(&kept.entry)));
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
        let entries = self.0.entries.get();
        let entries = entries.unwrap_or_else(|| self.entries(&BodyBudget::default()));
        entries.insert_with_lifecycle(place.key, kept, &mut gone);
        // One that is larger than its shard is evicted at once.
        !gone.kept.iter().any(|gone| gone.entry.is(entry))
    }

    fn forget(&self, what: &Purge) {
        self.0.generations.purge(what);
        // Nobody finds them any more; this gives their memory back.
        if let Some(entries) = self.0.entries.get() {
            entries.retain(|_, kept| self.0.generations.of(&kept.place) == kept.generation);
        }
    }
}

impl CacheStore for MemoryCache {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        let found = self.find(place, budget);
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
        let Some(entries) = self.0.entries.get() else { return };
        let capacity = entries.capacity();
        // An eighth of them goes, so that the next answer has room, too.
        entries.set_capacity(entries.weight() / 8 * 7);
        entries.set_capacity(capacity);
    }

    fn stats(&self) -> CacheStats {
        let entries = self.0.entries.get();
        CacheStats {
            entries: Some(entries.map_or(0, |entries| entries.len() as u64)),
            bytes: Some(entries.map_or(0, |entries| entries.weight())),
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

/// Room for so many bytes.
fn entries(bytes: u64, evicted: &Arc<AtomicU64>) -> Entries {
    let shards = usize::try_from(bytes / SHARD).unwrap_or(usize::MAX).clamp(1, 64);
    // Rounded down: they are rounded up to a power of two.
    let shards = 1 << shards.ilog2();
    let options = OptionsBuilder::new()
        .estimated_items_capacity(usize::try_from(bytes >> 14).unwrap_or(usize::MAX).max(16))
        .weight_capacity(bytes)
        .shards(shards)
        .build();
    let (hasher, evictions) = (RandomState::new(), Evictions(evicted.clone()));
    match options {
        Ok(options) => Cache::with_options(options, Weight, hasher, evictions),
        Err(_) => Cache::with(16, bytes, Weight, hasher, evictions),
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
