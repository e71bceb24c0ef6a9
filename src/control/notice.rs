//! Limits how often a repeated failure is logged.

use std::time::Duration;

use tokio::time::Instant;

/// The minimum time between two reports of the same failure.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Reports a failure once, and its end once, however often either is observed.
#[derive(Debug, Default)]
pub(super) struct Notice {
    is_reported: bool,
    reported_at: Option<Instant>,
}

impl Notice {
    /// Call on failure. Returns true if it should be reported.
    pub(super) fn fails(&mut self) -> bool {
        let is_recent = self.reported_at.is_some_and(|at| at.elapsed() < REPORT_INTERVAL);
        if self.is_reported || is_recent {
            return false;
        }
        self.is_reported = true;
        self.reported_at = Some(Instant::now());
        true
    }

    /// Call on success. Returns true if the recovery should be reported.
    pub(super) fn works(&mut self) -> bool {
        std::mem::take(&mut self.is_reported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_repeated_failure_is_reported_once_in_ten_seconds() {
        let mut notice = Notice::default();
        assert!(!notice.works());
        let mut reports = 0;
        for _ in 0..1_000 {
            reports += u32::from(notice.fails()) + u32::from(notice.works());
        }
        assert_eq!(reports, 2);
        tokio::time::advance(REPORT_INTERVAL).await;
        assert!(notice.fails() && !notice.fails());
    }
}
