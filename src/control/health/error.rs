//! Calls that are not made.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::hook::Failure;

/// No call was made, for the upstream is left alone for now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable {
    /// How long until another try can help. Zero where nobody knows.
    pub after: Duration,
    /// Why.
    pub reason: UnavailableReason,
}

/// Why no call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnavailableReason {
    /// Too many calls have failed, and the circuit breaker is open.
    CircuitOpen,
    /// The upstream has asked to be left alone.
    CoolingDown,
    /// All keys among which there is a choice are at the gateway's limit for each of them.
    AtLimit,
}

impl Unavailable {
    pub(crate) fn failure(&self) -> Failure {
        match self.reason {
            UnavailableReason::CircuitOpen => Failure::CircuitOpen,
            UnavailableReason::CoolingDown => Failure::CoolingDown,
            UnavailableReason::AtLimit => Failure::Overloaded,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            UnavailableReason::CircuitOpen => {
                "nothing was sent: the circuit breaker of the upstream is open"
            }
            UnavailableReason::CoolingDown => {
                "nothing was sent: the upstream has asked to be left alone"
            }
            UnavailableReason::AtLimit => "nothing was sent: all keys are at their limit",
        })
    }
}

impl Error for Unavailable {}
