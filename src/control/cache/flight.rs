//! One call to the provider for several requests with the same key (single flight).
//!
//! The leader is the member whose call gives the response; the others are followers. Members poll the call
//! and the body under a lock, with a waker that wakes all waiting members. So the call goes on while any
//! member is left, and ends with the last. If other processes read the response, a task reads it for them,
//! and goes on after all members have left.

mod ahead;
mod grace;
mod member;
mod orphans;
mod reading;
mod slow_readers;
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
use super::recording::{After, Piece, Recording, Source};
use super::store::Generation;

/// Requests with the same key share a call, unless a purge came between them.
type Key = (CacheKey, Generation);

const SHARDS: usize = 16;

pub(in crate::control) struct Flights {
    shards: [Shard; SHARDS],
    pub(super) counts: Arc<Counts>,
    /// Permits for responses that only other processes read.
    orphans: Arc<Semaphore>,
}

#[derive(Default)]
struct Shard {
    flights: Mutex<HashMap<Key, Arc<Flight>, RandomState>>,
    /// The number of closed flights whose response may be stored. A request that finds neither an entry
    /// nor a flight must look up the entry again if this has changed since its first lookup.
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

    /// Changes with each closed flight of this key that may have stored its response.
    pub(super) fn closed(&self, key: CacheKey) -> u64 {
        self.shard(key).closed.load(Ordering::Acquire)
    }

    /// Joins the call for this key, or makes it. `most`: the maximum number of members.
    pub(super) fn join(self: &Arc<Self>, key: Key, most: usize, call: Call) -> Member {
        loop {
            let new = || Flight::of(key);
            let flight = self.shard(key.0).flights().entry(key).or_insert_with(new).clone();
            match flight.join(most) {
                Joined::Member { place, is_first } => {
                    let member = Member::new(flight, place, call, self.clone());
                    return if is_first { member } else { member.following() };
                }
                Joined::Full => return Member::alone(call, self.clone()),
                Joined::Closed => self.close(&flight),
            }
        }
    }

    /// Removes the flight, so that nobody joins it any more.
    fn close(&self, flight: &Arc<Flight>) {
        let Some(key) = flight.key.as_ref().filter(|_| !flight.is_closed()) else { return };
        let may_be_stored = !flight.is_unshared();
        let shard = self.shard(key.0);
        let mut flights = shard.flights();
        if let Entry::Occupied(entry) = flights.entry(*key)
            && Arc::ptr_eq(entry.get(), flight)
        {
            entry.remove();
            shard.closed.fetch_add(u64::from(may_be_stored), Ordering::Release);
            flight.set_closed();
        }
    }

    /// Does what must not happen under the lock of a flight.
    fn finish(&self, after: &mut After, flight: &Arc<Flight>) {
        after.finish(&self.counts, || self.close(flight));
    }

    /// The number of calls under way.
    pub(super) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.flights().len()).sum()
    }
}

/// A call to the provider. Nothing of it runs before it is polled.
pub(in crate::control) type Call = Pin<Box<dyn Future<Output = CallResult> + Send>>;

/// The result of a call.
pub(in crate::control) enum CallResult {
    /// A response for all members. `head`: unfiltered, for the leader; `None` if another process leads.
    Shared { head: Option<Box<Parts>>, recording: Box<Recording> },
    /// The response has been stored since the lookup.
    Found(CacheEntry),
    /// A response for the caller alone.
    Own(Box<Own>),
    /// Each member makes its own call, the caller this one.
    Unshared(Call),
}

/// A response that is not shared.
pub(in crate::control) struct Own {
    pub(in crate::control) result: Result<Response<Source>, BoxError>,
    pub(in crate::control) ended: Ended,
    pub(in crate::control) why: NotStored,
}

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Ended {
    /// The provider has served the request.
    Answered,
    /// The gateway or the provider has refused the request, or its own timeout was too short: another
    /// member's call may succeed.
    Refused,
    /// The provider has failed, so a stale entry may be served.
    Failed,
}

/// What a member gets before its body. Small, because it is moved often.
pub(in crate::control) enum MemberHead {
    /// It leads: the head of the response to its own call. `Member::poll_next` reads the body.
    Asked(Box<Parts>),
    /// It follows: the head of the leader's response.
    Followed(Box<SharedHead>),
    /// The response to its own call, which is not shared.
    Own(Box<Own>),
    /// The leader's call has failed, and this member has a stale entry.
    Failed,
    /// The response does not fit this member's policy.
    Unfit,
    /// A poll of the call has panicked.
    Panicked,
}

/// The head of another member's response.
pub(in crate::control) struct SharedHead {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) age: Duration,
}

/// What a member gets of the body.
pub(super) enum Next {
    /// `is_last`: nothing follows.
    Piece { piece: Piece, is_last: bool },
    /// No memory is left for more: the member waits for slower readers until then.
    Waits { until: Instant },
    /// The response is stored, and the rest is read from its entry. `trailers` replace the stored ones.
    Stored { entry: CacheEntry, trailers: Option<Box<HeaderMap>> },
}
