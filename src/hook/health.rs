//! The event for changes of an upstream's health.

use crate::util::macros::named_enum;

named_enum! {
/// The state of an upstream's circuit breaker, or of a key used with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// Calls are made.
    Closed = "closed",
    /// No call is made.
    Open = "open",
    /// One call at a time is made as a probe.
    HalfOpen = "half_open",
    /// A key is not used for a while. The end of that pause is not reported.
    CoolingDown = "cooling_down",
}
/// The name in lower case, as in `half_open`.
pub fn as_str;
}

named_enum! {
/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// It opened: too many calls in a row had failed.
    FailuresInARow = "failures_in_a_row",
    /// It opened: too large a share of the calls in the window had failed.
    FailedShare = "failed_share",
    /// It became half open: the open time expired, and a probe was sent.
    ProbeDue = "probe_due",
    /// It closed: a probe succeeded.
    ProbeSucceeded = "probe_succeeded",
    /// It opened again: a probe failed.
    ProbeFailed = "probe_failed",
    /// The upstream asked for a pause with a key (`retry-after`).
    RetryAfter = "retry_after",
    /// It closed: the host has changed the settings of circuit breakers.
    Reconfigured = "reconfigured",
}
/// The name in lower case, as in `probe_failed`.
pub fn as_str;
}

/// The health of an upstream has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthChange<'a> {
    /// The slug of the provider; `None` without a gateway.
    pub provider: Option<&'a str>,
    /// The upstream, as in `https://api.x.ai`; below a gateway, the base URL.
    pub upstream: &'a str,
    /// The state before.
    pub from: HealthState,
    /// The new state.
    pub to: HealthState,
    /// Why it changed.
    pub reason: ChangeReason,
}
