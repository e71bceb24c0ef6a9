//! Deadlines, and the timer for them.

use std::time::Duration;

use tokio::time::Instant;

pub(super) use crate::util::patience::wait::Timer;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// A deadline and the error to return when it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) until: Instant,
    pub(super) error: TimeoutError,
}

impl Bound {
    /// A bound that starts now; `None` without a timeout, or if the clock cannot express it.
    pub(super) fn from_now(phase: TimeoutPhase, timeout: Option<Duration>) -> Option<Self> {
        let timeout = timeout?;
        let until = Instant::now().checked_add(timeout)?;
        Some(Self { until, error: TimeoutError::new(phase, timeout) })
    }
}
