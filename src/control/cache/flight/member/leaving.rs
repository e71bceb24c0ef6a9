//! What is done when a member leaves.

use super::Member;
use crate::control::cache::flight::Call;
use crate::control::cache::flight::orphans::Orphanage;
use crate::control::cache::flight::state::{Answered, Leader, Phase};
use crate::control::cache::recording::{After, discard};

/// What is dropped once the lock is released.
#[derive(Default)]
pub(super) struct Spent {
    pub(super) call: Option<Call>,
    pub(super) own: Option<Call>,
    pub(super) answered: Option<Answered>,
    phase: Option<Phase>,
}

impl Drop for Member {
    fn drop(&mut self) {
        let (mut after, mut spent, mut orphanage) = (After::default(), Spent::default(), None);
        let is_last = {
            let mut state = self.flight.state();
            let is_behind = state.is_behind(self.place);
            let member = state.members.get_mut(self.place).and_then(Option::take);
            spent.answered = member.and_then(|member| member.answer);
            state.count = state.count.saturating_sub(1);
            if state.caller == Some(self.place) {
                state.caller = None;
            }
            let is_last = state.count == 0;
            match is_last {
                // The task that reads ahead ends.
                true => after.wake.extend(self.flight.waiting.others(self.place)),
                false => drop(self.flight.waiting.remove(self.place)),
            }
            let leader = state.leader.take_if(|leader| leader.place == self.place);
            if leader.is_some()
                && let Phase::Reading(reading) = &mut state.phase
                && let Some(metered) = &mut reading.recording.metered
            {
                metered.outlives(&self.flights.counts);
            }
            if !is_last {
                if state.release() {
                    after.wake.extend(self.flight.waiting.all());
                }
                state.mark();
            }
            match &mut state.phase {
                Phase::Reading(reading) if is_last => {
                    if reading.recording.has_length() {
                        // The declared length has come, so nobody polls for the end.
                        reading.ended(&mut after);
                    }
                    if reading.is_followed() {
                        orphanage = Orphanage::with_room(&self.flights);
                    }
                    if orphanage.is_none() {
                        reading.abandoned(&mut after);
                    }
                }
                Phase::Vacant { .. } => after.wake.extend(self.flight.waiting.one()),
                Phase::Reading(_)
                | Phase::Calling(_)
                | Phase::Stored { .. }
                | Phase::Unshared
                | Phase::Over => {}
            }
            if is_last {
                // If members are left, the last note stays.
                if let Some(Leader { context: Some(context), .. }) = leader {
                    context.set_goes_on(is_behind || orphanage.is_some());
                }
                spent.phase = Some(std::mem::replace(&mut state.phase, Phase::Over));
            }
            is_last
        };
        self.finish(&mut after);
        if self.follows {
            self.flights.counts.followers.remove();
        }
        if is_last {
            self.flights.close(&self.flight);
        }
        if let Some(orphanage) = orphanage
            && let Some(Phase::Reading(reading)) = spent.phase.take()
        {
            orphanage.read_on(reading);
        }
        discard(&mut spent);
    }
}
