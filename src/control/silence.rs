//! How long a client may be silent while its request body is waited for.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::util::patience::Patience;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// Bounds the time between two frames of a request body.
pub(super) struct Silence {
    patience: Patience,
    /// How many frames had arrived at the last look.
    frames: usize,
}

impl Silence {
    /// Without a limit it lasts for ever.
    pub(super) fn up_to(limit: Option<Duration>) -> Self {
        Self { patience: Patience::new(limit), frames: 0 }
    }

    /// Ready once it has lasted too long. `frames`: how many have arrived.
    pub(super) fn poll_over(&mut self, frames: usize, cx: &mut Context<'_>) -> Poll<TimeoutError> {
        if self.frames != frames {
            self.frames = frames;
            self.patience.restart();
        }
        ready!(self.patience.poll_end(cx));
        Poll::Ready(TimeoutError::new(TimeoutPhase::Body, self.patience.limit()))
    }
}
