//! How long a client may be silent while its request body is waited for.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::timer::Timer;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// Bounds the time between two frames of a request body.
#[derive(Default)]
pub(super) struct Silence {
    limit: Option<Duration>,
    /// How many frames had arrived at the last look, and when that was first seen.
    since: Option<(usize, Instant)>,
    timer: Timer,
}

impl Silence {
    /// Without a limit it lasts for ever.
    pub(super) fn up_to(limit: Option<Duration>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Ready once it has lasted too long. `frames`: how many have arrived.
    pub(super) fn poll_over(&mut self, frames: usize, cx: &mut Context<'_>) -> Poll<TimeoutError> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let since = match self.since {
            Some((seen, since)) if seen == frames => since,
            _ => Instant::now(),
        };
        self.since = Some((frames, since));
        let Some(until) = since.checked_add(limit) else { return Poll::Pending };
        ready!(self.timer.poll_until(until, cx));
        Poll::Ready(TimeoutError::new(TimeoutPhase::Body, limit))
    }
}
