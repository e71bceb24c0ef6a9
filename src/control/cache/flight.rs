//! One call to the provider for several requests that want the same answer.
//!
//! The call and the body are polled by those who take part, under a lock, with a waker that wakes all who
//! wait. So it goes on as long as one of them is left, and ends with the last. A task is spawned only then,
//! where other processes read the answer still.

mod member;
mod orphans;
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
use std::task::Waker;
use std::time::Duration;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use tokio::sync::Semaphore;
use tower::BoxError;

pub(in crate::control) use self::member::Member;
use self::waiting::Waiting;
use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::key::CacheKey;
use super::recording::{Given, Recording, Source};
use super::store::Generation;
use crate::context::GatewayContext;

/// Requests with the same key share a call, unless something was purged between them.
type Key = (CacheKey, Generation);

const SHARDS: usize = 16;

pub(in crate::control) struct Flights {
    shards: [Shard; SHARDS],
    pub(super) counts: Arc<Counts>,
    /// Of answers that are read for other processes alone.
    orphans: Arc<Semaphore>,
}

#[derive(Default)]
struct Shard {
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    /// How many have closed. Who finds nothing in the store, and no flight either, must look into the
    /// store again if one has closed since.
    closed: AtomicU64,
}

impl Shard {
    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
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

    /// Another number after each flight of this key that has closed.
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
        let shard = self.shard(key.0);
        let mut flights = shard.flights();
        if let Entry::Occupied(entry) = flights.entry(*key)
            && Arc::ptr_eq(entry.get(), flight)
        {
            entry.remove();
            shard.closed.fetch_add(1, Ordering::Release);
        }
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
    /// The provider has failed, so that an older answer may do.
    pub(in crate::control) has_failed: bool,
    pub(in crate::control) why: NotStored,
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
    /// The answer is stored: the rest is read from there.
    Stored(CacheEntry),
}

struct Flight {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
    /// Wakes all that wait.
    waker: Waker,
}

struct State {
    phase: Phase,
    /// Those who take part, by their places.
    members: Vec<Option<Part>>,
    count: usize,
    /// The place of the one whose call it is.
    asks: Option<usize>,
    /// The one whose call has given what is read.
    asker: Option<Asker>,
}

struct Asker {
    place: usize,
    context: Option<GatewayContext>,
}

enum Phase {
    /// Nobody asks the provider. The next one that looks does.
    Vacant {
        has_failed: bool,
    },
    Calling(Call),
    Reading(Box<Recording>),
    Stored(CacheEntry),
    /// All have left.
    Over,
}

/// What is kept for one that takes part.
#[derive(Default)]
struct Part {
    /// How many frames it has read.
    at: usize,
    /// The answer to its own call, where another one has polled that.
    came: Option<Answered>,
}

enum Answered {
    Shared(Box<Parts>),
    Own(Own),
}

impl Flight {
    fn new() -> Arc<Self> {
        let waiting = Arc::new(Waiting::default());
        let state = State {
            phase: Phase::Vacant { has_failed: false },
            // Most are alone.
            members: Vec::with_capacity(1),
            count: 0,
            asks: None,
            asker: None,
        };
        Arc::new(Self { state: Mutex::new(state), waker: Waker::from(waiting.clone()), waiting })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of one more that takes part, and whether it is the first.
    fn join(&self, most: usize) -> Joined {
        let mut state = self.state();
        if !state.phase.is_open() {
            return Joined::Closed;
        }
        if state.count >= most {
            return Joined::Full;
        }
        let place = state.members.iter().position(Option::is_none);
        let place = place.unwrap_or(state.members.len());
        match state.members.get_mut(place) {
            Some(free) => *free = Some(Part::default()),
            None => state.members.push(Some(Part::default())),
        }
        state.count += 1;
        state.mark();
        Joined::Member { place, is_first: state.count == 1 }
    }
}

/// What became of the wish to take part.
enum Joined {
    Member {
        place: usize,
        is_first: bool,
    },
    /// As many as may take part do.
    Full,
    /// It is over, or what comes is not for others any more.
    Closed,
}

impl Phase {
    fn is_open(&self) -> bool {
        match self {
            Self::Vacant { .. } | Self::Calling(_) | Self::Stored(_) => true,
            Self::Reading(recording) => recording.is_open(),
            Self::Over => false,
        }
    }
}

impl State {
    fn part(&mut self, place: usize) -> Option<&mut Part> {
        self.members.get_mut(place)?.as_mut()
    }

    /// Lets go what everybody has read of an answer that is not stored.
    fn release(&mut self) {
        if let Phase::Reading(recording) = &mut self.phase
            && !recording.is_growing()
        {
            let slowest = self.members.iter().flatten().map(|part| part.at).min();
            let asker =
                self.asker.as_ref().and_then(|asker| self.members.get(asker.place)?.as_ref());
            recording.release(slowest.unwrap_or_default(), asker.map(|part| part.at));
        }
    }

    fn is_full(&self) -> bool {
        matches!(&self.phase, Phase::Reading(recording) if recording.is_full())
    }

    /// Whether one that has read so many frames must wait for the one that has asked, since no memory
    /// is left for more.
    fn must_wait(&self, at: usize) -> bool {
        let Phase::Reading(recording) = &self.phase else { return false };
        let asker = self.asker.as_ref().and_then(|asker| self.members.get(asker.place)?.as_ref());
        recording.is_full() && asker.is_some_and(|part| part.at < at)
    }

    /// Notes whether the provider would go on with the answer if the one that has asked left now, or has
    /// given more of it than that one has read.
    fn mark(&self) {
        let Some(Asker { place, context: Some(context) }) = &self.asker else { return };
        context.set_goes_on(self.count > 1 || self.is_behind(*place) || self.is_followed());
    }

    /// Whether more has come than the one at this place has read.
    fn is_behind(&self, place: usize) -> bool {
        match &self.phase {
            Phase::Reading(recording) => {
                let part = self.members.get(place).and_then(Option::as_ref);
                part.is_some_and(|part| recording.has(part.at))
            }
            Phase::Stored(_) => true,
            Phase::Vacant { .. } | Phase::Calling(_) | Phase::Over => false,
        }
    }

    /// Whether other processes read the answer.
    fn is_followed(&self) -> bool {
        matches!(&self.phase, Phase::Reading(recording) if recording.is_followed())
    }
}
