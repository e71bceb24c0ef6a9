//! How often a warning about a lasting condition is repeated.

use std::time::{Duration, Instant};

/// The least time between two warnings about the same condition.
const EVERY: Duration = Duration::from_secs(60);

/// Limits the warnings about one condition.
#[derive(Clone, Debug, Default)]
pub(super) struct Reminder {
    last: Option<Instant>,
}

impl Reminder {
    /// Returns true, and starts the time to the next warning, if one is due.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_condition_is_reported_once_a_minute() {
        let mut reminder = Reminder::default();
        let start = Instant::now();
        let mut is_due = |seconds| reminder.is_due(start + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 59, 60, 61, 500].map(&mut is_due),
            [true, false, false, true, false, true]
        );
    }
}
