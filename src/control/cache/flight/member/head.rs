//! The head that a member gets, or what there is in its place.

use std::mem::replace;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use super::Member;
use super::leaving::Spent;
use crate::control::cache::asked::Policy;
use crate::control::cache::fit::is_kept;
use crate::control::cache::flight::ahead::Ahead;
use crate::control::cache::flight::reading::Reading;
use crate::control::cache::flight::state::{Answered, Asker, Phase, State};
use crate::control::cache::flight::{Came, Ended, Headed};
use crate::control::cache::recording::{After, Recording, discard};
use crate::util::unwind;

impl Member {
    /// Whether it takes what others get. What its own call has found was looked at before.
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
                    // It may take its time to look at what it has: the next one need not wait.
                    flight.waiting.remove(place);
                    after.wake.extend(flight.waiting.one());
                    return Poll::Ready(Headed::Failed);
                }
                Phase::Vacant { .. } => {
                    let Some(call) = self.call.take() else {
                        return Poll::Ready(Headed::Panicked);
                    };
                    state.phase = Phase::Calling(call);
                    state.asks = Some(place);
                    state.asker = Some(Asker::new(place, self.context.clone()));
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
                Phase::Reading(reading) => {
                    let (head, age) = (&reading.recording.head, Duration::ZERO);
                    if !self.takes(|policy| is_kept(head.status, policy)) {
                        return Poll::Ready(Headed::Unfit);
                    }
                    // It never asks for itself, so nothing of its request is needed any more.
                    spent.own = self.call.take();
                    return Poll::Ready(Headed::Followed(head.status, head.headers.clone(), age));
                }
                Phase::Stored { entry, .. } => {
                    let now = SystemTime::now();
                    if !self.takes(|policy| entry.is_fresh(now, policy)) {
                        return Poll::Ready(Headed::Unfit);
                    }
                    let age = entry.age(now);
                    let entry = entry.parts();
                    spent.own = self.call.take();
                    return Poll::Ready(Headed::Followed(entry.status, entry.headers.clone(), age));
                }
                Phase::Unshared => return Poll::Ready(Headed::Unfit),
                Phase::Over => return Poll::Ready(Headed::Panicked),
            }
        }
    }

    /// An answer that has begun. Where other processes are told of it, it is read for them, too.
    fn reading(&self, recording: Box<Recording>) -> Reading {
        let reading = Reading::new(recording);
        if reading.is_told() {
            Ahead::new(&self.flight, self.flights.clone(), self.key).spawn();
        }
        reading
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
                after.wake.append(&mut waiting.all());
                recording.begin(after);
                let phase = match &mut after.stored {
                    Some(stored) => Phase::stored(stored),
                    None => Phase::Reading(self.reading(recording)),
                };
                (phase, head.map(Answered::Shared))
            }
            Came::Found(entry) => {
                after.wake.append(&mut waiting.all());
                // Whoever comes now finds it in the store.
                after.is_closed = true;
                (Phase::Stored { entry, trailers: None }, None)
            }
            Came::Own(own) => {
                self.flights.counts.not_stored(own.why).add();
                state.is_own();
                let phase = match own.ended {
                    // The others would get the like: each asks for itself at once, not in turn.
                    Ended::Answered => {
                        after.wake.append(&mut waiting.all());
                        after.is_closed = true;
                        Phase::Unshared
                    }
                    Ended::Refused => Phase::Vacant { has_failed: false },
                    Ended::Failed => Phase::Vacant { has_failed: true },
                };
                (phase, Some(Answered::Own(own)))
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
}
