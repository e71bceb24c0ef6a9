//! Days and hours in UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds of a day.
pub(in crate::usage) const DAY: u64 = 24 * 60 * 60;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Date {
    /// The year, as in 2026.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// `None` if no year has such a day.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if month < 1 || month > 12 || day < 1 || day > 31 {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// Parses a date such as `2026-01-31`.
    #[cfg(feature = "prices")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (year.len(), month.len(), day.len()) != (4, 2, 2)
            || ![year, month, day].into_iter().all(is_plain)
        {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }
}

impl From<SystemTime> for Date {
    /// The day in UTC; before 1970 the first day of that year.
    fn from(time: SystemTime) -> Self {
        // The inverse of Howard Hinnant's days_from_civil. Years start in March, so that leap days
        // are at their end.
        let days = seconds(time).unwrap_or(0) / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { year: u16::try_from(year).unwrap_or(u16::MAX), month: month as u8, day: day as u8 }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Seconds since 1970; `None` for earlier times.
pub(in crate::usage) fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

/// The weekday of a day since 1970, which began on a Thursday. Monday is 0.
pub(in crate::usage) fn weekday(day: u64) -> u8 {
    ((day + 3) % 7) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day, weekday_of_it) in [
            (0, "1970-01-01", 3),
            (86_399, "1970-01-01", 3),
            (951_782_400, "2000-02-29", 1),
            (1_709_164_800, "2024-02-29", 3),
            (1_709_251_200, "2024-03-01", 4),
            (1_798_761_599, "2026-12-31", 3),
            (1_798_761_600, "2027-01-01", 4),
            (4_107_542_400, "2100-03-01", 0),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Date::from(time).to_string(), day);
            assert_eq!(weekday(seconds / DAY), weekday_of_it, "{day}");
        }
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Date::from(before).to_string(), "1970-01-01");
        assert_eq!(seconds(before), None);
    }
}
