//! One of the requests that share a call to the provider.

use std::mem::replace;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use super::orphans::Orphanage;
use super::{Answered, Asker, Call, Came, Flight, Flights, Headed, Key, Next, Phase, State};
use crate::context::GatewayContext;
use crate::control::cache::asked::Policy;
use crate::control::cache::fit::is_kept;
use crate::control::cache::recording::{After, FlightError, Given, discard};
use crate::util::unwind;

/// One that takes part. Leaves when it is dropped.
pub(in crate::control) struct Member {
    flight: Arc<Flight>,
    place: usize,
    /// Its own call, until it is made.
    call: Option<Call>,
    /// Of its exchange.
    context: Option<GatewayContext>,
    /// What it takes of others; `None`: all.
    policy: Option<Arc<Policy>>,
    flights: Arc<Flights>,
    /// Where others find it; `None` where it is alone.
    key: Option<Key>,
    follows: bool,
}

impl Member {
    pub(super) fn new(
        flight: Arc<Flight>,
        place: usize,
        call: Call,
        flights: Arc<Flights>,
        key: Option<Key>,
    ) -> Self {
        let (call, context, policy) = (Some(call), None, None);
        Self { flight, place, call, context, policy, flights, key, follows: false }
    }

    /// It takes of others what it would take from the store.
    pub(in crate::control::cache) fn under(mut self, policy: Arc<Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The exchange that it is for, which is billed where its call is made.
    pub(in crate::control) fn of(mut self, context: GatewayContext) -> Self {
        self.context = Some(context);
        self
    }

    /// One that shares with nobody.
    pub(super) fn alone(call: Call, flights: Arc<Flights>) -> Self {
        let flight = Flight::new();
        flight.join(1);
        Self::new(flight, 0, call, flights, None)
    }

    /// It has found others there.
    pub(super) fn following(mut self) -> Self {
        self.follows = true;
        self.flights.counts.followers.add();
        self
    }

    /// Leaves the others, and asks the provider for itself; `None` if its call was made before.
    pub(in crate::control) fn leave(mut self) -> Option<Self> {
        let call = self.call.take()?;
        let mut alone = Self::alone(call, self.flights.clone());
        alone.context = self.context.take();
        Some(alone)
    }

    /// Whether it shares with nobody.
    pub(in crate::control) fn is_alone(&self) -> bool {
        self.key.is_none()
    }

    /// Whether it has found others there, and asks for none itself.
    pub(in crate::control::cache) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether it waits for somebody else's call.
    pub(in crate::control) fn is_waiting_for_others(&self) -> bool {
        self.call.is_some()
    }

    /// Whether it takes what others get; what its own call has found was looked at there.
    fn takes(&self, is_fit: impl FnOnce(&Policy) -> bool) -> bool {
        self.call.is_none() || self.policy.as_ref().is_none_or(|policy| is_fit(policy))
    }

    /// The head, or what there is in its place. `has_other`: it need not ask after a failure.
    pub(in crate::control) fn poll_head(
        &mut self,
        has_other: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Headed> {
        let mut after = After::default();
        // Dropped behind the lock.
        let mut spent = Spent::default();
        let polled = {
            let flight = self.flight.clone();
            let mut state = flight.state();
            self.head(&mut state, has_other, cx, &mut after, &mut spent)
        };
        discard(spent);
        self.finish(after);
        polled
    }

    fn head(
        &mut self,
        state: &mut State,
        has_other: bool,
        cx: &mut Context<'_>,
        after: &mut After,
        spent: &mut Spent,
    ) -> Poll<Headed> {
        let (place, flight) = (self.place, self.flight.clone());
        loop {
            match state.part(place).and_then(|part| part.came.take()) {
                Some(Answered::Shared(head)) => return Poll::Ready(Headed::Asked(head)),
                Some(Answered::Own(own)) => return Poll::Ready(Headed::Own(own)),
                None => {}
            }
            match &mut state.phase {
                Phase::Vacant { has_failed: true } if has_other => {
                    return Poll::Ready(Headed::Failed);
                }
                Phase::Vacant { .. } => {
                    let Some(call) = self.call.take() else {
                        return Poll::Ready(Headed::Panicked);
                    };
                    state.phase = Phase::Calling(call);
                    state.asks = Some(place);
                    state.asker = Some(Asker { place, context: self.context.clone() });
                    if std::mem::take(&mut self.follows) {
                        self.flights.counts.followers.remove();
                    }
                }
                Phase::Calling(_) => {
                    flight.waiting.add(place, cx.waker());
                    let calling = replace(&mut state.phase, Phase::Vacant { has_failed: true });
                    let Phase::Calling(mut call) = calling else { continue };
                    let mut waker = Context::from_waker(&flight.waker);
                    // It may be another one's: a panic is not to end this one's task.
                    let came = match unwind::call(|| call.as_mut().poll(&mut waker)) {
                        Ok(Poll::Ready(came)) => came,
                        Ok(Poll::Pending) => {
                            state.phase = Phase::Calling(call);
                            return Poll::Pending;
                        }
                        Err(_) => {
                            // The one whose call it was fails, and the next one asks.
                            (state.asks, state.asker) = (None, None);
                            spent.call = Some(call);
                            after.wake.append(&mut flight.waiting.all());
                            continue;
                        }
                    };
                    spent.call = Some(call);
                    flight.waiting.remove(place);
                    if let Some(headed) = self.came(state, came, after, spent) {
                        return Poll::Ready(headed);
                    }
                }
                Phase::Reading(recording) => {
                    let (head, age) = (&recording.head, Duration::ZERO);
                    if !self.takes(|policy| is_kept(head.status, policy)) {
                        return Poll::Ready(Headed::Unfit);
                    }
                    // It never asks for itself, so nothing of its request is needed any more.
                    spent.own = self.call.take();
                    return Poll::Ready(Headed::Followed(head.status, head.headers.clone(), age));
                }
                Phase::Stored(entry) => {
                    let now = SystemTime::now();
                    if !self.takes(|policy| entry.is_fresh(now, policy)) {
                        return Poll::Ready(Headed::Unfit);
                    }
                    let age = entry.age(now);
                    let entry = entry.parts();
                    spent.own = self.call.take();
                    return Poll::Ready(Headed::Followed(entry.status, entry.headers.clone(), age));
                }
                Phase::Over => return Poll::Ready(Headed::Panicked),
            }
        }
    }

    /// The call has given something. What it is for this one; `None` to look again.
    fn came(
        &self,
        state: &mut State,
        came: Came,
        after: &mut After,
        spent: &mut Spent,
    ) -> Option<Headed> {
        let waiting = &self.flight.waiting;
        let asks = state.asks.take();
        let (next, answered) = match came {
            Came::Shared { head, mut recording } => {
                after.wake = waiting.all();
                recording.begin(after);
                let phase = match &after.stored {
                    Some(stored) => Phase::Stored(stored.entry.clone()),
                    None => Phase::Reading(recording),
                };
                (phase, head.map(Answered::Shared))
            }
            Came::Found(entry) => {
                after.wake = waiting.all();
                // Whoever comes now finds it in the store.
                after.is_closed = true;
                (Phase::Stored(entry), None)
            }
            Came::Own(own) => {
                after.not_stored = Some(own.why);
                state.asker = None;
                (Phase::Vacant { has_failed: own.has_failed }, Some(Answered::Own(own)))
            }
        };
        state.phase = next;
        state.mark();
        match (answered, asks) {
            (None, _) => None,
            (Some(Answered::Shared(head)), Some(asks)) if asks == self.place => {
                Some(Headed::Asked(head))
            }
            // It leaves with that, and wakes the next one, not all.
            (Some(Answered::Own(own)), Some(asks)) if asks == self.place => Some(Headed::Own(own)),
            (Some(answered), Some(asks)) => {
                after.wake.extend(waiting.remove(asks));
                match state.part(asks) {
                    Some(part) => part.came = Some(answered),
                    None => spent.answered = Some(answered),
                }
                None
            }
            (Some(answered), None) => {
                spent.answered = Some(answered);
                None
            }
        }
    }

    /// The next of the body, for one that has read so many frames.
    pub(in crate::control::cache) fn poll_next(
        &self,
        at: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Next> {
        let mut after = After::default();
        let polled = {
            let mut state = self.flight.state();
            self.next(&mut state, at, cx, &mut after)
        };
        self.finish(after);
        polled
    }

    fn next(
        &self,
        state: &mut State,
        at: usize,
        cx: &mut Context<'_>,
        after: &mut After,
    ) -> Poll<Next> {
        let Flight { waiting, waker, .. } = &*self.flight;
        loop {
            let recording = match &mut state.phase {
                Phase::Reading(recording) => recording,
                Phase::Stored(entry) => return Poll::Ready(Next::Stored(entry.clone())),
                Phase::Vacant { .. } | Phase::Calling(_) | Phase::Over => {
                    let given = Given::Error(FlightError::Panicked.into());
                    return Poll::Ready(Next::Given { given, is_last: true });
                }
            };
            if let Some(given) = recording.get(at) {
                let read = at + usize::from(matches!(given, Given::Data(_)));
                let is_last = recording.is_over(read);
                let is_growing = recording.is_growing();
                if let Some(part) = state.part(self.place) {
                    part.at = read;
                }
                state.mark();
                if !is_growing {
                    // Others may have waited for this one.
                    let was_full = state.is_full();
                    state.release();
                    if was_full {
                        after.wake.append(&mut self.flight.waiting.all());
                    }
                }
                return Poll::Ready(Next::Given { given, is_last });
            }
            waiting.add(self.place, cx.waker());
            if state.must_wait(at) {
                return Poll::Pending;
            }
            let Phase::Reading(mut recording) = replace(&mut state.phase, Phase::Over) else {
                continue;
            };
            let mut cx = Context::from_waker(waker);
            let polled = recording.poll_guarded(&mut cx, after);
            state.phase = match &after.stored {
                // The last frame is given from there.
                Some(stored) => Phase::Stored(stored.entry.clone()),
                None => Phase::Reading(recording),
            };
            state.mark();
            if polled.is_pending() {
                return Poll::Pending;
            }
            waiting.remove(self.place);
            after.wake.append(&mut waiting.all());
        }
    }

    /// Whether nothing of the body is left, though nobody has asked.
    pub(in crate::control::cache) fn is_over(&self, at: usize) -> bool {
        match &self.flight.state().phase {
            Phase::Reading(recording) => recording.is_over(at),
            Phase::Stored(entry) => {
                let entry = entry.parts();
                at == entry.frames.len() && entry.trailers.is_none()
            }
            Phase::Vacant { .. } | Phase::Calling(_) | Phase::Over => false,
        }
    }

    /// Does what must not be done under the lock.
    fn finish(&self, after: After) {
        after.finish(&self.flights.counts, || {
            if let Some(key) = &self.key {
                self.flights.close(key, &self.flight);
            }
        });
    }
}

/// What is dropped once the lock is released.
#[derive(Default)]
struct Spent {
    call: Option<Call>,
    own: Option<Call>,
    answered: Option<Answered>,
    phase: Option<Phase>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let (mut after, mut spent, mut orphanage) = (After::default(), Spent::default(), None);
        let is_last = {
            let mut state = self.flight.state();
            self.flight.waiting.remove(self.place);
            let is_behind = state.is_behind(self.place);
            let part = state.members.get_mut(self.place).and_then(Option::take);
            spent.answered = part.and_then(|part| part.came);
            state.count = state.count.saturating_sub(1);
            if state.asks == Some(self.place) {
                state.asks = None;
            }
            let is_last = state.count == 0;
            let asker = state.asker.take_if(|asker| asker.place == self.place);
            if !is_last {
                let was_full = state.is_full();
                state.release();
                if was_full {
                    after.wake.append(&mut self.flight.waiting.all());
                }
                state.mark();
            }
            match &mut state.phase {
                Phase::Reading(recording) if is_last => {
                    if recording.has_length() {
                        // Nobody asks for an end behind the declared length.
                        recording.ended(&mut after);
                    }
                    if recording.is_followed() {
                        orphanage = Orphanage::with_room(&self.flights);
                    }
                    if orphanage.is_none() {
                        recording.abandoned(&mut after);
                    }
                }
                Phase::Vacant { .. } => after.wake.extend(self.flight.waiting.one()),
                Phase::Reading(_) | Phase::Calling(_) | Phase::Stored(_) | Phase::Over => {}
            }
            if is_last {
                // Where others are left, what was noted of it last stays.
                if let Some(Asker { context: Some(context), .. }) = asker {
                    context.set_goes_on(is_behind || orphanage.is_some());
                }
                spent.phase = Some(std::mem::replace(&mut state.phase, Phase::Over));
            }
            is_last
        };
        self.finish(after);
        if self.follows {
            self.flights.counts.followers.remove();
        }
        if is_last && let Some(key) = &self.key {
            self.flights.close(key, &self.flight);
        }
        if let Some(orphanage) = orphanage
            && let Some(Phase::Reading(recording)) = spent.phase.take()
        {
            orphanage.read_on(recording);
        }
        discard(spent);
    }
}
