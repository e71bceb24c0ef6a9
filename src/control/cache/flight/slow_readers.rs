//! How long members wait for slower ones while memory is short.

use tokio::time::Instant;

use super::state::{Phase, State};

impl State {
    /// The frames read by the slowest member that others still wait for.
    fn waited_for(&self) -> Option<usize> {
        let is_over = |place| match &self.leader {
            Some(leader) if leader.place == place => leader.grace.is_over(),
            _ => self.grace.is_over(),
        };
        let members = self.members.iter().enumerate();
        let members =
            members.filter(|(place, _)| !is_over(*place)).filter_map(|(_, member)| member.as_ref());
        members.map(|member| member.at).min()
    }

    /// Drops the frames that all members have read, if the response is not stored. Returns true if memory
    /// was short before, so that members may be waiting.
    pub(super) fn release(&mut self) -> bool {
        self.drop_frames(self.waited_for())
    }

    /// The same. While memory is short, it also drops unread frames, but none from `held_from` on.
    fn drop_frames(&mut self, held_from: Option<usize>) -> bool {
        let was_full = self.is_full();
        if let Phase::Reading(reading) = &mut self.phase
            && !reading.recording.is_growing()
        {
            let slowest = self.members.iter().flatten().map(|member| member.at).min();
            reading.recording.release(slowest.unwrap_or_default(), held_from);
        }
        if was_full && !self.is_full() {
            self.grace.rest();
            self.leader.iter_mut().for_each(|leader| leader.grace.rest());
        }
        was_full
    }

    fn is_full(&self) -> bool {
        matches!(&self.phase, Phase::Reading(reading) if reading.recording.is_full())
    }

    /// Until when the member at this place, which has read `at` frames, waits for slower readers because
    /// memory is short. After that their unread frames are dropped. The leader waits for nobody.
    pub(super) fn waits(&mut self, place: usize, at: usize) -> Option<Instant> {
        if !self.is_full() {
            return None;
        }
        if self.is_leader(place) {
            self.drop_frames(Some(at));
            return None;
        }
        let Self { members, leader, grace, .. } = self;
        let (mut for_leader, mut for_followers) = (None, None);
        for (place, member) in members.iter().enumerate() {
            if member.as_ref().is_none_or(|member| member.at >= at) {
                continue;
            }
            match leader {
                Some(leader) if leader.place == place => for_leader = leader.grace.wait(),
                _ => for_followers = for_followers.or_else(|| grace.wait()),
            }
        }
        let until = for_leader.max(for_followers);
        if until.is_none() {
            self.release();
        }
        until
    }
}
