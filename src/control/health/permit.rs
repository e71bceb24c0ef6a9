//! Calls that a circuit breaker has let through.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::breaker::{Machine, Open, Success, Ticket};
use super::change::{Change, Listener, Subject};
use super::settings::BreakerSettings;
use crate::control::bounded_map::Neutral;

/// The circuit breaker of one upstream.
pub(crate) struct Breaker {
    subject: Subject,
    machine: Mutex<Machine>,
    /// The gateway that was told of the last change.
    listener: Mutex<Listener>,
}

impl Breaker {
    pub(crate) fn new(subject: Subject, settings: BreakerSettings, now: Instant) -> Self {
        let machine = Mutex::new(Machine::new(settings, now));
        Self { subject, machine, listener: Mutex::default() }
    }

    /// Returns `Ok` if a call would be let through.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Open> {
        self.machine().check(now)
    }

    /// Lets a call through or not. Report the result to the permit; without a report the call does
    /// not count. `gateway` is notified of state changes.
    pub(crate) fn permit(
        self: &Arc<Self>,
        now: Instant,
        gateway: &Listener,
    ) -> Result<Permit, Open> {
        let (ticket, change) = self.machine().permit(now)?;
        self.tell(change, gateway);
        Ok(Permit(Some((self.clone(), ticket))))
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Option<Change>, gateway: &Listener) {
        if let Some(change) = change {
            self.listener().clone_from(gateway);
            self.subject.tell(change, gateway);
        }
    }

    /// Ends a breaker that no new call asks. Those who know it as open learn that it is closed.
    pub(super) fn retire(&self, now: Instant) {
        let change = self.machine().retire(now);
        let gateway = self.listener().take();
        if let Some(change) = change {
            self.subject.tell(change, &gateway);
        }
    }

    fn listener(&self) -> MutexGuard<'_, Listener> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Neutral for Breaker {
    fn is_neutral(&self, now: Instant) -> bool {
        self.machine().is_neutral(now)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.subject, self.machine().state())
    }
}

/// A call that was let through and has no result yet.
#[derive(Debug)]
pub(crate) struct Permit(Option<(Arc<Breaker>, Ticket)>);

impl Permit {
    /// Reports a success so far.
    pub(crate) fn success(mut self, now: Instant, gateway: &Listener) -> Answered {
        Answered(self.0.take().map(|(breaker, ticket)| {
            let (success, change) = breaker.machine().success(ticket, now);
            breaker.tell(change, gateway);
            (breaker, success)
        }))
    }

    /// Reports a failure.
    pub(crate) fn failure(mut self, now: Instant, gateway: &Listener) {
        if let Some((breaker, ticket)) = self.0.take() {
            let change = breaker.machine().failure(ticket, now);
            breaker.tell(change, gateway);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((breaker, ticket)) = &self.0
            && ticket.is_probe()
        {
            breaker.machine().release(*ticket);
        }
    }
}

/// A successful call whose body may still break off.
#[derive(Debug)]
pub(crate) struct Answered(Option<(Arc<Breaker>, Success)>);

impl Answered {
    /// Reports that it failed after all.
    pub(crate) fn failure(self, now: Instant, gateway: &Listener) {
        if let Some((breaker, success)) = self.0 {
            let change = breaker.machine().take_back(success, now);
            breaker.tell(change, gateway);
        }
    }
}

#[cfg(test)]
mod tests;
