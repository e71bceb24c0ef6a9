//! A store in the memory of this process.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

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

/// The default capacity in bytes.
const CAPACITY: u64 = 64 << 20;

/// The bytes of an entry beside its frames and headers.
const OVERHEAD: usize = 512;

/// The minimum size of a shard, if there are several. An entry must fit into its shard.
const SHARD: u64 = 32 << 20;

/// A step back of the clock that is ignored, such as a leap second.
const STEP: Duration = Duration::from_secs(2);

/// A [`CacheStore`] in the memory of this process: 64 MiB by default.
///
/// When it is full, it evicts the entries that were used least and longest ago. Entries count in the
/// [budget](crate::GatewayLayerBuilder::body_budget) of all bodies, and take half of it at most. If there
/// are several budgets, the one of the first lookup sets that limit. Clones share their entries.
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
    /// Made at the first lookup, which brings the budget.
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
    since: Instant,
    /// In bytes. The cache asks for it at each insertion and eviction.
    weight: u64,
}

impl Kept {
    /// Whether it is valid for this generation: not if the clock was set back, which hides its age.
    fn is_valid(&self, generation: Generation, now: SystemTime) -> bool {
        self.generation == generation
            && self.entry.is_usable(now)
            && self.since.elapsed() <= self.entry.age(now).saturating_add(STEP)
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryCache {
    /// A store of 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// A store of `bytes`, but of no more than half of the budget: the rest is for requests and for
    /// responses under way. An entry may take 97 % of a store below 64 MiB; in a larger one, 31 MiB always
    /// fit.
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

    /// The entries. `budget` limits them if this is the first call.
    fn entries(&self, budget: &BodyBudget) -> &Entries {
        let Inner { entries, evicted, capacity, .. } = &*self.0;
        entries.get_or_init(|| {
            let most = u64::try_from(budget.limit() / 2).unwrap_or(u64::MAX);
            if *capacity > most {
                tracing::warn!(
                    target: TARGET,
                    bytes = capacity,
                    most,
                    "the cache in memory may use at most half of the budget for bodies"
                );
            }
            self::entries(most.min(*capacity), evicted)
        })
    }

    pub(super) fn key_seal(&self) -> KeySeal {
        self.0.seal.clone()
    }

    /// The lookup behind [`CacheStore::get`], without the seal.
    pub(super) fn find(&self, place: &CachePlace, budget: &BodyBudget, now: SystemTime) -> Found {
        let generation = self.0.generations.of(place);
        let entries = self.entries(budget);
        let kept = entries.get(&place.key);
        let entry = kept.and_then(|kept| {
            if kept.is_valid(generation, now) {
                return Some(kept.entry);
            }
            drop(entries.remove_if(&place.key, |known| known.entry.id() == kept.entry.id()));
            None
        });
        Found { entry, generation, seal: None }
    }

    /// The insertion behind [`CacheStore::put`].
    pub(super) fn keep(
        &self,
        place: &CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> bool {
        if self.0.generations.of(place) != generation {
            return false;
        }
        let (id, weight) = (entry.id(), weight(&entry));
        let kept = Kept { entry, place: *place, generation, since: Instant::now(), weight };
        // Drop evicted entries after the lock of the shard is released.
        let mut gone = Gone { by: Some(place.key), kept: Vec::new() };
        let entries = self.0.entries.get();
        let entries = entries.unwrap_or_else(|| self.entries(&BodyBudget::default()));
        entries.insert_with_lifecycle(place.key, kept, &mut gone);
        // An entry that is too large for its shard is evicted at once.
        !gone.kept.iter().any(|gone| gone.entry.id() == id)
    }

    fn forget(&self, what: &Purge) {
        self.0.generations.purge(what);
        // The new generation hides the entries already; this frees their memory.
        if let Some(entries) = self.0.entries.get() {
            entries.retain(|_, kept| self.0.generations.of(&kept.place) == kept.generation);
        }
    }
}

impl CacheStore for MemoryCache {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        let found = self.find(place, budget, SystemTime::now());
        let found = Found { seal: Some(self.key_seal()), ..found };
        Box::pin(std::future::ready(Ok(found)))
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        let is_kept = self.keep(place, entry, generation);
        Box::pin(std::future::ready(Ok(is_kept)))
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        self.forget(what);
        Box::pin(std::future::ready(Ok(())))
    }

    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        Box::pin(std::future::ready(Ok(Some(self.key_seal()))))
    }

    fn make_room(&self) {
        let Some(entries) = self.0.entries.get() else { return };
        let capacity = entries.capacity();
        // Free an eighth, so that the next response has room, too.
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

/// A cache of `bytes`.
fn entries(bytes: u64, evicted: &Arc<AtomicU64>) -> Entries {
    let shards = usize::try_from(bytes / SHARD).unwrap_or(usize::MAX).clamp(1, 64);
    // Round down, because `quick_cache` rounds up to a power of two.
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
        kept.weight
    }
}

fn weight(entry: &CacheEntry) -> u64 {
    let NewEntry { headers, frames, times, trailers, .. } = entry.parts();
    let frames: usize = frames.iter().map(Bytes::len).map(|len| len + FRAME_OVERHEAD).sum();
    let headers: usize = headers
        .iter()
        .chain(trailers.iter().flatten())
        .map(|(name, value)| name.as_str().len() + value.len() + FRAME_OVERHEAD)
        .sum();
    (frames + headers + times.len() * size_of::<u32>() + OVERHEAD) as u64
}

/// Counts evictions.
#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

/// The entries that an insertion has removed.
#[derive(Default)]
struct Gone {
    /// The inserted key: the entry that it replaces does not count as evicted.
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

#[cfg(test)]
mod tests;
