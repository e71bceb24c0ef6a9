//! A circuit breaker by its definition: it keeps every call.

use super::*;

/// Everything by its definition, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) state: Option<Opened>,
    /// When the state started.
    pub(super) since: u64,
    pub(super) period: u64,
    /// In this period: when it came, whether it failed, and whether it was taken back since.
    pub(super) verdicts: Vec<Verdict>,
    /// In this period: when each probe started, and whether it still holds its place.
    pub(super) probes: Vec<(u64, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Opened {
    Open,
    HalfOpen,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) at: u64,
    pub(super) failed: bool,
    pub(super) taken_back: bool,
    /// A failure that replaces this success, which was the last one.
    pub(super) instead_of: Option<usize>,
}

impl Model {
    pub(super) fn state(&self) -> HealthState {
        match self.state {
            None => HealthState::Closed,
            Some(Opened::Open) => HealthState::Open,
            Some(Opened::HalfOpen) => HealthState::HalfOpen,
        }
    }

    pub(super) fn move_to(&mut self, state: Option<Opened>) {
        *self = Self {
            now: self.now,
            state,
            since: self.now,
            period: self.period + 1,
            ..Self::default()
        };
    }

    /// The number of the probe, if it is one.
    pub(super) fn permit(&mut self) -> Option<Option<usize>> {
        if self.state.is_none() {
            return Some(None);
        }
        if self.state == Some(Opened::Open) {
            if self.now < self.since + OPEN_FOR {
                return None;
            }
            self.move_to(Some(Opened::HalfOpen));
        }
        if let Some((since, true)) = self.probes.last()
            && self.now < since + PROBE_FOR
        {
            return None;
        }
        self.probes.push((self.now, true));
        Some(Some(self.probes.len() - 1))
    }

    pub(super) fn success(&mut self) -> usize {
        if self.state.is_some() {
            self.move_to(None);
        }
        self.verdict(false, None);
        self.verdicts.len().saturating_sub(1)
    }

    pub(super) fn failure(&mut self) {
        match self.state {
            None => self.verdict(true, None),
            Some(_) => self.move_to(Some(Opened::Open)),
        }
    }

    pub(super) fn take_back(&mut self, index: usize) {
        self.verdicts[index].taken_back = true;
        let is_last = self.verdicts.iter().rposition(|verdict| !verdict.failed) == Some(index);
        self.verdict(true, is_last.then_some(index));
    }

    pub(super) fn verdict(&mut self, failed: bool, instead_of: Option<usize>) {
        self.verdicts.push(Verdict { at: self.now, failed, taken_back: false, instead_of });
        let (in_a_row, calls, failed) = (self.failures_in_a_row(), self.calls(), self.failed());
        if in_a_row >= 3 || calls >= 6 && 2 * failed >= calls {
            self.move_to(Some(Opened::Open));
        }
    }

    /// Back to the last success, or beyond it if it was taken back while it was the last.
    pub(super) fn failures_in_a_row(&self) -> usize {
        let (mut count, mut beyond) = (0, Vec::new());
        for (index, verdict) in self.verdicts.iter().enumerate().rev() {
            if verdict.failed {
                count += 1;
                beyond.extend(verdict.instead_of);
            } else if !beyond.contains(&index) {
                break;
            }
        }
        count
    }

    pub(super) fn calls(&self) -> usize {
        self.recent().count()
    }

    pub(super) fn failed(&self) -> usize {
        self.recent().filter(|verdict| verdict.failed).count()
    }

    /// The window moves in tenths, counted from when the circuit closed.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Verdict> {
        let tenth = |at| (at - self.since) / (WINDOW / 10);
        let newest = tenth(self.now);
        let counts = move |verdict: &&Verdict| tenth(verdict.at) + 10 > newest;
        self.verdicts.iter().filter(|verdict| !verdict.taken_back).filter(counts)
    }
}
