//! The store in memory: claims are granted together or not at all, and settled once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::settings::limits::Period;

mod flood;
mod oracle;
mod threads;

/// 2026-11-29, noon.
const NOON: u64 = 1_795_953_600_000;
const MINUTE: Window = Window::Fixed(Period::Minute);
const SLIDING: Window = Window::Sliding(Duration::from_secs(60));

#[derive(Clone)]
struct TestTime(Arc<AtomicU64>);

impl TestTime {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOON)))
    }

    fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn store(&self, capacity: usize) -> MemoryStore {
        let time = self.0.clone();
        MemoryStore::with_capacity(capacity)
            .with_clock(Arc::new(move || time.load(Ordering::Relaxed)))
    }
}

fn counter(number: u64) -> Counter {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    Counter { gateway: [7; 8], id }
}

fn claim(number: u64, window: Window, limit: u64, amount: u64) -> Claim {
    Claim { counter: counter(number), window, limit, amount, lease: None, is_shadow: false }
}

fn used(store: &MemoryStore, claim: &Claim) -> u64 {
    store.reserve_now(&[Claim { amount: 0, is_shadow: true, ..*claim }]).standings[0].used
}

fn bucket(burst: u64) -> Window {
    Window::Bucket { per: Duration::from_secs(60), burst }
}

#[test]
fn all_claims_count_or_none() {
    let store = TestTime::new().store(100);
    let wide = claim(1, MINUTE, 100, 10);
    let narrow = claim(2, SLIDING, 20, 10);
    let last = claim(3, bucket(50), 50, 10);
    for round in 1..=2 {
        let decision = store.reserve_now(&[wide, narrow, last]);
        assert!(decision.is_granted);
        assert_eq!(decision.at, NOON);
        assert_eq!(decision.standings[0].used, round * 10);
        assert_eq!(decision.standings[1].remaining, 20 - round * 10);
        assert_eq!(decision.standings[2].remaining, 50 - round * 10);
    }
    let decision = store.reserve_now(&[wide, narrow, last]);
    assert!(!decision.is_granted);
    let exceeded: Vec<_> = decision.standings.iter().map(|standing| standing.is_exceeded).collect();
    assert_eq!(exceeded, [false, true, false]);
    assert_eq!(decision.standings[1].remaining, 0);
    assert!(decision.standings[1].retry_after > Duration::ZERO);
    assert_eq!(decision.standings[0].remaining, 80);
    assert_eq!([wide, narrow, last].map(|claim| used(&store, &claim)), [20, 20, 20]);
}

#[test]
fn a_refused_request_makes_no_counter() {
    let store = TestTime::new().store(100);
    for number in 0..50 {
        assert!(
            !store.reserve_now(&[claim(number, MINUTE, 10, 1), claim(99, MINUTE, 0, 1)]).is_granted
        );
    }
    assert!(store.is_empty());
}

#[test]
fn a_shadow_claim_counts_without_room_and_refuses_nothing() {
    let store = TestTime::new().store(100);
    let shadow = Claim { is_shadow: true, ..claim(1, MINUTE, 10, 8) };
    let decision = store.reserve_now(&[shadow, claim(2, MINUTE, 100, 1)]);
    assert!(decision.is_granted && !decision.standings[0].is_exceeded);
    let decision = store.reserve_now(&[shadow, claim(2, MINUTE, 100, 1)]);
    assert!(decision.is_granted && decision.standings[0].is_exceeded);
    assert_eq!((decision.standings[0].used, decision.standings[0].remaining), (16, 0));
    assert_eq!(decision.standings[0].retry_after, Duration::from_secs(60));
    // Nor does it count where another has refused.
    assert!(!store.reserve_now(&[shadow, claim(2, MINUTE, 2, 1)]).is_granted);
    assert_eq!(used(&store, &shadow), 16);
}

#[test]
fn a_claim_of_nothing_passes_while_anything_is_left() {
    let store = TestTime::new().store(100);
    for (number, window) in [MINUTE, SLIDING, bucket(10)].into_iter().enumerate() {
        let nothing = claim(number as u64, window, 10, 0);
        assert!(store.reserve_now(&[nothing]).is_granted);
        assert!(store.reserve_now(&[Claim { amount: 9, ..nothing }]).is_granted);
        assert!(store.reserve_now(&[nothing]).is_granted);
        assert!(store.reserve_now(&[Claim { amount: 1, ..nothing }]).is_granted);
        assert!(!store.reserve_now(&[nothing]).is_granted);
    }
    assert!(!store.reserve_now(&[claim(9, MINUTE, 0, 0)]).is_granted);
    assert_eq!(store.len(), 3);
}

#[test]
fn a_counter_that_is_claimed_twice_holds_both() {
    let store = TestTime::new().store(100);
    let twice = [claim(1, MINUTE, 10, 6); 2];
    assert!(!store.reserve_now(&twice).is_granted);
    assert_eq!(used(&store, &twice[0]), 0);
    let twice = [claim(1, MINUTE, 10, 5); 2];
    assert!(store.reserve_now(&twice).is_granted);
    assert_eq!(used(&store, &twice[0]), 10);
    assert_eq!(store.len(), 1);
}

#[test]
fn more_claims_than_are_remembered() {
    let store = TestTime::new().store(100);
    let claims: Vec<_> = (0..40).map(|number| claim(number, MINUTE, 2, 1)).collect();
    assert!(store.reserve_now(&claims).is_granted);
    assert!(store.reserve_now(&claims).is_granted);
    let decision = store.reserve_now(&claims);
    assert!(!decision.is_granted && decision.standings.iter().all(|standing| standing.used == 2));
    assert!(store.reserve_now(&[]).is_granted);
}

#[test]
fn what_was_spent_takes_the_place_of_what_was_reserved() {
    let store = TestTime::new().store(100);
    for (number, window) in [MINUTE, SLIDING, bucket(100)].into_iter().enumerate() {
        let claim = claim(number as u64, window, 100, 40);
        let at = store.reserve_now(&[claim]).at;
        store.settle_now(&[Settlement { claim, at, spent: 15 }]);
        assert_eq!(used(&store, &claim), 15);
        let at = store.reserve_now(&[claim]).at;
        store.settle_now(&[Settlement { claim, at, spent: 140 }]);
        assert_eq!(used(&store, &claim), 155);
        let decision = store.reserve_now(&[Claim { amount: 0, ..claim }]);
        assert!(!decision.is_granted);
        assert_eq!((decision.standings[0].used, decision.standings[0].remaining), (155, 0));
        // A settlement of what the store no longer knows of does not go below nothing.
        store.settle_now(&[Settlement { claim: Claim { amount: 500, ..claim }, at, spent: 0 }]);
        assert_eq!(used(&store, &claim), 0);
    }
}

#[test]
fn what_was_spent_beyond_counts_in_a_bucket_that_was_full_again() {
    let time = TestTime::new();
    let store = time.store(2);
    let late = claim(1, bucket(100), 100, 40);
    let at = store.reserve_now(&[late]).at;
    time.set(NOON + 600_000);
    // The bucket is full and makes room for others.
    for number in 2..=3 {
        assert!(store.reserve_now(&[claim(number, MINUTE, 10, 1)]).is_granted);
    }
    assert_eq!((store.len(), store.evicted()), (2, 0));
    store.settle_now(&[Settlement { claim: late, at, spent: 100 }]);
    assert_eq!(used(&store, &late), 60);
}

/// What a future gives at its first poll.
fn at_once<T>(mut future: StoreFuture<'_, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => value,
        _ => panic!("it waits, or has failed"),
    }
}

#[test]
fn a_counter_can_be_looked_at_and_given_back() {
    let store = TestTime::new().store(100);
    for (number, window) in [MINUTE, SLIDING, bucket(100)].into_iter().enumerate() {
        let claim = claim(number as u64, window, 100, 40);
        let look = || at_once(store.standing(&claim.counter, window, 100));
        assert_eq!((look().used, look().remaining), (0, 100));
        assert_eq!(look().resets_after, Duration::ZERO);
        assert!(at_once(store.reserve(ReservationId(1), &[claim])).is_granted);
        assert_eq!((look().used, look().remaining), (40, 60));
        assert!(look().resets_after > Duration::ZERO);
        at_once(store.refund(&claim.counter, window, 100, Some(30)));
        assert_eq!(look().used, 10);
        at_once(store.refund(&claim.counter, window, 100, None));
        assert_eq!(look().used, 0);
    }
}

#[test]
fn a_dropped_future_has_reserved_nothing() {
    let store = TestTime::new().store(100);
    let claims = [claim(1, MINUTE, 10, 1)];
    drop(store.reserve(ReservationId(1), &claims));
    assert_eq!(used(&store, &claims[0]), 0);
}

#[test]
fn a_clock_that_goes_backwards_frees_nothing_and_loses_nothing() {
    let time = TestTime::new();
    let store = time.store(1);
    let full = claim(1, MINUTE, 10, 10);
    time.set(NOON + 59_000);
    assert!(store.reserve_now(&[full]).is_granted);
    time.set(NOON + 60_000);
    assert_eq!(used(&store, &full), 0);
    // The counter of the minute before is gone, for this one takes its place.
    let other = claim(2, MINUTE, 10, 10);
    assert!(store.reserve_now(&[other]).is_granted);
    time.set(NOON + 59_500);
    let decision = store.reserve_now(&[full]);
    assert_eq!(decision.at, NOON + 60_000, "the minute that was used up does not come again");
    time.set(NOON + 60_500);
    assert!(!store.reserve_now(&[full]).is_granted);
}

#[test]
fn gateways_do_not_count_together() {
    let store = TestTime::new().store(100);
    for gateway in 0..100 {
        let mut claim = claim(1, MINUTE, 1, 1);
        claim.counter.gateway = [gateway; 8];
        assert!(store.reserve_now(&[claim]).is_granted);
        assert!(!store.reserve_now(&[claim]).is_granted);
    }
    assert_eq!(store.len(), 100);
}
