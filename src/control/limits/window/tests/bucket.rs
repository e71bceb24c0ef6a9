//! How a bucket fills.

use super::*;

#[test]
fn a_bucket_fills_at_a_steady_rate_and_no_further() {
    // 7 in 60 seconds: one in 8571.43 milliseconds.
    let window = bucket(60, 10);
    let mut count = Count::new(window, 1_000);
    count.add(10);
    assert_eq!(count.retry_after(window, 7, 1, 1_000), 8_572);
    count.advance(window, 7, 9_571);
    assert_eq!(count.in_use(window, 9_571), 10);
    count.advance(window, 7, 9_572);
    assert_eq!(count.in_use(window, 9_572), 9);
    // However often it is looked at, after a minute it is 7.
    for now in 9_573..=61_000 {
        count.advance(window, 7, now);
    }
    assert_eq!(count.in_use(window, 61_000), 3);
    assert_eq!(count.resets_after(window, 7, 61_000), 25_715);
    count.advance(window, 7, 61_000 + 25_714);
    assert_eq!(count.in_use(window, 0), 1);
    count.advance(window, 7, 61_000 + 25_715);
    assert!(count.is_empty());
    count.correct(window, 7, 0, 5, 0);
    count.settle(window, 0, 5, 0);
    assert!(count.is_empty(), "a bucket is never more than full");
}

#[test]
fn streams_held_open_let_a_bucket_pass_no_further_burst() {
    let window = bucket(60, 100);
    let mut count = Count::new(window, 0);
    let mut passed = 0;
    let mut now = 0;
    // Each reserves all that has flowed in, and says an hour later that it has used nothing.
    for _ in 0..5 {
        while count.in_use(window, now) < 100 {
            count.hold(1);
            passed += 1;
        }
        now += 60_000;
        count.advance(window, 100, now);
    }
    assert_eq!(passed, 100, "what runs is held however much flows in");
    count.settle(window, 0, 60, 0);
    assert_eq!(count.in_use(window, now), 40);
    count.add(60);
    count.settle(window, 0, 40, 40);
    assert_eq!(count.in_use(window, now), 100, "nothing that others have used comes back");
}

#[test]
fn what_has_flowed_into_a_bucket_since_is_not_given_back_again() {
    // One each second.
    let window = bucket(60, 100);
    let mut count = Count::new(window, 0);
    count.add(10);
    count.advance(window, 60, 4_500);
    assert_eq!(count.in_use(window, 0), 6);
    count.correct(window, 60, 0, 10, 3);
    assert_eq!(count.in_use(window, 0), 3, "7 were too many, and 4 of them have flowed in");
    count.advance(window, 60, 60_000);
    count.add(80);
    count.correct(window, 60, 0, 30, 0);
    assert_eq!(count.in_use(window, 0), 80, "all has flowed in");
    count.correct(window, 60, 60_000, 80, 85);
    assert_eq!(count.in_use(window, 0), 85);
}
