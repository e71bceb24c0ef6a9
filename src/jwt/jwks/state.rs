//! The state of an issuer's keys, and what to do next. Nothing here waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::error::JwksError;
use super::super::key_set::KeySet;
use super::{Bounds, Fetched, Flight};

/// The bounds on an issuer's `max-age`.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(86_400);
/// How long expired keys are used during a refresh, so that requests need not wait.
const GRACE: Duration = Duration::from_secs(60);
/// The minimum time between fetches while there are no keys.
const INTERVAL_WITHOUT: Duration = Duration::from_secs(5);

/// The cached keys and the running fetch.
#[derive(Default)]
pub(super) struct State {
    kept: Option<Kept>,
    flight: Option<Flight>,
    /// When the last fetch started.
    begun: Option<Instant>,
    /// Its error, if it failed.
    failure: Option<JwksError>,
}

struct Kept {
    set: Arc<KeySet>,
    since: Instant,
    fresh_for: Duration,
}

/// What to do for a token.
pub(super) enum Next {
    Use(Arc<KeySet>),
    UseAndFetch(Arc<KeySet>),
    Wait(Flight),
    Fetch,
    Fail(JwksError),
}

impl State {
    pub(super) fn holding(set: KeySet, fresh_for: Duration, since: Instant) -> Self {
        let kept = Some(Kept { set: Arc::new(set), since, fresh_for });
        Self { kept, ..Self::default() }
    }

    pub(super) fn held(&self) -> Option<Arc<KeySet>> {
        self.kept.as_ref().map(|kept| kept.set.clone())
    }

    pub(super) fn flight(&self) -> Option<Flight> {
        self.flight.clone()
    }

    pub(super) fn failure(&self) -> Option<JwksError> {
        self.failure.clone()
    }

    /// For any token.
    pub(super) fn keys(&self, now: Instant, bounds: &Bounds) -> Next {
        let Some(kept) = self.usable(now, bounds) else {
            return match &self.flight {
                Some(flight) => Next::Wait(flight.clone()),
                None if self.may_fetch(now, bounds.interval.min(INTERVAL_WITHOUT)) => Next::Fetch,
                None => Next::Fail(self.failure.clone().unwrap_or(JwksError::TooOld)),
            };
        };
        let (age, set) = (now.saturating_duration_since(kept.since), kept.set.clone());
        if age < kept.fresh_for {
            return Next::Use(set);
        }
        // After a failed fetch the old keys are used at once; otherwise each try would delay every
        // request.
        let may_wait = self.failure.is_none() && age >= kept.fresh_for.saturating_add(GRACE);
        match &self.flight {
            Some(flight) if may_wait => Next::Wait(flight.clone()),
            Some(_) => Next::Use(set),
            None if !self.may_fetch(now, bounds.interval) => Next::Use(set),
            None if may_wait => Next::Fetch,
            None => Next::UseAndFetch(set),
        }
    }

    /// For a token whose key is not in `seen`.
    pub(super) fn keys_after(
        &self,
        seen: &Arc<KeySet>,
        now: Instant,
        bounds: &Bounds,
    ) -> Option<Next> {
        match self.usable(now, bounds) {
            Some(kept) if !Arc::ptr_eq(&kept.set, seen) => Some(Next::Use(kept.set.clone())),
            _ => match &self.flight {
                Some(flight) => Some(Next::Wait(flight.clone())),
                None if self.may_fetch(now, bounds.interval) => Some(Next::Fetch),
                // It may be a new key that could not be fetched.
                None => self.failure.clone().map(Next::Fail),
            },
        }
    }

    /// The keys after a fetch.
    pub(super) fn landed(
        &self,
        now: Instant,
        bounds: &Bounds,
    ) -> Result<(Arc<KeySet>, Option<JwksError>), JwksError> {
        match self.usable(now, bounds) {
            Some(kept) => Ok((kept.set.clone(), self.failure.clone())),
            None => Err(self.failure.clone().unwrap_or(JwksError::TooOld)),
        }
    }

    /// Registers a fetch, unless one is running.
    pub(super) fn fly(&mut self, flight: Flight, now: Instant) -> Result<Flight, Flight> {
        if let Some(running) = &self.flight {
            return Err(running.clone());
        }
        self.begun = Some(now);
        self.flight = Some(flight.clone());
        Ok(flight)
    }

    /// Records the end of the fetch.
    pub(super) fn land(
        &mut self,
        result: Result<Fetched, JwksError>,
        now: Instant,
        bounds: &Bounds,
    ) {
        self.flight = None;
        match result {
            Ok(fetched) => self.take_over(fetched, now, bounds),
            Err(error) => self.failure = Some(error),
        }
    }

    pub(super) fn take_over(&mut self, fetched: Fetched, since: Instant, bounds: &Bounds) {
        let Fetched { set, fresh_for } = fetched;
        let said = fresh_for.map(|time| time.clamp(SHORTEST, LONGEST));
        let fresh_for = said.unwrap_or(bounds.fresh_for);
        self.kept = Some(Kept { set: Arc::new(set), since, fresh_for });
        self.failure = None;
    }

    fn usable(&self, now: Instant, bounds: &Bounds) -> Option<&Kept> {
        self.kept.as_ref().filter(|kept| {
            let age = now.saturating_duration_since(kept.since);
            age < kept.fresh_for.saturating_add(bounds.stale_for)
        })
    }

    fn may_fetch(&self, now: Instant, interval: Duration) -> bool {
        self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= interval)
    }
}
