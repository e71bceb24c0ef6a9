//! Limits how often an outage is logged.

use std::time::Duration;

use tokio::time::Instant;

/// The minimum time between two reported outages.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Reports an outage at its start and at its end, however often either is observed.
#[derive(Debug, Default)]
pub(super) struct Outage {
    is_reported: bool,
    reported_at: Option<Instant>,
}

impl Outage {
    /// Call on failure. Returns true if the start should be reported.
    pub(super) fn fails(&mut self) -> bool {
        let is_recent = self.reported_at.is_some_and(|at| at.elapsed() < REPORT_INTERVAL);
        if self.is_reported || is_recent {
            return false;
        }
        self.is_reported = true;
        self.reported_at = Some(Instant::now());
        true
    }

    /// Call on success. Returns true if the end should be reported.
    pub(super) fn works(&mut self) -> bool {
        std::mem::take(&mut self.is_reported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_reported_once_in_ten_seconds() {
        let mut outage = Outage::default();
        assert!(!outage.works());
        let mut reports = 0;
        for _ in 0..1_000 {
            reports += u32::from(outage.fails()) + u32::from(outage.works());
        }
        assert_eq!(reports, 2);
        tokio::time::advance(REPORT_INTERVAL).await;
        assert!(outage.fails() && !outage.fails());
    }
}
