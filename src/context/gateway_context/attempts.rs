//! The upstream calls of an exchange, as the layers that make them report them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::GatewayContext;

#[derive(Default)]
pub(super) struct Attempts {
    /// The number of calls that were reported.
    count: AtomicU32,
    /// A call is in flight.
    is_open: AtomicBool,
    /// When the call began, if a hook is told.
    began: Mutex<Option<Instant>>,
}

impl GatewayContext {
    /// The number of reported upstream calls, including one in flight.
    pub(crate) fn attempts(&self) -> u32 {
        self.0.progress.attempts.count.load(Ordering::Relaxed)
    }

    fn attempt_began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.progress.attempts.began.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an upstream call; returns its number, from 1.
    pub(crate) fn count_attempt(&self) -> u32 {
        self.0.progress.attempts.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins an upstream call. Reads the clock only if a hook is told of the call.
    pub(crate) fn begin_attempt(&self, now: impl FnOnce() -> Instant) {
        self.count_attempt();
        if self.observer().is_some() {
            *self.attempt_began() = Some(now());
        }
        self.0.progress.attempts.is_open.store(true, Ordering::Release);
    }

    /// Ends the upstream call in flight; returns its number, from 1, and when it began, if a hook
    /// is told.
    pub(crate) fn end_attempt(&self) -> Option<(u32, Instant)> {
        if !self.0.progress.attempts.is_open.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.observer()?;
        let began = self.attempt_began().take()?;
        Some((self.attempts(), began))
    }

    /// Takes back the call in flight: a layer below has refused it.
    pub(crate) fn forget_attempt(&self) {
        if self.0.progress.attempts.is_open.swap(false, Ordering::AcqRel) {
            self.0.progress.attempts.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
