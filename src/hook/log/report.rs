//! Counts of written and lost records.

use std::fmt;
use std::io;

/// Counts of all records since the log began. `written`, `dropped`, `failed` and `queued` add up to
/// the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogCounts {
    /// Written by every sink.
    pub written: u64,
    /// Not queued because the queue, or the share of it for their kind, was full.
    pub dropped: u64,
    /// The part of [`dropped`](Self::dropped) whose requests reached no provider.
    pub dropped_refused: u64,
    /// Not written by some sink, for example because the disk was full.
    pub failed: u64,
    /// In the queue, or being written.
    pub queued: u64,
    /// The memory of the queued records, in bytes.
    pub queued_bytes: u64,
}

impl LogCounts {
    /// The number of lost records: dropped or failed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped + self.failed
    }
}

/// The result of a flush.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct FlushReport {
    /// Counts of all records since the log began. [`LogCounts::queued`] counts those that were not
    /// written in time or came later.
    pub counts: LogCounts,
    /// All records from before the flush were written or lost in time.
    pub in_time: bool,
    /// The error of a sink that could not be flushed.
    pub error: Option<io::Error>,
}

impl FlushReport {
    /// Returns true if every record since the log began was written and flushed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.in_time && self.error.is_none() && self.counts.lost() == 0
    }
}

/// A message for operators: `12 log records written`, and the number of others.
impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogCounts { written, dropped, dropped_refused, failed, queued, .. } = self.counts;
        let records = if written == 1 { "record" } else { "records" };
        write!(f, "{written} log {records} written")?;
        for (count, why) in [
            (dropped - dropped_refused.min(dropped), "dropped because the queue was full"),
            (
                dropped_refused,
                "of refused requests dropped because their share of the queue was full",
            ),
            (failed, "that could not be written"),
            (queued, "still to be written"),
        ] {
            if count > 0 {
                write!(f, ", {count} {why}")?;
            }
        }
        match &self.error {
            Some(error) => write!(f, "; they may be lost in a crash: {error}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_omits_zero_counts() {
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
            "3 log records written, 2 dropped because the queue was full, 3 of refused requests \
             dropped because their share of the queue was full, 1 that could not be written, \
             4 still to be written; they may be lost in a crash: gone"
        );
    }
}
