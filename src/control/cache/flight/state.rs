//! How far a call has come, and those who take part in it.

use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use http::HeaderMap;
use http::response::Parts;
use tokio::time::Instant;

use super::grace::Grace;
use super::reading::Reading;
use super::waiting::Waiting;
use super::{Call, Own};
use crate::context::GatewayContext;
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::recording::{After, Stored};

/// A call, and those who take part in it.
pub(super) struct Flight {
    state: Mutex<State>,
    pub(super) waiting: Arc<Waiting>,
    /// Wakes all that wait.
    pub(super) waker: Waker,
}

pub(super) struct State {
    pub(super) phase: Phase,
    /// Those who take part, by their places.
    pub(super) members: Vec<Option<Part>>,
    pub(super) count: usize,
    /// The place of the one whose call it is.
    pub(super) asks: Option<usize>,
    /// The one whose call has given what is read.
    pub(super) asker: Option<Asker>,
    /// How long the others are waited for.
    grace: Grace,
}

pub(super) struct Asker {
    pub(super) place: usize,
    pub(super) context: Option<GatewayContext>,
    grace: Grace,
}

impl Asker {
    pub(super) fn new(place: usize, context: Option<GatewayContext>) -> Self {
        Self { place, context, grace: Grace::default() }
    }
}

pub(super) enum Phase {
    /// Nobody asks the provider. The next one that looks does.
    Vacant {
        has_failed: bool,
    },
    Calling(Call),
    Reading(Reading),
    /// `trailers`: as they came, for the one that has asked.
    Stored {
        entry: CacheEntry,
        trailers: Option<Box<HeaderMap>>,
    },
    /// The provider has answered, and nobody can share that.
    Unshared,
    /// All have left.
    Over,
}

/// What is kept for one that takes part.
#[derive(Default)]
pub(super) struct Part {
    /// How many frames it has read.
    pub(super) at: usize,
    /// The answer to its own call, where another one has polled that.
    pub(super) came: Option<Answered>,
}

pub(super) enum Answered {
    Shared(Box<Parts>),
    Own(Own),
}

/// What became of the wish to take part.
pub(super) enum Joined {
    Member {
        place: usize,
        is_first: bool,
    },
    /// As many as may take part do.
    Full,
    /// It is over, or what comes is not for others any more.
    Closed,
}

impl Flight {
    pub(super) fn new() -> Arc<Self> {
        let waiting = Arc::new(Waiting::default());
        let state = State {
            phase: Phase::Vacant { has_failed: false },
            // Most are alone.
            members: Vec::with_capacity(1),
            count: 0,
            asks: None,
            asker: None,
            grace: Grace::default(),
        };
        Arc::new(Self { state: Mutex::new(state), waker: Waker::from(waiting.clone()), waiting })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the provider has answered, and nobody can share that.
    pub(super) fn is_unshared(&self) -> bool {
        matches!(self.state().phase, Phase::Unshared)
    }

    /// Reads on. Ready when a frame or the end has come: then all that wait are to be woken.
    pub(super) fn poll(&self, state: &mut State, after: &mut After) -> Poll<()> {
        let Phase::Reading(reading) = &mut state.phase else { return Poll::Ready(()) };
        let polled = reading.poll(&mut Context::from_waker(&self.waker), after);
        if let Some(stored) = &mut after.stored {
            // The last frame is given from there.
            state.phase = Phase::stored(stored);
        }
        state.mark();
        polled
    }

    /// The place of one more that takes part, and whether it is the first.
    pub(super) fn join(&self, most: usize) -> Joined {
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

impl Phase {
    pub(super) fn stored(stored: &mut Stored) -> Self {
        Self::Stored { entry: stored.entry.clone(), trailers: stored.trailers.take() }
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
    pub(super) fn part(&mut self, place: usize) -> Option<&mut Part> {
        self.members.get_mut(place)?.as_mut()
    }

    /// How many frames the slowest of those has read who are still waited for.
    fn waited_for(&self) -> Option<usize> {
        let is_over = |place| match &self.asker {
            Some(asker) if asker.place == place => asker.grace.is_over(),
            _ => self.grace.is_over(),
        };
        let parts = self.members.iter().enumerate();
        let parts =
            parts.filter(|(place, _)| !is_over(*place)).filter_map(|(_, part)| part.as_ref());
        parts.map(|part| part.at).min()
    }

    /// Whether the one at this place has asked for what is read.
    pub(super) fn has_asked(&self, place: usize) -> bool {
        self.asker.as_ref().is_some_and(|asker| asker.place == place)
    }

    /// Lets go what everybody has read of an answer that is not stored. Returns true if no memory was left
    /// before, so that others may have waited.
    pub(super) fn release(&mut self) -> bool {
        self.let_go(self.waited_for())
    }

    /// The same, and of what is more than may be held all that comes before so many frames.
    fn let_go(&mut self, held_from: Option<usize>) -> bool {
        let was_full = self.is_full();
        if let Phase::Reading(reading) = &mut self.phase
            && !reading.recording.is_growing()
        {
            let slowest = self.members.iter().flatten().map(|part| part.at).min();
            reading.recording.release(slowest.unwrap_or_default(), held_from);
        }
        if was_full && !self.is_full() {
            self.grace.rest();
            self.asker.iter_mut().for_each(|asker| asker.grace.rest());
        }
        was_full
    }

    fn is_full(&self) -> bool {
        matches!(&self.phase, Phase::Reading(reading) if reading.recording.is_full())
    }

    /// Until when the one at this place, which has read so many frames, waits for those that have read fewer,
    /// since no memory is left for more. After that, what they have not read is let go. The one that has asked
    /// waits for nobody.
    pub(super) fn waits(&mut self, place: usize, at: usize) -> Option<Instant> {
        if !self.is_full() {
            return None;
        }
        if self.has_asked(place) {
            self.let_go(Some(at));
            return None;
        }
        let Self { members, asker, grace, .. } = self;
        let (mut of_asker, mut of_others) = (None, None);
        for (place, part) in members.iter().enumerate() {
            if part.as_ref().is_none_or(|part| part.at >= at) {
                continue;
            }
            match asker {
                Some(asker) if asker.place == place => of_asker = asker.grace.wait(),
                _ => of_others = of_others.or_else(|| grace.wait()),
            }
        }
        let until = of_asker.max(of_others);
        if until.is_none() {
            self.release();
        }
        until
    }

    /// Notes whether the provider would go on with the answer if the one that has asked left now, or has
    /// given more of it than that one has read.
    pub(super) fn mark(&self) {
        let Some(Asker { place, context: Some(context), .. }) = &self.asker else { return };
        context.set_goes_on(self.count > 1 || self.is_behind(*place) || self.is_followed());
    }

    /// What the call has given is for the one alone that has asked: it goes on for nobody else.
    pub(super) fn is_own(&mut self) {
        if let Some(Asker { context: Some(context), .. }) = self.asker.take() {
            context.set_goes_on(false);
        }
    }

    /// Whether more has come than the one at this place has read.
    pub(super) fn is_behind(&self, place: usize) -> bool {
        match &self.phase {
            Phase::Reading(reading) => {
                let part = self.members.get(place).and_then(Option::as_ref);
                part.is_some_and(|part| reading.recording.has(part.at))
            }
            Phase::Stored { .. } => true,
            Phase::Vacant { .. } | Phase::Calling(_) | Phase::Unshared | Phase::Over => false,
        }
    }

    /// Whether other processes read the answer.
    fn is_followed(&self) -> bool {
        matches!(&self.phase, Phase::Reading(reading) if reading.is_followed())
    }
}
