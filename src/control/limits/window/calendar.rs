//! Periods of the calendar and spans of time, in whole milliseconds.

use std::time::Duration;

use crate::settings::limits::Period;

/// Longer spans are counted in seconds: the product of two of them stays exact in a double.
const LONGEST: u64 = 1 << 26;

const SECOND: u64 = 1000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// A length of time, in units of so many milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) length: u64,
    pub(super) unit: u64,
}

impl Span {
    pub(super) fn of(duration: Duration) -> Self {
        let millis = duration
            .as_secs()
            .saturating_mul(SECOND)
            .saturating_add(u64::from(duration.subsec_nanos().div_ceil(1_000_000)));
        if millis > LONGEST {
            Self { length: millis.div_ceil(SECOND).min(LONGEST), unit: SECOND }
        } else {
            Self { length: millis.max(1), unit: 1 }
        }
    }

    /// The number of the stretch that `now` is in, and how much of it is left.
    pub(super) fn split(self, now: u64) -> (u64, u64) {
        let time = now / self.unit;
        (time / self.length, self.length - time % self.length)
    }
}

/// `count * rest / length`, rounded up. `rest` is `length` at most, and that is [`LONGEST`] at most.
pub(super) fn share(count: u64, rest: u64, length: u64) -> u64 {
    (count / length) * rest + ((count % length) * rest).div_ceil(length)
}

/// The first millisecond of the period.
pub(super) fn first(period: Period, now: u64) -> u64 {
    let day = now / DAY;
    match period {
        Period::Minute => now - now % MINUTE,
        Period::Hour => now - now % HOUR,
        Period::Day => day * DAY,
        Period::Week => day.saturating_sub(day_of_week(day)) * DAY,
        Period::Month => (day - day_of_month(day)) * DAY,
    }
}

/// The first millisecond of the next period.
pub(super) fn end(period: Period, now: u64) -> u64 {
    let day = now / DAY;
    match period {
        Period::Minute => now - now % MINUTE + MINUTE,
        Period::Hour => now - now % HOUR + HOUR,
        Period::Day => (day + 1) * DAY,
        Period::Week => (day + 7 - day_of_week(day)) * DAY,
        // No month is longer, and none so short that the next were over by then.
        Period::Month => first(period, first(period, now) + 31 * DAY),
    }
}

/// From 0 on, Monday. 1970 began on a Thursday.
fn day_of_week(day: u64) -> u64 {
    (day + 3) % 7
}

/// From 0 on. In years that begin with March, a leap day is the last of its year, and the months are
/// 30.6 days long on average: `(153 * month + 2) / 5` is the first day of each.
fn day_of_month(day: u64) -> u64 {
    // Days since March 1st of year 0, and of its 400 years.
    let day = (day + 719_468) % 146_097;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5
}
