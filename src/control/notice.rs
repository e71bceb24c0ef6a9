//! Limits how often a repeated failure is logged.

use std::time::Duration;

use tokio::time::Instant;

/// The minimum time between two reports of the same failure.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Reports a failure once, and its end once, however often either is observed.
#[derive(Debug, Default)]
pub(super) struct Notice {
    was_told: bool,
    told_at: Option<Instant>,
}

impl Notice {
    /// Call on failure. Returns true if it should be reported.
    pub(super) fn fails(&mut self) -> bool {
        let was_lately = self.told_at.is_some_and(|at| at.elapsed() < TELL_EVERY);
        if self.was_told || was_lately {
            return false;
        }
        self.was_told = true;
        self.told_at = Some(Instant::now());
        true
    }

    /// Call on success. Returns true if the recovery should be reported.
    pub(super) fn works(&mut self) -> bool {
        std::mem::take(&mut self.was_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_once_in_ten_seconds() {
        let mut notice = Notice::default();
        assert!(!notice.works());
        let mut told = 0;
        for _ in 0..1_000 {
            told += u32::from(notice.fails()) + u32::from(notice.works());
        }
        assert_eq!(told, 2);
        tokio::time::advance(TELL_EVERY).await;
        assert!(notice.fails() && !notice.fails());
    }
}
