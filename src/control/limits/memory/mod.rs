//! A store in the memory of this process.
//!
//! Counters are spread over shards by their gateway, each with a lock of its own. All counters of a
//! request are of one gateway, so a decision holds one lock: it is exact, no order of locks is
//! needed and none can deadlock. The price is that requests of one gateway wait for each other, for
//! some hundred nanoseconds each. Under one rule they would wait in any case.
//!
//! Single reservations are not remembered. A lease gives back what a crashed process had reserved,
//! and a crash takes this store with it.

pub(super) mod hash;
mod shard;
mod table;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use self::shard::Shard;
use super::store::{
    Claim, Counter, Decision, LimitStore, ReservationId, Settlement, Standing, StoreFuture,
};
use crate::settings::limits::Window;

/// A power of two. Only 1 under loom, because the shard of a gateway is random.
const SHARDS: usize = if cfg!(loom) { 1 } else { 8 };

const CAPACITY: usize = 65_536;

/// A [`LimitStore`] in this process: exact, and lost when the process ends.
///
/// # Bounds
///
/// Gateways are spread over 8 shards, and a shard keeps 65,536 counters ([`with_capacity`] sets
/// another number), 140 bytes each: one gateway has up to that many, and all together half a
/// million (75 MB). Only a granted request makes a counter: refused ones take no memory.
///
/// A full shard first drops the counters that hold nothing: their window is over, or their bucket
/// full. If that is not enough, it drops a sixteenth of its counters at once: those with the
/// smallest share of their limit in use, and of equals those whose window ends first. [`evicted`]
/// counts these. No request is refused for lack of memory. A client that makes up keys, as it can
/// if a rule counts by metadata, can at most make its shard forget the counters that were used
/// least. Those near their limit stay, unless as many made-up ones have been used as much.
///
/// # Reservations
///
/// The store does not remember single reservations: the caller must settle each of them once.
/// Leases do not end here, because a process that crashes takes its reservations with it: a claim
/// with a lease is held until it is settled. A settlement always counts in a bucket. In a fixed
/// window it counts until that window ends, in a sliding one as long as the window reaches back to
/// the reservation.
///
/// # Clock
///
/// The system's clock. If it goes back by a minute or less, time stands still until it has caught
/// up. If by more, it was set: what was used goes on counting in the windows of the new time.
///
/// [`with_capacity`]: Self::with_capacity
/// [`evicted`]: Self::evicted
pub struct MemoryStore {
    shards: Box<[Padded]>,
    /// Hides which gateways share a shard.
    seed: u64,
    clock: Clock,
}

/// Keeps each shard on cache lines of its own.
#[repr(align(128))]
struct Padded(Mutex<Shard>);

/// Gives milliseconds since 1970.
type TestClock = Arc<dyn Fn() -> u64 + Send + Sync>;

enum Clock {
    System,
    Test(TestClock),
}

impl Clock {
    fn now(&self) -> u64 {
        match self {
            Self::System => system_now(),
            Self::Test(clock) => clock(),
        }
    }
}

/// In milliseconds since 1970.
pub(crate) fn system_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl MemoryStore {
    /// Keeps 65,536 counters per shard.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Keeps `counters` per shard, at least 1: one gateway has up to that many, and all together 8
    /// times as many.
    #[must_use]
    pub fn with_capacity(counters: usize) -> Self {
        let shard = || Padded(Mutex::new(Shard::new(counters.max(1))));
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            seed: RandomState::new().hash_one(0),
            clock: Clock::System,
        }
    }

    /// Takes the time from this clock, in milliseconds since 1970. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        self.clock = Clock::Test(clock);
        self
    }

    /// How many counters were forgotten though they still counted, since the store was made.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.sum(|shard| shard.evicted())
    }

    /// How many counters are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sum(|shard| shard.len())
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`LimitStore::reserve`], at once.
    #[doc(hidden)]
    #[must_use]
    pub fn reserve_now(&self, claims: &[Claim]) -> Decision {
        // Allocated before the lock is taken.
        let mut standings = vec![Standing::default(); claims.len()];
        let clock = self.clock.now();
        let Some(claim) = claims.first() else {
            return Decision { is_granted: true, at: clock, standings };
        };
        debug_assert!(claims.iter().all(|other| other.counter.gateway == claim.counter.gateway));
        let (is_granted, at) = self.shard(&claim.counter).reserve(clock, claims, &mut standings);
        Decision { is_granted, at, standings }
    }

    /// [`LimitStore::settle`], at once.
    #[doc(hidden)]
    pub fn settle_now(&self, settlements: &[Settlement]) {
        if !settlements.iter().any(Settlement::is_due) {
            return;
        }
        let clock = self.clock.now();
        self.shard(&settlements[0].claim.counter).settle(clock, settlements);
    }

    fn shard(&self, counter: &Counter) -> MutexGuard<'_, Shard> {
        // A product's high bits depend on all bits of its factors.
        let mixed =
            (u64::from_le_bytes(counter.gateway) ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let index = (mixed >> 32) as usize & (self.shards.len() - 1);
        lock(&self.shards[index])
    }

    fn sum<N: std::iter::Sum>(&self, of: impl Fn(&Shard) -> N) -> N {
        self.shards.iter().map(|shard| of(&lock(shard))).sum()
    }
}

fn lock(shard: &Padded) -> MutexGuard<'_, Shard> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

// The futures are ready at their first poll and do nothing before it: one that is dropped earlier
// has reserved nothing.
impl LimitStore for MemoryStore {
    fn reserve<'a>(&'a self, _: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision> {
        Box::pin(async move { Ok(self.reserve_now(claims)) })
    }

    fn settle(&self, _: ReservationId, settlements: &[Settlement]) {
        self.settle_now(settlements);
    }

    fn standing<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
    ) -> StoreFuture<'a, Standing> {
        Box::pin(async move {
            let clock = self.clock.now();
            Ok(self.shard(counter).standing(clock, counter, window, limit))
        })
    }

    fn refund<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let clock = self.clock.now();
            self.shard(counter).refund(clock, counter, window, limit, extra);
            Ok(())
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("counters", &self.len()).finish_non_exhaustive()
    }
}
