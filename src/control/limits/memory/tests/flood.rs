//! More counters than there is room for.

use super::*;

#[test]
fn a_flood_of_keys_takes_no_more_than_the_capacity_and_refuses_nobody() {
    let store = TestTime::new().store(256);
    for number in 0..10_000 {
        assert!(store.reserve_now(&[claim(number, MINUTE, 10, 1)]).is_granted);
        assert!(store.len() <= 256);
    }
    assert_eq!(store.evicted() as usize + store.len(), 10_000);
}

#[test]
fn a_flood_of_keys_has_the_least_used_counters_forgotten() {
    let store = TestTime::new().store(256);
    let known: Vec<_> = (0..100).map(|number| claim(number, MINUTE, 1_000, 500)).collect();
    for claim in &known {
        assert!(store.reserve_now(&[*claim]).is_granted);
    }
    for number in 1_000..20_000 {
        assert!(store.reserve_now(&[claim(number, MINUTE, 1_000, 1)]).is_granted);
    }
    assert!(known.iter().all(|claim| used(&store, claim) == 500));
}

#[test]
fn counters_that_say_nothing_go_first() {
    let time = TestTime::new();
    let store = time.store(256);
    for number in 0..100 {
        let _ = store.reserve_now(&[claim(number, Window::Fixed(Period::Day), 1_000, 1)]);
    }
    for number in 100..256 {
        let _ = store.reserve_now(&[claim(number, MINUTE, 1_000, 999)]);
    }
    time.set(NOON + 60_000);
    for number in 1_000..1_100 {
        let _ = store.reserve_now(&[claim(number, MINUTE, 1_000, 1)]);
    }
    assert_eq!(store.evicted(), 0);
    let is_kept = |number| used(&store, &claim(number, Window::Fixed(Period::Day), 1_000, 1)) == 1;
    assert!((0..100).all(is_kept));
}

#[test]
fn a_request_with_more_claims_than_the_store_keeps() {
    let store = TestTime::new().store(2);
    let claims: Vec<_> = (0..20).map(|number| claim(number, MINUTE, 10, 1)).collect();
    for _ in 0..10 {
        let decision = store.reserve_now(&claims);
        assert!(decision.is_granted);
        assert!(store.len() <= 2);
    }
}

#[test]
fn a_request_that_makes_others_go_counts_where_its_counters_are_then() {
    let store = TestTime::new().store(16);
    for number in 0..16 {
        let amount = if number == 0 { 1 } else { 5 };
        assert!(store.reserve_now(&[claim(number, MINUTE, 100, amount)]).is_granted);
    }
    // The first goes, and the last takes its place.
    let decision = store.reserve_now(&[claim(99, MINUTE, 100, 7), claim(15, MINUTE, 100, 20)]);
    assert_eq!(decision.standings[0].used, 7);
    assert_eq!(decision.standings[1].used, 25);
    assert_eq!(used(&store, &claim(99, MINUTE, 100, 0)), 7);
    assert_eq!(used(&store, &claim(15, MINUTE, 100, 0)), 25);
    assert_eq!((store.len(), store.evicted()), (16, 1));
}
