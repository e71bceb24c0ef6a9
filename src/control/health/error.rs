//! The error of a call that was not made.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::hook::Failure;
use crate::response::failure::UpstreamError;

/// No call was made: the upstream is unhealthy or the key is cooling down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// How long until a retry may succeed. Zero if unknown.
    pub retry_after: Duration,
    /// Why.
    pub reason: UnavailableReason,
}

/// Why no call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnavailableReason {
    /// Too many calls have failed and the circuit breaker is open.
    CircuitOpen,
    /// The upstream has asked to wait.
    CoolingDown,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            UnavailableReason::CircuitOpen => {
                "nothing was sent: the circuit breaker of the upstream is open"
            }
            UnavailableReason::CoolingDown => "nothing was sent: the upstream asked to wait",
        })
    }
}

impl Error for Unavailable {}

/// Why an upstream or key must not be used, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) struct Blocked {
    pub(in crate::control) until: Instant,
    pub(in crate::control) reason: UnavailableReason,
}

impl Blocked {
    pub(super) fn open(until: Instant) -> Self {
        Self { until, reason: UnavailableReason::CircuitOpen }
    }

    pub(super) fn cooling(until: Instant) -> Self {
        Self { until, reason: UnavailableReason::CoolingDown }
    }

    pub(in crate::control) fn as_error(self, now: Instant) -> Unavailable {
        let after = self.until.saturating_duration_since(now);
        Unavailable { retry_after: after, reason: self.reason }
    }
}

impl UpstreamError for Unavailable {
    fn failure(&self) -> Option<Failure> {
        Some(match self.reason {
            UnavailableReason::CircuitOpen => Failure::CircuitOpen,
            UnavailableReason::CoolingDown => Failure::CoolingDown,
        })
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(self.retry_after).filter(|after| !after.is_zero())
    }
}
