//! The state of a shared call and of its members.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicBool};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard, atomic::AtomicBool};

use http::HeaderMap;
use http::response::Parts;

use super::grace::Grace;
use super::reading::Reading;
use super::waiting::Waiting;
use super::{Call, Key, Own};
use crate::context::GatewayContext;
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::recording::{After, Stored};
use crate::control::list::SmallList;

/// A shared call and its members.
pub(super) struct Flight {
    /// Its key in the map; `None` if its member shares with nobody.
    pub(super) key: Option<Key>,
    state: Mutex<State>,
    pub(super) waiting: Arc<Waiting>,
    /// Wakes all waiting members.
    pub(super) waker: Waker,
    /// Nobody finds it in the map any more.
    is_closed: AtomicBool,
    /// The provider's answer cannot be shared.
    is_unshared: AtomicBool,
}

pub(super) struct State {
    pub(super) phase: Phase,
    /// By place. A place is free again once its member has left.
    pub(super) members: SmallList<Option<MemberState>>,
    pub(super) count: usize,
    /// The place of the member whose call is polled.
    pub(super) caller: Option<usize>,
    /// The member whose call gave the response.
    pub(super) leader: Option<Leader>,
    /// How long faster readers have waited for the other followers.
    pub(super) grace: Grace,
}

pub(super) struct Leader {
    pub(super) place: usize,
    pub(super) context: Option<GatewayContext>,
    pub(super) grace: Grace,
}

impl Leader {
    pub(super) fn new(place: usize, context: Option<GatewayContext>) -> Self {
        Self { place, context, grace: Grace::default() }
    }
}

pub(super) enum Phase {
    /// No call is under way. The next member that polls makes its own.
    Vacant {
        has_failed: bool,
    },
    Calling(Call),
    Reading(Reading),
    /// `trailers`: the unfiltered ones, for the leader.
    Stored {
        entry: CacheEntry,
        trailers: Option<Box<HeaderMap>>,
    },
    /// The provider has answered, and the answer cannot be shared.
    Unshared,
    /// All members have left.
    Over,
}

/// The state of one member.
#[derive(Default)]
pub(super) struct MemberState {
    /// The number of frames that it has read.
    pub(super) at: usize,
    /// The answer to its own call, if another member polled that call.
    pub(super) answer: Option<Answered>,
}

pub(super) enum Answered {
    Shared(Box<Parts>),
    Own(Box<Own>),
    /// It makes this call by itself, and its exchange pays for it.
    Unshared(Call, Option<GatewayContext>),
}

/// The result of joining a flight.
pub(super) enum Joined {
    Member {
        place: usize,
        is_first: bool,
    },
    /// The flight has its maximum number of members.
    Full,
    /// The flight is over, or its response can no longer be shared from the start.
    Closed,
}

impl Flight {
    pub(super) fn of(key: impl Into<Option<Key>>) -> Arc<Self> {
        let waiting = Arc::new(Waiting::default());
        let state = State {
            phase: Phase::Vacant { has_failed: false },
            members: SmallList::default(),
            count: 0,
            caller: None,
            leader: None,
            grace: Grace::default(),
        };
        let (state, waker) = (Mutex::new(state), Waker::from(waiting.clone()));
        let (is_closed, is_unshared) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { key: key.into(), state, waiting, waker, is_closed, is_unshared })
    }

    /// Whether it was removed from the map. It never comes back.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn set_closed(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_unshared(&self) -> bool {
        self.is_unshared.load(Ordering::Acquire)
    }

    /// Each member makes its own call, and nobody joins any more.
    pub(super) fn unshared(&self, after: &mut After) -> Phase {
        self.is_unshared.store(true, Ordering::Release);
        after.wake.extend(self.waiting.all());
        after.is_closed = true;
        Phase::Unshared
    }

    /// Reads on. Ready when a frame or the end has come: then the caller must wake all waiting members.
    pub(super) fn poll(&self, state: &mut State, after: &mut After) -> Poll<()> {
        let Phase::Reading(reading) = &mut state.phase else { return Poll::Ready(()) };
        let polled = reading.poll(&mut Context::from_waker(&self.waker), after);
        if let Some(stored) = &mut after.stored {
            // Members read the last frame from the entry.
            state.phase = Phase::stored(stored);
        }
        state.mark();
        polled
    }

    /// Adds a member.
    pub(super) fn join(&self, most: usize) -> Joined {
        let mut state = self.state();
        if !state.phase.is_open() {
            return Joined::Closed;
        }
        if state.count >= most {
            return Joined::Full;
        }
        let place = state.members.iter().position(Option::is_none);
        let place = place.unwrap_or(state.members.iter().count());
        match state.members.get_mut(place) {
            Some(free) => *free = Some(MemberState::default()),
            None => state.members.push(Some(MemberState::default())),
        }
        state.count += 1;
        state.mark();
        Joined::Member { place, is_first: state.count == 1 }
    }
}

impl Phase {
    pub(super) fn stored(stored: &mut Stored) -> Self {
        Self::Stored { entry: stored.entry.clone(), trailers: stored.trailers.take() }
    }

    /// Whether nothing is left for a member that has read `at` frames, without reading on.
    pub(super) fn is_over(&self, at: usize) -> bool {
        match self {
            Self::Reading(reading) => reading.recording.is_over(at),
            Self::Stored { entry, .. } => {
                let entry = entry.parts();
                at == entry.frames.len() && entry.trailers.is_none()
            }
            Self::Vacant { .. } | Self::Calling(_) | Self::Unshared | Self::Over => false,
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Vacant { .. } | Self::Calling(_) | Self::Stored { .. } => true,
            Self::Reading(reading) => reading.recording.is_open(),
            Self::Unshared | Self::Over => false,
        }
    }
}

impl State {
    pub(super) fn member(&mut self, place: usize) -> Option<&mut MemberState> {
        self.members.get_mut(place)?.as_mut()
    }

    /// Whether the member at this place leads.
    pub(super) fn is_leader(&self, place: usize) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.place == place)
    }

    /// Notes whether the provider would go on with the response if the leader left now, or has sent more of
    /// it than the leader has read.
    pub(super) fn mark(&self) {
        let Some(Leader { place, context: Some(context), .. }) = &self.leader else { return };
        context.set_goes_on(self.count > 1 || self.is_behind(*place) || self.is_followed());
    }

    /// The response is for the leader alone, so nobody goes on with it. Returns the leader's context.
    pub(super) fn set_unshared(&mut self) -> Option<GatewayContext> {
        let context = self.leader.take()?.context?;
        context.set_goes_on(false);
        Some(context)
    }

    /// Whether the member at this place has unread frames.
    pub(super) fn is_behind(&self, place: usize) -> bool {
        match &self.phase {
            Phase::Reading(reading) => {
                let member = self.members.get(place).and_then(Option::as_ref);
                member.is_some_and(|member| reading.recording.has(member.at))
            }
            Phase::Stored { .. } => true,
            Phase::Vacant { .. } | Phase::Calling(_) | Phase::Unshared | Phase::Over => false,
        }
    }

    /// Whether other processes read the response.
    fn is_followed(&self) -> bool {
        matches!(&self.phase, Phase::Reading(reading) if reading.is_followed())
    }
}
