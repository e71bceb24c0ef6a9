//! The state of one credential at one upstream.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::change::{Change, Listener, Subject};
use super::cooldown::CoolDown;
use crate::control::bounded_map::Neutral;
use crate::hook::health::{ChangeReason, HealthState};

#[derive(Debug, Default)]
pub(crate) struct Account {
    subject: Subject,
    cooling: Mutex<CoolDown>,
    /// Until when sessions prefer other candidates.
    avoided: Mutex<CoolDown>,
    in_flight: AtomicUsize,
}

/// How long sessions avoid a target that has just failed.
const AVOIDED: Duration = Duration::from_secs(30);

impl Account {
    pub(crate) fn new(subject: Subject) -> Self {
        Self { subject, ..Self::default() }
    }

    /// The end of the cool-down, if it is in the future.
    pub(crate) fn cooling_until(&self, now: Instant) -> Option<Instant> {
        self.cooling().until(now)
    }

    /// Marks a failure that the next call would probably see too.
    pub(super) fn avoid(&self, now: Instant) {
        self.avoided.lock().unwrap_or_else(PoisonError::into_inner).begin(AVOIDED, now);
    }

    /// Returns true if that happened within the last 30 s.
    pub(crate) fn is_avoided(&self, now: Instant) -> bool {
        self.avoided.lock().unwrap_or_else(PoisonError::into_inner).until(now).is_some()
    }

    /// How many exchanges are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts an exchange until the guard is dropped.
    pub(crate) fn acquire(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Starts a cool-down.
    pub(super) fn cool_down(&self, duration: Duration, now: Instant, gateway: &Listener) {
        let has_begun = {
            let mut cooling = self.cooling();
            let was_cooling = cooling.until(now).is_some();
            cooling.begin(duration, now);
            !was_cooling && cooling.until(now).is_some()
        };
        if has_begun {
            let (from, to) = (HealthState::Closed, HealthState::CoolingDown);
            self.subject.tell(Change { from, to, reason: ChangeReason::RetryAfter }, gateway);
        }
    }

    fn cooling(&self) -> MutexGuard<'_, CoolDown> {
        self.cooling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Neutral for Account {
    fn is_neutral(&self, now: Instant) -> bool {
        self.cooling_until(now).is_none() && !self.is_avoided(now)
    }
}

/// One exchange, until its response body has ended.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Account>);

impl InFlight {
    pub(super) fn account(&self) -> &Arc<Account> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
