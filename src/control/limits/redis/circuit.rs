//! Whether Redis is worth asking.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::StoreError;
use crate::TARGET;

/// After so many failures in a row, requests no longer wait for Redis …
const FAILURES: u32 = 5;
/// … but for one at a time, so often.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A Redis that comes and goes is told of no more often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Lets requests through to Redis while it answers, and one a second while it does not.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// Nothing is wrong: the lock need not be taken.
    is_failing: AtomicBool,
    failures: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    next_probe: Option<Instant>,
    was_told: bool,
    told_at: Option<Instant>,
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
        let tells = std::mem::take(&mut state.was_told);
        self.is_failing.store(false, Ordering::Relaxed);
        drop(state);
        if tells {
            tracing::info!(target: TARGET, "Redis answers again: limits are counted there");
        }
    }

    pub(super) fn failed(&self, error: &StoreError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_failing.store(true, Ordering::Relaxed);
        state.failures = state.failures.saturating_add(1);
        if state.failures == FAILURES {
            state.next_probe = Some(Instant::now() + PROBE_EVERY);
        }
        let was_lately = state.told_at.is_some_and(|at| at.elapsed() < TELL_EVERY);
        if state.was_told || was_lately {
            return;
        }
        state.was_told = true;
        state.told_at = Some(Instant::now());
        drop(state);
        let cause = std::error::Error::source(error).map(tracing::field::display);
        tracing::warn!(
            target: TARGET,
            %error,
            cause,
            "limits are not counted in Redis; each rule's `on_store_failure` says what becomes of requests",
        );
    }

    /// Something was not tried.
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

    #[tokio::test(start_paused = true)]
    async fn after_failures_in_a_row_one_request_a_second_goes_through() {
        let circuit = Circuit::default();
        for _ in 1..FAILURES {
            circuit.failed(&StoreError::Timeout);
        }
        assert_eq!(circuit.passage(), Passage::Open);
        circuit.failed(&StoreError::Timeout);
        assert_eq!(circuit.passage(), Passage::Closed);

        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!(circuit.passage(), Passage::Probe);
        assert_eq!(circuit.passage(), Passage::Closed, "one at a time");
        circuit.failed(&StoreError::Timeout);
        assert_eq!(circuit.passage(), Passage::Closed);

        tokio::time::advance(PROBE_EVERY).await;
        assert_eq!(circuit.passage(), Passage::Probe);
        circuit.succeeded();
        assert_eq!(circuit.passage(), Passage::Open);
        assert_eq!(circuit.failures(), u64::from(FAILURES) + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_failures_begins_the_count_anew() {
        let circuit = Circuit::default();
        for _ in 0..100 {
            circuit.failed(&StoreError::Timeout);
            circuit.succeeded();
        }
        assert_eq!(circuit.passage(), Passage::Open);
    }
}
