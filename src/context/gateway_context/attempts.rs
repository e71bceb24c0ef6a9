//! The upstream calls of an exchange, as the layers that make them report them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Default)]
pub(super) struct Attempts {
    /// The number of calls that were reported.
    count: AtomicU32,
    /// A call is in flight.
    is_open: AtomicBool,
    /// When the call began, if a hook is told.
    began: Mutex<Option<Instant>>,
}

impl Attempts {
    /// The number of calls, including one in flight.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts a call; returns its number, from 1.
    pub(super) fn add(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins a call. `now`: when, if a hook is told.
    pub(super) fn begin(&self, now: Option<Instant>) {
        self.add();
        if now.is_some() {
            *self.began() = now;
        }
        self.is_open.store(true, Ordering::Release);
    }

    /// Ends the call in flight; returns its number, from 1, and when it began, if a hook is told.
    pub(super) fn end(&self) -> Option<(u32, Instant)> {
        if !self.is_open.swap(false, Ordering::AcqRel) {
            return None;
        }
        let began = self.began().take()?;
        Some((self.count(), began))
    }

    /// Takes back the call in flight.
    pub(super) fn forget(&self) {
        if self.is_open.swap(false, Ordering::AcqRel) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
