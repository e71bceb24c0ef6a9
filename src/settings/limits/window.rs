//! How long what was used counts.

use std::time::Duration;

/// How long what was used counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Window {
    /// Until the next minute, hour, day, week or month begins, in UTC.
    Fixed(Period),
    /// In the last so many seconds: what was used in this stretch of time, and of what was used in
    /// the one before, the share that is still within the window.
    Sliding(Duration),
    /// A bucket that is full at first and is filled again at a steady rate: the limit per `per`. It holds
    /// `burst`.
    Bucket {
        /// The time in which the limit is filled in.
        per: Duration,
        /// The most that can be used at once.
        burst: u64,
    },
}

/// A period of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Period {
    /// From second 0 on.
    Minute,
    /// From minute 0 on.
    Hour,
    /// From midnight on.
    Day,
    /// From Monday's midnight on (ISO 8601).
    Week,
    /// From the first day's midnight on.
    Month,
}
