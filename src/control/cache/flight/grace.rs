//! How long those who share an answer wait for one that is behind.

use std::time::Duration;

use tokio::time::Instant;

/// In all, for one answer. Then what is not kept is let go though it was not read.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What is left of that time.
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
    /// Somebody waits: until when, or not any more.
    pub(super) fn wait(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let until = *self.since.get_or_insert(now) + self.left;
        if until > now {
            return Some(until);
        }
        self.left = Duration::ZERO;
        None
    }

    /// Nobody has to wait now.
    pub(super) fn rest(&mut self) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_zero()
    }
}
