//! The arithmetic of each kind of window, at its edges.

mod bucket;

use std::time::Duration;

use super::calendar::{DAY, HOUR, MINUTE, end};
use super::*;
use crate::settings::limits::Period;

const SLIDING: Window = Window::Sliding(Duration::from_secs(60));

fn bucket(seconds: u64, burst: u64) -> Window {
    Window::Bucket { per: Duration::from_secs(seconds), burst }
}

/// Midnight of a day, found by counting years and months.
fn date(year: u64, month: usize, day: u64) -> u64 {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let months = |year: u64| {
        let february = if is_leap(year) { 29 } else { 28 };
        [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    };
    let years: u64 = (1970..year).map(|year| months(year).iter().sum::<u64>()).sum();
    (years + months(year)[..month - 1].iter().sum::<u64>() + day - 1) * DAY
}

#[test]
fn each_month_of_eight_hundred_years_begins_at_its_first_day() {
    let mut begin = 0;
    for year in 1970..2770 {
        for month in 1..=12 {
            let next = if month == 12 { date(year + 1, 1, 1) } else { date(year, month + 1, 1) };
            for now in [begin, begin + 1, begin + 14 * DAY, next - 1] {
                assert_eq!(first(Period::Month, now), begin, "{year}-{month} at {now}");
                assert_eq!(end(Period::Month, now), next, "{year}-{month} at {now}");
            }
            begin = next;
        }
    }
}

#[test]
fn a_leap_day_is_of_february() {
    for year in [2024, 2028, 2000, 2400] {
        assert_eq!(date(year, 3, 1) - date(year, 2, 1), 29 * DAY);
        assert_eq!(first(Period::Month, date(year, 2, 29)), date(year, 2, 1));
        assert_eq!(end(Period::Month, date(year, 2, 29)), date(year, 3, 1));
    }
    assert_eq!(end(Period::Month, date(2100, 2, 28)), date(2100, 3, 1));
}

#[test]
fn a_week_begins_on_monday_and_goes_over_the_end_of_the_year() {
    // 2026-12-28 is a Monday.
    let monday = date(2026, 12, 28);
    for day in 0..7 {
        let now = monday + day * DAY + 12 * HOUR;
        assert_eq!(first(Period::Week, now), monday);
        assert_eq!(end(Period::Week, now), monday + 7 * DAY);
    }
    assert_eq!(first(Period::Week, date(2027, 1, 3)), monday);
    assert_eq!(first(Period::Week, date(2027, 1, 4)), date(2027, 1, 4));
    assert_eq!(first(Period::Week, monday - 1), monday - 7 * DAY);
    // The first week of all has lost three days.
    assert_eq!((first(Period::Week, 0), end(Period::Week, 0)), (0, 4 * DAY));
    assert_eq!(first(Period::Week, 4 * DAY), 4 * DAY);
}

#[test]
fn what_was_used_a_millisecond_before_the_end_is_free_at_the_end() {
    let begin = date(2028, 2, 1);
    for (period, length) in [
        (Period::Minute, MINUTE),
        (Period::Hour, HOUR),
        (Period::Day, DAY),
        (Period::Week, 7 * DAY),
        (Period::Month, 29 * DAY),
    ] {
        let window = Window::Fixed(period);
        let begin = if period == Period::Week { date(2028, 1, 31) } else { begin };
        let last = begin + length - 1;
        let mut count = Count::new(window, begin);
        count.advance(window, 10, last);
        count.add(10);
        assert_eq!(count.in_use(window, last), 10);
        assert_eq!(count.resets_after(window, 10, last), 1);
        assert_eq!(count.retry_after(window, 10, 1, last), 1);
        count.advance(window, 10, last + 1);
        assert_eq!(count.in_use(window, last + 1), 0, "{period:?}");
        assert_eq!(count.resets_after(window, 10, last + 1), 0);
    }
}

#[test]
fn a_settlement_counts_in_its_own_fixed_window_alone() {
    let window = Window::Fixed(Period::Minute);
    let mut count = Count::new(window, 0);
    count.hold(10);
    count.settle(window, 59_999, 10, 3);
    assert_eq!(count.in_use(window, 59_999), 3);
    count.advance(window, 10, 60_000);
    count.hold(10);
    count.settle(window, 59_999, 10, 3);
    count.settle(window, 59_999, 10, 30);
    assert_eq!(count.in_use(window, 60_000), 10);
    count.settle(window, 60_000, 5, 8);
    assert_eq!(count.in_use(window, 60_000), 13);
    count.settle(window, 60_000, 50, 0);
    assert_eq!(count.in_use(window, 60_000), 8, "what was used is not what was held");
}

#[test]
fn of_the_stretch_before_the_share_still_inside_counts() {
    let mut count = Count::new(SLIDING, 0);
    count.add(60);
    for (now, in_use) in [
        (60_000, 60),
        (60_001, 60),
        (61_000, 59),
        (90_000, 30),
        (119_000, 1),
        (119_999, 1),
        (120_000, 0),
    ] {
        count.advance(SLIDING, 60, now);
        assert_eq!(count.in_use(SLIDING, now), in_use, "at {now}");
    }
}

#[test]
fn a_settlement_counts_in_its_own_stretch_while_that_is_inside() {
    let mut count = Count::new(SLIDING, 0);
    count.hold(60);
    count.settle(SLIDING, 0, 60, 120);
    count.advance(SLIDING, 60, 90_000);
    assert_eq!(count.in_use(SLIDING, 90_000), 60);
    count.settle(SLIDING, 59_999, 60, 0);
    assert_eq!(count.in_use(SLIDING, 90_000), 30);
    count.hold(5);
    count.settle(SLIDING, 90_000, 5, 6);
    assert_eq!(count.in_use(SLIDING, 90_000), 36);
    count.advance(SLIDING, 60, 120_000);
    count.settle(SLIDING, 0, 60, 1_000);
    assert_eq!(count.in_use(SLIDING, 120_000), 6);
}

#[test]
fn after_a_reset_a_settlement_takes_nothing_from_what_is_used_later() {
    for window in
        [Window::Fixed(Period::Hour), Window::Sliding(Duration::from_secs(3600)), bucket(3600, 100)]
    {
        let mut count = Count::new(window, 0);
        count.add(50);
        count.hold(30);
        count.reset();
        assert_eq!(count.in_use(window, 0), 30, "what runs is held");
        count.add(20);
        count.settle(window, 0, 30, 5);
        assert_eq!(count.in_use(window, 0), 25, "{window:?}");
    }
    // What was reserved in the stretch before.
    let mut count = Count::new(SLIDING, 0);
    count.hold(30);
    count.advance(SLIDING, 100, 60_000);
    count.reset();
    count.add(20);
    count.settle(SLIDING, 0, 30, 0);
    assert_eq!(count.in_use(SLIDING, 60_000), 20);
}

#[test]
fn long_spans_are_counted_in_seconds() {
    let thirty_days = Window::Sliding(Duration::from_secs(30 * 24 * 3600));
    let mut count = Count::new(thirty_days, 0);
    count.add(30 << 40);
    let now = 45 * DAY;
    count.advance(thirty_days, 0, now);
    assert_eq!(count.in_use(thirty_days, now), 15 << 40);
    assert_eq!(count.in_use(thirty_days, now + 999), 15 << 40);
    assert!(count.in_use(thirty_days, now + 1_000) < 15 << 40);

    let window = bucket(30 * 24 * 3600, 1 << 50);
    let mut count = Count::new(window, 0);
    count.add(1 << 50);
    count.advance(window, 1 << 50, 15 * DAY);
    assert_eq!(count.in_use(window, 0), 1 << 49);
}

#[test]
fn nothing_overflows() {
    let longest = Duration::MAX;
    let windows = [
        Window::Fixed(Period::Week),
        Window::Fixed(Period::Month),
        Window::Sliding(Duration::ZERO),
        Window::Sliding(Duration::from_nanos(1)),
        Window::Sliding(longest),
        Window::Bucket { per: Duration::ZERO, burst: 0 },
        Window::Bucket { per: longest, burst: u64::MAX },
    ];
    let numbers = [0, 1, 7, (1 << 53) - 1, u64::MAX];
    for window in windows {
        for (limit, amount, spent) in
            numbers.iter().flat_map(|a| numbers.iter().map(move |b| (*a, *b, b / 2 + a / 3)))
        {
            let mut seen = 0;
            let mut count = Count::new(window, 0);
            for clock in [0, 1, 60_000, 1 << 41, 1 << 60, 5, u64::MAX, 0] {
                seen = present(clock, seen);
                count.advance(window, limit, seen);
                count.add(amount);
                count.hold(amount);
                count.settle(window, 60_000, amount, spent);
                count.settle(window, seen, spent, amount);
                count.correct(window, limit, 60_000, amount, spent);
                count.correct(window, limit, 0, spent, amount);
                let _ = count.in_use(window, seen);
                let _ = count.resets_after(window, limit, seen);
                let _ = count.retry_after(window, limit, amount, seen);
                count.refund(window, seen, spent);
            }
        }
    }
}

#[test]
fn time_stands_still_for_a_minute_and_then_the_clock_is_believed() {
    assert_eq!(present(100_000, 50_000), 100_000);
    assert_eq!(present(99_999, 100_000), 100_000);
    assert_eq!(present(40_000, 100_000), 100_000);
    assert_eq!(present(39_999, 100_000), 39_999);
}

#[test]
fn what_counts_goes_on_to_count_when_the_clock_was_set_back() {
    for window in [Window::Fixed(Period::Minute), SLIDING, bucket(60, 10)] {
        let mut count = Count::new(window, 10 * HOUR);
        count.add(10);
        count.advance(window, 10, HOUR);
        assert_eq!(count.in_use(window, HOUR), 10);
        assert!(count.resets_after(window, 10, HOUR) <= 2 * MINUTE);
        count.advance(window, 10, HOUR + 2 * MINUTE);
        assert!(count.is_empty());
    }
}

#[test]
fn after_the_wait_there_is_room_and_not_before() {
    for window in [Window::Fixed(Period::Minute), SLIDING, bucket(7, 50), bucket(60, 100)] {
        for (before, used, amount) in
            [(0, 100, 1), (100, 0, 1), (70, 60, 50), (99, 30, 40), (100, 100, 50), (13, 100, 0)]
        {
            let mut count = Count::new(window, 0);
            count.add(before);
            let now = 60_000 + 4_321;
            count.advance(window, 100, now);
            count.add(used);
            let wait = count.retry_after(window, 100, amount, now);
            let has_room = |now| {
                let mut later = count;
                later.advance(window, 100, now);
                later.in_use(window, now) + need(amount) <= capacity(window, 100)
            };
            assert!(has_room(now + wait), "{window:?} {before} {used} {amount}: {wait}");
            assert!(
                wait == 0 || !has_room(now + wait - 1),
                "{window:?} {before} {used} {amount}: {wait}"
            );
        }
    }
}

#[test]
fn what_is_given_back_is_at_least_what_was_asked() {
    let mut count = Count::new(SLIDING, 0);
    count.add(100);
    count.advance(SLIDING, 100, 80_000);
    count.add(10);
    let before = count.in_use(SLIDING, 80_000);
    count.refund(SLIDING, 80_000, 30);
    let after = count.in_use(SLIDING, 80_000);
    assert!(before - after == 30 || before - after == 31, "{before} {after}");
    count.refund(SLIDING, 80_000, 1_000);
    assert!(count.is_empty());
}
