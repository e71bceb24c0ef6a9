//! A time limit that several commands share.

use std::time::Duration;

use tokio::time::Instant;

/// A time limit from a point in time. It may be longer than the clock can express.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    since: Instant,
    within: Duration,
}

impl Deadline {
    /// From now on.
    pub(super) fn within(within: Duration) -> Self {
        Self { since: Instant::now(), within }
    }

    pub(super) fn later(self, by: Duration) -> Self {
        Self { within: self.within.saturating_add(by), ..self }
    }

    /// Zero once it has passed.
    pub(super) fn left(self) -> Duration {
        self.within.saturating_sub(self.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_left_shrinks_and_never_overflows_the_clock() {
        let (short, endless) =
            (Deadline::within(Duration::from_millis(50)), Deadline::within(Duration::MAX));
        tokio::time::advance(Duration::from_millis(30)).await;
        assert_eq!(short.left(), Duration::from_millis(20));
        assert_eq!(short.later(Duration::from_millis(5)).left(), Duration::from_millis(25));
        assert!(endless.later(Duration::MAX).left() > Duration::from_secs(1 << 60));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(short.left(), Duration::ZERO);
    }
}
