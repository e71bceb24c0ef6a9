//! What a hook is told of an upstream's health.

use std::fmt;

/// The state of an upstream's circuit breaker, or of a key that is used there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// Calls are made.
    Closed,
    /// No call is made.
    Open,
    /// One call at a time is made, to see how it goes.
    HalfOpen,
    /// A key is left alone for a while. Nothing is told when that is over.
    CoolingDown,
}

impl HealthState {
    /// The name in lower case, as in `half_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::CoolingDown => "cooling_down",
        }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a state changed.
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
    /// The upstream asked for patience with a key.
    ToldToWait,
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
            Self::ToldToWait => "told_to_wait",
        }
    }
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The health of an upstream has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthChange<'a> {
    /// The slug of the provider, under a gateway.
    pub provider: Option<&'a str>,
    /// The upstream, as in `https://api.x.ai`; under a gateway, its base URL.
    pub upstream: &'a str,
    /// The state before.
    pub from: HealthState,
    /// The state from now on.
    pub to: HealthState,
    /// Why.
    pub reason: ChangeReason,
}
