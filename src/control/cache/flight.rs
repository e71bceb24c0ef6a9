//! One call to the provider for several requests with the same key (single flight).
//!
//! The call and the body are polled by those who take part, under a lock, with a waker that wakes all who
//! wait. So it goes on as long as one of them is left, and ends with the last. Where other processes read the
//! answer, a task reads it for them, and goes on when all have left.

mod ahead;
mod grace;
mod member;
mod orphans;
mod reading;
mod state;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod waiting;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use rapidhash::fast::RandomState;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::BoxError;

pub(in crate::control) use self::member::Member;
use self::state::{Flight, Joined};
use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::key::CacheKey;
use super::recording::{After, Given, Recording, Source};
use super::store::Generation;

/// Requests with the same key share a call, unless something was purged between them.
type Key = (CacheKey, Generation);

const SHARDS: usize = 16;

pub(in crate::control) struct Flights {
    shards: [Shard; SHARDS],
    pub(super) counts: Arc<Counts>,
    /// Room for answers that are read for other processes alone.
    orphans: Arc<Semaphore>,
}

#[derive(Default)]
struct Shard {
    flights: Mutex<HashMap<Key, Arc<Flight>, RandomState>>,
    /// How many have closed whose answer may be stored. Who finds nothing in the store, and no flight
    /// either, must look into the store again if one has closed since.
    closed: AtomicU64,
}

impl Shard {
    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>, RandomState>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        let orphans = Arc::new(Semaphore::new(orphans::MOST));
        Self { shards: Default::default(), counts, orphans }
    }

    fn shard(&self, key: CacheKey) -> &Shard {
        &self.shards[usize::from(key.0[31]) % SHARDS]
    }

    /// Another number after each flight of this key that has closed, and may have stored its answer.
    pub(super) fn closed(&self, key: CacheKey) -> u64 {
        self.shard(key).closed.load(Ordering::Acquire)
    }

    /// Takes part in the call for this key, or makes it. `most`: how many may take part.
    pub(super) fn join(self: &Arc<Self>, key: Key, most: usize, call: Call) -> Member {
        loop {
            let flight = self.shard(key.0).flights().entry(key).or_insert_with(Flight::new).clone();
            match flight.join(most) {
                Joined::Member { place, is_first } => {
                    let member = Member::new(flight, place, call, self.clone(), Some(key));
                    return if is_first { member } else { member.following() };
                }
                Joined::Full => return Member::alone(call, self.clone()),
                Joined::Closed => self.close(&key, &flight),
            }
        }
    }

    /// Nobody joins this one any more.
    fn close(&self, key: &Key, flight: &Arc<Flight>) {
        let may_be_stored = !flight.is_unshared();
        let shard = self.shard(key.0);
        let mut flights = shard.flights();
        if let Entry::Occupied(entry) = flights.entry(*key)
            && Arc::ptr_eq(entry.get(), flight)
        {
            entry.remove();
            shard.closed.fetch_add(u64::from(may_be_stored), Ordering::Release);
        }
    }

    /// Does what must not be done under the lock of a flight. `key`: where others find it.
    fn finish(&self, after: After, key: Option<&Key>, flight: &Arc<Flight>) {
        after.finish(&self.counts, || {
            if let Some(key) = key {
                self.close(key, flight);
            }
        });
    }

    /// How many calls are under way.
    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.flights().len()).sum()
    }
}

/// A call to the provider. Nothing of it runs before it is polled.
pub(in crate::control) type Call = Pin<Box<dyn Future<Output = Came> + Send>>;

/// What a call gives.
pub(in crate::control) enum Came {
    /// An answer for everybody. `head`: as the one gets it that has asked; `None` where another process
    /// has.
    Shared { head: Option<Box<Parts>>, recording: Box<Recording> },
    /// Somebody has stored the answer meanwhile.
    Found(CacheEntry),
    /// An answer for the one that has asked, and for nobody else.
    Own(Own),
}

/// An answer that is not shared.
pub(in crate::control) struct Own {
    pub(in crate::control) result: Result<Response<Source>, BoxError>,
    pub(in crate::control) ended: Ended,
    pub(in crate::control) why: NotStored,
}

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Ended {
    /// The provider has done what it was asked for.
    Answered,
    /// The gateway or the provider has refused it, or its client has given it no time: another's may get
    /// through.
    Refused,
    /// The provider has failed, so that an older answer may do.
    Failed,
}

/// What one of those who take part gets first.
pub(in crate::control) enum Headed {
    /// The head of the answer to its own call. The body is read with `Member::poll_next`.
    Asked(Box<Parts>),
    /// The head of what another one has asked for, and how old that is.
    Followed(StatusCode, HeaderMap, Duration),
    /// The answer to its own call, which is not shared.
    Own(Own),
    /// The call of another one has failed, and this one has something else.
    Failed,
    /// What others get is none that this one keeps.
    Unfit,
    /// A poll of the call has panicked.
    Panicked,
}

/// What one of those who take part gets of the body.
pub(super) enum Next {
    /// `is_last`: there is nothing behind it.
    Given { given: Given, is_last: bool },
    /// No memory is left for more: until then it waits for others, which have read less.
    Waits { until: Instant },
    /// The answer is stored: the rest is read from there. `trailers`: in the place of those that are stored.
    Stored { entry: CacheEntry, trailers: Option<Box<HeaderMap>> },
}
