//! How long usage counts.

use std::time::Duration;

/// How long usage counts.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};
///
/// let minute = Duration::from_secs(60);
/// let per_day = LimitRule::usd("budget", 20.0, Window::Fixed(Period::Day));
/// let smooth = LimitRule::requests("rate", 600, Window::Sliding(minute));
/// let bursts = LimitRule::requests("burst", 60, Window::Bucket { per: minute, burst: 20 });
/// # let _ = (per_day, smooth, bursts);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Window {
    /// Until the next minute, hour, day, week or month begins, in UTC.
    Fixed(Period),
    /// The last span of this length, approximated: usage in the current interval plus the part of the
    /// previous interval's usage that is still within the window.
    Sliding(Duration),
    /// A token bucket that starts full with `burst` and is refilled at a steady rate: the limit per
    /// `per`.
    Bucket {
        /// The time in which the limit is refilled.
        per: Duration,
        /// The most that can be used at once.
        burst: u64,
    },
}

/// A calendar period, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Period {
    /// Starts at second 0.
    Minute,
    /// Starts at minute 0.
    Hour,
    /// Starts at midnight.
    Day,
    /// Starts on Monday at midnight (ISO 8601).
    Week,
    /// Starts on the first day at midnight.
    Month,
}
