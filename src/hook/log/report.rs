//! What has become of records.

use std::fmt;
use std::io;

/// What has become of all records since the log began. `written`, `dropped`, `failed` and `queued`
/// together are the number of records that there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogCounts {
    /// Kept by every sink.
    pub written: u64,
    /// Refused, for the queue was full, or the share of it that is open to their kind.
    pub dropped: u64,
    /// Those of [`dropped`](Self::dropped) whose requests reached no provider: the gateway refused
    /// them, or they ended before.
    pub dropped_refused: u64,
    /// Not kept by some sink: the disk was full, for one.
    pub failed: u64,
    /// In the queue, or being written just now.
    pub queued: u64,
    /// The memory that these take up, in bytes.
    pub queued_bytes: u64,
}

impl LogCounts {
    /// Records that are in no log and will be in none.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped + self.failed
    }
}

/// How a flush went.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct FlushReport {
    /// All records since the log began. [`LogCounts::queued`] are those that were still to be
    /// written when the time was over, or that have come since.
    pub counts: LogCounts,
    /// All that had come before the flush was dealt with in time.
    pub in_time: bool,
    /// A sink could not make its records last.
    pub error: Option<io::Error>,
}

impl FlushReport {
    /// Every record since the log began has been written, and will last.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.in_time && self.error.is_none() && self.counts.lost() == 0
    }
}

/// For the person who stops the program: `12 log records written`, and what was not.
impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogCounts { written, dropped, dropped_refused, failed, queued, .. } = self.counts;
        let records = if written == 1 { "record" } else { "records" };
        write!(f, "{written} log {records} written")?;
        for (count, why) in [
            (dropped - dropped_refused.min(dropped), "dropped as the queue was full"),
            (dropped_refused, "of refused requests dropped as their share of the queue was full"),
            (failed, "that could not be written"),
            (queued, "still to be written"),
        ] {
            if count > 0 {
                write!(f, ", {count} {why}")?;
            }
        }
        match &self.error {
            Some(error) => write!(f, "; they may not last: {error}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_only_what_there_is_to_say() {
        let one = LogCounts { written: 1, ..LogCounts::default() };
        assert_eq!(
            FlushReport { counts: one, ..FlushReport::default() }.to_string(),
            "1 log record written"
        );
        let counts = LogCounts { written: 3, ..LogCounts::default() };
        let report = FlushReport { counts, in_time: true, error: None };
        assert!(report.is_complete());
        assert_eq!(report.to_string(), "3 log records written");

        let counts = LogCounts { dropped: 5, dropped_refused: 3, failed: 1, queued: 4, ..counts };
        let report = FlushReport { counts, in_time: false, error: Some(io::Error::other("gone")) };
        assert!(!report.is_complete());
        assert_eq!(
            report.to_string(),
            "3 log records written, 2 dropped as the queue was full, 3 of refused requests dropped \
             as their share of the queue was full, 1 that could not be written, 4 still to be written; they may not last: gone"
        );
    }
}
