//! Saying that records were lost, but not all the time.

use std::io;
use std::time::{Duration, Instant};

/// How long it is quiet after a warning.
const QUIET: Duration = Duration::from_secs(60);

/// Remembers of which losses the host's log has been told.
#[derive(Debug, Default)]
pub(super) struct Losses {
    told: u64,
    told_at: Option<Instant>,
}

/// A loss that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) new: u64,
    pub(super) total: u64,
}

impl Losses {
    /// What is to be told now, where `lost` records are lost in all: news, once a minute at most.
    pub(super) fn warning(&mut self, lost: u64, now: Instant) -> Option<Loss> {
        let is_quiet = self.told_at.is_some_and(|told_at| now.duration_since(told_at) < QUIET);
        if lost == self.told || is_quiet {
            return None;
        }
        self.told_at = Some(now);
        let new = lost - std::mem::replace(&mut self.told, lost);
        Some(Loss { new, total: lost })
    }
}

impl Loss {
    /// `error`: of the sink, unless the queue was full.
    pub(super) fn warn(self, error: Option<&io::Error>) {
        tracing::warn!(
            target: crate::TARGET,
            lost = self.new,
            lost_in_all = self.total,
            error = error.map(tracing::field::display),
            "log records were lost"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_at_once_and_then_once_a_minute() {
        let mut losses = Losses::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(losses.warning(0, after(0)), None);
        assert_eq!(losses.warning(1, after(1)), Some(Loss { new: 1, total: 1 }));
        assert_eq!(losses.warning(9, after(60)), None);
        assert_eq!(losses.warning(10, after(61)), Some(Loss { new: 9, total: 10 }));
        assert_eq!(losses.warning(10, after(600)), None);
        assert_eq!(losses.warning(11, after(601)), Some(Loss { new: 1, total: 11 }));
    }
}
