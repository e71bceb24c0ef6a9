//! What an observer is told of a circuit breaker.

use std::fmt;

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// No call is made.
    Open,
    /// One call at a time is made, to see how it goes.
    HalfOpen,
}

impl BreakerState {
    /// The name in lower case, as in `half_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// It opened: too many calls in a row had failed.
    FailuresInARow,
    /// It opened: too large a share of the calls in the window had failed.
    FailedShare,
    /// It is half open: its time was over, and a probe is on the way.
    ProbeDue,
    /// It closed: a probe was answered.
    ProbeSucceeded,
    /// It opened again: a probe failed.
    ProbeFailed,
}

impl ChangeReason {
    /// The name in lower case, as in `probe_failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures_in_a_row",
            Self::FailedShare => "failed_share",
            Self::ProbeDue => "probe_due",
            Self::ProbeSucceeded => "probe_succeeded",
            Self::ProbeFailed => "probe_failed",
        }
    }
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A circuit breaker has changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthChange<'a> {
    /// The upstream, as in `https://api.x.ai`.
    pub upstream: &'a str,
    /// The state before.
    pub from: BreakerState,
    /// The state from now on.
    pub to: BreakerState,
    /// Why.
    pub reason: ChangeReason,
}

/// A change without the name of the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: BreakerState,
    pub(super) to: BreakerState,
    pub(super) reason: ChangeReason,
}
