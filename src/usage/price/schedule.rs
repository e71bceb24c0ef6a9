//! Prices that change with the day and the hour.

use std::time::SystemTime;

use super::Price;
use crate::usage::table::{Date, clock};

/// Another price at some hours of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffPeak {
    /// The price at those hours, in percent of the token prices.
    pub percent: u64,
    /// The hours.
    pub hours: Vec<Hours>,
}

impl OffPeak {
    /// A price of `percent` of the token prices at these hours.
    #[must_use]
    pub fn new(percent: u64, hours: Vec<Hours>) -> Self {
        Self { percent, hours }
    }

    pub(super) fn percent_at(&self, at: SystemTime) -> u64 {
        let Some(seconds) = clock::seconds(at) else { return 100 };
        let minute = (seconds % clock::DAY / 60) as u16;
        let weekday = clock::weekday(seconds / clock::DAY);
        let is_now = self.hours.iter().any(|hours| hours.hold(weekday, minute));
        if is_now { self.percent } else { 100 }
    }
}

/// Hours of some days of the week, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hours {
    /// A bit per day: Monday is the lowest.
    days: u8,
    /// The first minute of the day.
    from: u16,
    until: u16,
}

impl Hours {
    /// The minutes of the day from `from` to `until` (exclusive), 0 to 1440, in UTC, on these days
    /// of the week: 1 is Monday, 7 is Sunday. `None` for invalid days or minutes. Split a span over
    /// midnight into two.
    #[must_use]
    pub fn new(weekdays: &[u8], from: u16, until: u16) -> Option<Self> {
        let days = weekdays
            .iter()
            .try_fold(0_u8, |days, day| (1..=7).contains(day).then(|| days | 1 << (day - 1)))?;
        (days > 0 && from < until && until <= 24 * 60).then_some(Self { days, from, until })
    }

    /// Parses a span such as `00:00-04:30`. An end of `00:00` means midnight.
    #[cfg(feature = "prices")]
    pub(crate) fn parse(weekdays: &[u8], text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            if (hour.len(), minute.len()) != (2, 2) {
                return None;
            }
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, until) = text.split_once('-')?;
        let until = minute(until).map(|until| if until == 0 { 24 * 60 } else { until });
        Self::new(weekdays, minute(from)?, until?)
    }

    /// Monday is 0.
    fn hold(self, weekday: u8, minute: u16) -> bool {
        self.days & 1 << weekday != 0 && (self.from..self.until).contains(&minute)
    }
}

impl Price {
    /// The price on a day.
    #[must_use]
    pub fn on(&self, day: Date) -> &Self {
        let begun = self.changes.iter().rev().find(|change| change.from <= day);
        begun.map_or(self, |change| &change.price)
    }

    pub(in crate::usage) fn at(&self, at: SystemTime) -> &Self {
        if self.changes.is_empty() { self } else { self.on(Date::from(at)) }
    }
}
