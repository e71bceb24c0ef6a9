//! Prices by the hour and by the day.

use std::time::Duration;

use super::*;
use crate::usage::price::{Hours, OffPeak};

/// Seconds since 1970 of an hour of a day in November 2026: the 29th is a Sunday.
fn at(day: u64, hour: u64, minute: u64) -> SystemTime {
    const FIRST: u64 = 1_793_491_200;
    let seconds = FIRST + (day - 1) * 86_400 + hour * 3600 + minute * 60;
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn hours_and_weekdays_are_in_utc() {
    assert_eq!(Date::from(at(29, 23, 59)).to_string(), "2026-11-29");
    let table = PriceTable::builtin();
    let used = tokens(1_000_000, 0);
    for (day, hour, minute, usd_cents) in [
        // Friday
        (27, 0, 59, 15),
        (27, 1, 0, 30),
        (27, 3, 59, 30),
        (27, 4, 0, 15),
        (27, 6, 0, 30),
        (27, 9, 59, 30),
        (27, 10, 0, 15),
        (27, 23, 59, 15),
        // Saturday, Sunday, Monday
        (28, 2, 0, 15),
        (29, 7, 0, 15),
        (30, 2, 0, 30),
    ] {
        for model in ["deepseek-flash", "deepseek-v4-flash"] {
            let at = at(day, hour, minute);
            let pricing = Pricing { provider: "deepseek", at, ..pricing(model) };
            let expected = Some(usd_cents * 100_000_000);
            assert_eq!(table.ticks(&used, &pricing), expected, "{day} {hour}:{minute}");
        }
    }
    assert!(Hours::new(&[0], 0, 1).is_none());
    assert!(Hours::new(&[8], 0, 1).is_none());
    assert!(Hours::new(&[], 0, 1).is_none());
    assert!(Hours::new(&[1], 60, 60).is_none());
    assert!(Hours::new(&[1], 0, 1441).is_none());
    let always = simple().off_peak(OffPeak::new(50, vec![Hours::new(&[4], 0, 1440).unwrap()]));
    assert_eq!(plain(&always, &tokens(100, 0)), Some(500), "the first day was a Thursday");
}

#[test]
fn a_price_changes_on_its_day() {
    let table = PriceTable::builtin();
    let of = |at| {
        let pricing = Pricing { provider: "google-ai-studio", at, ..pricing("gemini-3.8-flash") };
        table.ticks(&tokens(1_000_000, 1_000_000), &pricing)
    };
    let new_year = at(1, 0, 0) + Duration::from_secs(61 * 86_400);
    assert_eq!(Date::from(new_year).to_string(), "2027-01-01");
    assert_eq!(of(new_year - Duration::from_secs(1)), Some(45_000_000_000));
    assert_eq!(of(new_year), Some(90_000_000_000));
}
