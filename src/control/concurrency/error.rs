//! The error of a request that got no permit.

use std::error::Error;
use std::fmt;

use crate::hook::Failure;
use crate::response::failure::UpstreamError;

/// The limit of concurrent requests is reached. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencyError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Waited,
    QueueFull,
}

impl ConcurrencyError {
    pub(super) const WAITED: Self = Self(Kind::Waited);
    pub(super) const QUEUE_FULL: Self = Self(Kind::QueueFull);

    /// Returns true if the queue was full, so that the request did not wait at all.
    #[must_use]
    pub fn is_queue_full(&self) -> bool {
        self.0 == Kind::QueueFull
    }
}

impl fmt::Display for ConcurrencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Waited => "too many requests are in flight, and none ended in time",
            Kind::QueueFull => "too many requests are in flight, and too many are waiting",
        })
    }
}

impl Error for ConcurrencyError {}

impl UpstreamError for ConcurrencyError {
    fn failure(&self) -> Option<Failure> {
        Some(Failure::Overloaded)
    }
}
