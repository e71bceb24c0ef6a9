//! The combined results of all senders of a load.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::histogram::Histogram;

/// A load ends after this many requests, however fast the server is.
const MOST_REQUESTS: u64 = 2_000_000;

pub(super) struct Tally {
    phase: AtomicU8,
    requests: AtomicU64,
    answered: AtomicU64,
    units: AtomicU64,
    seen: Mutex<Seen>,
}

pub(super) struct Seen {
    pub(super) times: Histogram,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) enum Phase {
    WarmUp,
    Window,
    /// Set when no more requests are to be sent.
    Over,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::WarmUp as u8),
            requests: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            units: AtomicU64::new(0),
            seen: Mutex::new(Seen { times: Histogram::new(), errors: 0, first_error: None }),
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// Returns true if another request is to be sent.
    pub(super) fn goes_on(&self) -> bool {
        self.phase.load(Relaxed) != Phase::Over as u8
            && self.requests.fetch_add(1, Relaxed) < MOST_REQUESTS
    }

    /// The number of answers or events.
    pub(super) fn count(&self, units: u64) {
        if self.is_window() {
            self.units.fetch_add(units, Relaxed);
        }
    }

    pub(super) fn complete(&self, time: Duration) {
        self.answered.fetch_add(1, Relaxed);
        if self.is_window() {
            self.with_seen(|seen| seen.times.record(time));
        }
    }

    pub(super) fn fail(&self, error: String) {
        self.with_seen(|seen| {
            seen.errors += 1;
            seen.first_error.get_or_insert(error);
        });
    }

    /// The number of answered requests, within the window or not.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    pub(super) fn units(&self) -> u64 {
        self.units.load(Relaxed)
    }

    pub(super) fn with_seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_window(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Window as u8
    }
}
