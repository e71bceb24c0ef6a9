//! A circuit breaker, as a state machine without a clock of its own.

use tokio::time::Instant;

use super::change::Change;
use super::settings::BreakerSettings;
use super::window::Window;
use crate::hook::health::{ChangeReason, HealthState};

/// The circuit breaker of one upstream.
///
/// A result counts only in the state in which its call was admitted: a call sent before the circuit
/// opened says nothing about the upstream now.
#[derive(Debug)]
pub(super) struct Machine {
    settings: BreakerSettings,
    /// Counts state changes.
    period: u64,
    state: State,
    /// No new call asks it, and it stays closed.
    is_retired: bool,
}

#[derive(Debug)]
enum State {
    Closed(Box<Tally>),
    Open { until: Instant },
    HalfOpen { probe: Option<Probe>, probes: u64 },
}

/// The results of a closed circuit.
#[derive(Debug)]
struct Tally {
    failures_in_a_row: u32,
    /// Counts successes, including those taken back later.
    successes: u64,
    window: Window,
}

/// A call that tests whether the upstream has recovered.
#[derive(Clone, Copy, Debug)]
struct Probe {
    number: u64,
    since: Instant,
}

/// A call that was let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    period: u64,
    probe: Option<u64>,
}

impl Ticket {
    /// Returns true if the call is a probe, whose place must be released.
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// A success that may still turn into a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Success {
    period: u64,
    slot: u64,
    number: u64,
    failures_before: u32,
}

/// The circuit is open: the call must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// When to try again. While a probe is running this is a guess.
    pub(crate) until: Instant,
}

/// The assumed duration of a probe.
const PROBE_GUESS: std::time::Duration = std::time::Duration::from_secs(1);

impl Machine {
    pub(super) fn new(settings: BreakerSettings, now: Instant) -> Self {
        let settings = settings.within();
        Self { settings, period: 0, state: State::closed(&settings, now), is_retired: false }
    }

    pub(super) fn state(&self) -> HealthState {
        match self.state {
            State::Closed(_) => HealthState::Closed,
            State::Open { .. } => HealthState::Open,
            State::HalfOpen { .. } => HealthState::HalfOpen,
        }
    }

    /// Returns `Ok` if a call would be let through.
    pub(super) fn check(&self, now: Instant) -> Result<(), Open> {
        match &self.state {
            State::Closed(_) | State::HalfOpen { probe: None, .. } => Ok(()),
            State::Open { until } if now >= *until => Ok(()),
            State::Open { until } => Err(Open { until: *until }),
            State::HalfOpen { probe: Some(probe), .. } => {
                // A probe may hang, perhaps because of its client. Let the next one go ahead.
                let patience = probe.since + self.settings.probe_for;
                if now >= patience {
                    return Ok(());
                }
                Err(Open { until: (now + PROBE_GUESS).min(patience) })
            }
        }
    }

    /// Lets a call through or not. After its time, an open circuit becomes half open with this
    /// call.
    pub(super) fn permit(&mut self, now: Instant) -> Result<(Ticket, Option<Change>), Open> {
        self.check(now)?;
        let change = match self.state {
            State::Open { .. } => {
                let half_open = State::HalfOpen { probe: None, probes: 0 };
                Some(self.change(half_open, ChangeReason::ProbeDue))
            }
            _ => None,
        };
        let mut ticket = Ticket { period: self.period, probe: None };
        if let State::HalfOpen { probe, probes } = &mut self.state {
            *probes += 1;
            *probe = Some(Probe { number: *probes, since: now });
            ticket.probe = Some(*probes);
        }
        Ok((ticket, change))
    }

    /// Records a success so far. A successful probe closes the circuit.
    pub(super) fn success(&mut self, ticket: Ticket, now: Instant) -> (Success, Option<Change>) {
        let mut success = Success { period: ticket.period, slot: 0, number: 0, failures_before: 0 };
        if ticket.period != self.period {
            return (success, None);
        }
        let mut change = None;
        if let State::HalfOpen { .. } = self.state {
            let closed = State::closed(&self.settings, now);
            change = Some(self.change(closed, ChangeReason::ProbeSucceeded));
            success.period = self.period;
        }
        if let State::Closed(tally) = &mut self.state {
            success.failures_before = std::mem::take(&mut tally.failures_in_a_row);
            tally.successes += 1;
            success.number = tally.successes;
            success.slot = tally.window.count(false, now);
        }
        // Even a success may be the call that reaches `min_calls`.
        (success, change.or_else(|| self.open_if_failing(now)))
    }

    /// Records a failure.
    pub(super) fn failure(&mut self, ticket: Ticket, now: Instant) -> Option<Change> {
        if ticket.period != self.period {
            return None;
        }
        match &mut self.state {
            State::Closed(tally) => tally.fail(now),
            State::HalfOpen { .. } => return Some(self.open(ChangeReason::ProbeFailed, now)),
            State::Open { .. } => return None,
        }
        self.open_if_failing(now)
    }

    /// Turns a recorded success into a failure of now, for example if a body breaks off after a
    /// good head. It restores the row of failures unless another call has succeeded since.
    pub(super) fn take_back(&mut self, success: Success, now: Instant) -> Option<Change> {
        if success.period != self.period {
            return None;
        }
        let State::Closed(tally) = &mut self.state else { return None };
        tally.window.uncount(success.slot);
        if tally.successes == success.number {
            tally.failures_in_a_row =
                tally.failures_in_a_row.saturating_add(success.failures_before);
        }
        tally.fail(now);
        self.open_if_failing(now)
    }

    /// Records no result: the client went away.
    pub(super) fn release(&mut self, ticket: Ticket) {
        if ticket.period == self.period
            && let State::HalfOpen { probe, .. } = &mut self.state
            && probe.is_some_and(|probe| Some(probe.number) == ticket.probe)
        {
            *probe = None;
        }
    }

    /// Closes the circuit for good: calls that are still under way do not count.
    pub(super) fn retire(&mut self, now: Instant) -> Option<Change> {
        self.is_retired = true;
        let closed = State::closed(&self.settings, now);
        let change = self.change(closed, ChangeReason::Reconfigured);
        (change.from != HealthState::Closed).then_some(change)
    }

    /// Returns true if it equals a new one: closed, and no failure counts.
    pub(super) fn is_neutral(&self, now: Instant) -> bool {
        let State::Closed(tally) = &self.state else { return false };
        tally.failures_in_a_row == 0 && tally.window.sums(now).1 == 0
    }

    fn open_if_failing(&mut self, now: Instant) -> Option<Change> {
        let State::Closed(tally) = &self.state else { return None };
        if self.is_retired {
            return None;
        }
        if tally.failures_in_a_row >= self.settings.failures_in_a_row {
            return Some(self.open(ChangeReason::FailuresInARow, now));
        }
        let (calls, failed) = tally.window.sums(now);
        let is_open = calls >= self.settings.min_calls
            && f64::from(failed) / f64::from(calls) >= self.settings.failed_share;
        is_open.then(|| self.open(ChangeReason::FailedShare, now))
    }

    fn open(&mut self, reason: ChangeReason, now: Instant) -> Change {
        self.change(State::Open { until: now + self.settings.open_for }, reason)
    }

    fn change(&mut self, state: State, reason: ChangeReason) -> Change {
        let from = self.state();
        self.state = state;
        self.period += 1;
        Change { from, to: self.state(), reason }
    }
}

impl State {
    fn closed(settings: &BreakerSettings, now: Instant) -> Self {
        let window = Window::new(settings.window, now);
        Self::Closed(Box::new(Tally { failures_in_a_row: 0, successes: 0, window }))
    }
}

impl Tally {
    fn fail(&mut self, now: Instant) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.window.count(true, now);
    }
}

#[cfg(test)]
mod tests;
