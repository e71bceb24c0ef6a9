//! The head as a member gets it, or what comes in its place.

use std::mem::replace;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::Member;
use super::leaving::Spent;
use crate::control::cache::asked::Policy;
use crate::control::cache::entry::NewEntry;
use crate::control::cache::fit::is_kept;
use crate::control::cache::flight::ahead::Ahead;
use crate::control::cache::flight::reading::Reading;
use crate::control::cache::flight::state::{Answered, Leader, Phase, State};
use crate::control::cache::flight::{CallResult, Ended, MemberHead, SharedHead};
use crate::control::cache::recording::{After, Recording, discard};
use crate::control::cache::storing::Head;
use crate::util::unwind;

impl Member {
    /// Whether it accepts the response of another member. The result of its own call needs no check.
    fn accepts(&self, policy: Option<&Policy>, is_fit: impl FnOnce(&Policy) -> bool) -> bool {
        self.call.is_none() || policy.is_none_or(is_fit)
    }

    /// The head, or what comes in its place. `policy`: which responses of others it accepts; `None`: all.
    /// `has_other`: it has a stale entry, so it need not call after a failure.
    pub(in crate::control) fn poll_head(
        &mut self,
        policy: Option<&Policy>,
        has_other: bool,
        cx: &mut Context<'_>,
    ) -> Poll<MemberHead> {
        let mut after = After::default();
        // Dropped once the lock is released.
        let mut spent = Spent::default();
        let polled = {
            let flight = self.flight.clone();
            let mut state = flight.state();
            let polled = self.head(&mut state, policy, has_other, cx, &mut after, &mut spent);
            self.is_empty = polled.is_ready() && state.phase.is_over(0);
            polled
        };
        discard(&mut spent);
        self.finish(&mut after);
        polled
    }

    fn head(
        &mut self,
        state: &mut State,
        policy: Option<&Policy>,
        has_other: bool,
        cx: &mut Context<'_>,
        after: &mut After,
        spent: &mut Spent,
    ) -> Poll<MemberHead> {
        let place = self.place;
        loop {
            match state.member(place).and_then(|member| member.answer.take()) {
                Some(Answered::Shared(head)) => return Poll::Ready(MemberHead::Asked(head)),
                Some(Answered::Own(own)) => return Poll::Ready(MemberHead::Own(own)),
                Some(Answered::Unshared(call, context)) => {
                    (self.call, self.context) = (Some(call), context);
                    return Poll::Ready(MemberHead::Unfit);
                }
                None => {}
            }
            match &mut state.phase {
                Phase::Vacant { has_failed: true } if has_other => {
                    // It checks its stale entry first, so the next member need not wait for it.
                    self.flight.waiting.remove(place);
                    after.wake.extend(self.flight.waiting.one());
                    return Poll::Ready(MemberHead::Failed);
                }
                Phase::Vacant { .. } => {
                    let Some(call) = self.call.take() else {
                        return Poll::Ready(MemberHead::Panicked);
                    };
                    state.phase = Phase::Calling(call);
                    state.caller = Some(place);
                    state.leader = Some(Leader::new(place, self.context.take()));
                    if std::mem::take(&mut self.follows) {
                        self.flights.counts.followers.remove();
                    }
                }
                Phase::Calling(_) => {
                    self.flight.waiting.add(place, cx.waker());
                    let calling = replace(&mut state.phase, Phase::Vacant { has_failed: true });
                    let Phase::Calling(mut call) = calling else { continue };
                    let mut waker = Context::from_waker(&self.flight.waker);
                    // It may be another member's call: its panic must not end this task.
                    let result = match unwind::call(|| call.as_mut().poll(&mut waker)) {
                        Ok(Poll::Ready(result)) => result,
                        Ok(Poll::Pending) => {
                            state.phase = Phase::Calling(call);
                            return Poll::Pending;
                        }
                        Err(_) => {
                            // The caller fails, and the next member makes its call.
                            (state.caller, state.leader) = (None, None);
                            spent.call = Some(call);
                            after.wake.extend(self.flight.waiting.all());
                            continue;
                        }
                    };
                    spent.call = Some(call);
                    if let Some(headed) = self.call_done(state, result, after, spent) {
                        return Poll::Ready(headed);
                    }
                }
                Phase::Reading(reading) => {
                    let Head { status, headers } = &reading.recording.head;
                    if !self.accepts(policy, |policy| is_kept(*status, policy)) {
                        return Poll::Ready(MemberHead::Unfit);
                    }
                    // It never makes its own call, so its request is no longer needed.
                    spent.own = self.call.take();
                    return Poll::Ready(MemberHead::followed(*status, headers, Duration::ZERO));
                }
                Phase::Stored { entry, .. } => {
                    let now = SystemTime::now();
                    if !self.accepts(policy, |policy| entry.is_fresh(now, policy)) {
                        return Poll::Ready(MemberHead::Unfit);
                    }
                    let age = entry.age(now);
                    let NewEntry { status, headers, .. } = entry.parts();
                    spent.own = self.call.take();
                    return Poll::Ready(MemberHead::followed(*status, headers, age));
                }
                Phase::Unshared => return Poll::Ready(MemberHead::Unfit),
                Phase::Over => return Poll::Ready(MemberHead::Panicked),
            }
        }
    }

    /// Begins to read the response. If it is broadcast, a task reads it for other processes, too.
    fn reading(&self, recording: Box<Recording>) -> Reading {
        let reading = Reading::new(recording);
        if reading.is_broadcast() {
            Ahead::new(&self.flight, self.flights.clone()).spawn();
        }
        reading
    }

    /// The call is done. Returns what that means for this member; `None` to check the state again.
    fn call_done(
        &self,
        state: &mut State,
        result: CallResult,
        after: &mut After,
        spent: &mut Spent,
    ) -> Option<MemberHead> {
        let waiting = &self.flight.waiting;
        let caller = state.caller.take();
        let (next, answered) = match result {
            CallResult::Shared { head, mut recording } => {
                after.wake.extend(waiting.others(self.place));
                recording.begin(after);
                let phase = match &mut after.stored {
                    Some(stored) => Phase::stored(stored),
                    None => Phase::Reading(self.reading(recording)),
                };
                (phase, head.map(Answered::Shared))
            }
            CallResult::Found(entry) => {
                after.wake.extend(waiting.others(self.place));
                // New requests find it in the store.
                after.is_closed = true;
                (Phase::Stored { entry, trailers: None }, None)
            }
            CallResult::Own(own) => {
                self.flights.counts.not_stored(own.why).add();
                state.set_unshared();
                waiting.remove(self.place);
                let phase = match own.ended {
                    // The others would get an unshared response, too: each makes its own call at once.
                    Ended::Answered => self.flight.unshared(after),
                    Ended::Refused => Phase::Vacant { has_failed: false },
                    Ended::Failed => Phase::Vacant { has_failed: true },
                };
                (phase, Some(Answered::Own(own)))
            }
            CallResult::Unshared(call) => {
                let context = state.set_unshared();
                (self.flight.unshared(after), Some(Answered::Unshared(call, context)))
            }
        };
        state.phase = next;
        state.mark();
        match (answered, caller) {
            (None, _) => None,
            (Some(Answered::Shared(head)), Some(caller)) if caller == self.place => {
                Some(MemberHead::Asked(head))
            }
            // It leaves with the response, and wakes one member, not all.
            (Some(Answered::Own(own)), Some(caller)) if caller == self.place => {
                Some(MemberHead::Own(own))
            }
            (Some(answered), Some(caller)) => {
                after.wake.extend(waiting.remove(caller));
                match state.member(caller) {
                    Some(member) => member.answer = Some(answered),
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

impl MemberHead {
    fn followed(status: StatusCode, headers: &HeaderMap, age: Duration) -> Self {
        Self::Followed(Box::new(SharedHead { status, headers: headers.clone(), age }))
    }
}
