//! How long faster readers of a response wait for slower ones.

use std::time::Duration;

use tokio::time::Instant;

/// In all, for one response. After that, its unread frames are dropped.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The rest of that time.
pub(super) struct Grace {
    left: Duration,
    since: Option<Instant>,
}

impl Default for Grace {
    fn default() -> Self {
        Self { left: GRACE, since: None }
    }
}

impl Grace {
    /// A reader waits. Returns until when; `None` if the time is over.
    pub(super) fn wait(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let until = *self.since.get_or_insert(now) + self.left;
        if until > now {
            return Some(until);
        }
        self.left = Duration::ZERO;
        None
    }

    /// No reader has to wait now.
    pub(super) fn rest(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_zero()
    }
}
