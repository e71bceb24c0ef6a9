//! A circuit breaker for Redis: stops commands while the server does not answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Failure;
use crate::TARGET;
use crate::control::outage::Outage;

/// After so many failures in a row, requests no longer wait for Redis …
const FAILURES: u32 = 5;
/// … but for one at a time, so often.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What the host is told of a Redis that fails.
#[derive(Debug)]
pub(in crate::control) struct Notes {
    pub(in crate::control) fails: &'static str,
    pub(in crate::control) works: &'static str,
}

/// Lets requests through to Redis while it answers, and one a second while it does not. It alone tells the
/// host of either.
#[derive(Debug)]
pub(super) struct Circuit {
    notes: &'static Notes,
    /// Nothing is wrong: the lock need not be taken.
    is_failing: AtomicBool,
    failures: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    next_probe: Option<Instant>,
    outage: Outage,
}

/// How a request goes to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Open,
    /// It finds out whether Redis is back.
    Probe,
    Closed,
}

impl Circuit {
    pub(super) fn new(notes: &'static Notes) -> Self {
        Self {
            notes,
            is_failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn passage(&self) -> Passage {
        if !self.is_failing.load(Ordering::Relaxed) {
            return Passage::Open;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failures < FAILURES {
            return Passage::Open;
        }
        let now = Instant::now();
        if state.next_probe.is_some_and(|at| now < at) {
            return Passage::Closed;
        }
        state.next_probe = Some(now + PROBE_EVERY);
        Passage::Probe
    }

    pub(super) fn succeeded(&self) {
        if !self.is_failing.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = 0;
        state.next_probe = None;
        let tells = state.outage.works();
        self.is_failing.store(false, Ordering::Relaxed);
        drop(state);
        if tells {
            tracing::info!(target: TARGET, "Redis answers again: {}", self.notes.works);
        }
    }

    pub(super) fn failed(&self, failure: &Failure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_failing.store(true, Ordering::Relaxed);
        state.failures = state.failures.saturating_add(1);
        if state.failures == FAILURES {
            state.next_probe = Some(Instant::now() + PROBE_EVERY);
        }
        let tells = state.outage.fails();
        drop(state);
        if tells {
            tracing::warn!(target: TARGET, error = %failure, "{}", self.notes.fails);
        }
    }

    /// Something was not tried, or has failed beside the requests.
    pub(super) fn skipped(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NOTES: Notes = Notes { fails: "it fails", works: "it works" };

    #[tokio::test(start_paused = true)]
    async fn after_failures_in_a_row_one_request_a_second_goes_through() {
        let circuit = Circuit::new(&NOTES);
        for _ in 1..FAILURES {
            circuit.failed(&Failure::Timeout);
        }
        assert_eq!(circuit.passage(), Passage::Open);
        circuit.failed(&Failure::Timeout);
        assert_eq!(circuit.passage(), Passage::Closed);

        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!(circuit.passage(), Passage::Probe);
        assert_eq!(circuit.passage(), Passage::Closed, "one at a time");
        circuit.failed(&Failure::Timeout);
        assert_eq!(circuit.passage(), Passage::Closed);

        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!(circuit.passage(), Passage::Probe);
        circuit.succeeded();
        assert_eq!(circuit.passage(), Passage::Open);
        assert_eq!(circuit.failures(), u64::from(FAILURES) + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_failures_begins_the_count_anew() {
        let circuit = Circuit::new(&NOTES);
        for _ in 0..100 {
            circuit.failed(&Failure::Timeout);
            circuit.succeeded();
        }
        assert_eq!(circuit.passage(), Passage::Open);
    }
}
