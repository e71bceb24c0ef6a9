//! Probes and their verdicts, by many calls at a time.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;
use crate::control::health::change::Observer;
use crate::hook::health::{ChangeReason, HealthState};

type Seen = Arc<Mutex<Vec<(HealthState, HealthState, ChangeReason)>>>;

fn subject(observer: Observer) -> Subject {
    Subject { provider: None, upstream: "up".into(), observer: Some(observer) }
}

fn observed() -> (Arc<Breaker>, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let observer: Observer = Arc::new(move |change| {
        assert_eq!(change.upstream, "up");
        log.lock().unwrap().push((change.from, change.to, change.reason));
    });
    let settings = BreakerSettings::default().failures_in_a_row(1);
    (Arc::new(Breaker::new(subject(observer), settings, Instant::now())), seen)
}

/// A breaker that has opened, and the time when a probe is due.
fn due() -> (Arc<Breaker>, Seen, Instant) {
    let (breaker, seen) = observed();
    let now = Instant::now();
    breaker.permit(now, &None).unwrap().failure(now, &None);
    seen.lock().unwrap().clear();
    (breaker, seen, now + Duration::from_secs(30))
}

const HALF_OPEN: (HealthState, HealthState, ChangeReason) =
    (HealthState::Open, HealthState::HalfOpen, ChangeReason::ProbeDue);

/// The permits that many threads get at the same time.
fn rush(breaker: &Arc<Breaker>, now: Instant) -> Vec<Permit> {
    let barrier = Barrier::new(8);
    let rush = || {
        barrier.wait();
        (0..50).filter_map(|_| breaker.permit(now, &None).ok()).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(rush)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn of_many_one_is_the_probe() {
    let (breaker, seen, due) = due();
    assert_eq!(rush(&breaker, due - Duration::from_nanos(1)).len(), 0);
    let mut probes = rush(&breaker, due);
    assert_eq!(probes.len(), 1);
    assert_eq!(*seen.lock().unwrap(), [HALF_OPEN]);
    probes.pop().unwrap().success(due, &None);
    assert_eq!(rush(&breaker, due).len(), 400);
    assert_eq!(seen.lock().unwrap().last().unwrap().2, ChangeReason::ProbeSucceeded);
}

#[test]
fn a_failed_probe_opens_the_circuit_for_as_long_again() {
    let (breaker, seen, due) = due();
    breaker.permit(due, &None).unwrap().failure(due + Duration::from_secs(2), &None);
    let until = due + Duration::from_secs(32);
    assert_eq!(breaker.permit(due + Duration::from_secs(31), &None).unwrap_err().until, until);
    assert_eq!(breaker.check(until), Ok(()));
    assert_eq!(seen.lock().unwrap().last().unwrap().2, ChangeReason::ProbeFailed);
}

#[test]
fn a_probe_without_a_verdict_makes_room_for_another() {
    let (breaker, seen, due) = due();
    for _ in 0..3 {
        let probe = breaker.permit(due, &None).unwrap();
        let guess = breaker.permit(due, &None).unwrap_err();
        assert_eq!(guess.until, due + Duration::from_secs(1));
        drop(probe);
    }
    assert_eq!(breaker.check(due), Ok(()));
    assert_eq!(*seen.lock().unwrap(), [HALF_OPEN], "it is half open all the while");
}

#[test]
fn a_probe_that_hangs_is_not_waited_for_forever() {
    let (breaker, _, due) = due();
    let hanging = breaker.permit(due, &None).unwrap();
    let later = due + Duration::from_secs(5);
    assert!(breaker.permit(later - Duration::from_nanos(1), &None).is_err());
    let second = breaker.permit(later, &None).unwrap();
    // The place now belongs to another call.
    drop(hanging);
    assert!(breaker.permit(later, &None).is_err());
    second.success(later, &None);
    assert_eq!(rush(&breaker, later).len(), 400);
}

#[test]
fn what_was_sent_before_the_circuit_opened_has_no_say() {
    let (breaker, seen) = observed();
    let now = Instant::now();
    let old: Vec<_> = (0..3).map(|_| breaker.permit(now, &None).unwrap()).collect();
    let [first, second, third] = old.try_into().unwrap();
    first.failure(now, &None);
    assert!(breaker.check(now).is_err());
    second.success(now, &None).failure(now, &None);
    assert!(breaker.check(now).is_err());
    breaker.permit(now + Duration::from_secs(30), &None).unwrap().success(now, &None);
    third.failure(now, &None);
    assert_eq!(breaker.check(now), Ok(()));
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn a_call_without_a_verdict_counts_for_nothing() {
    let (breaker, seen) = observed();
    let now = Instant::now();
    drop(breaker.permit(now, &None).unwrap());
    assert!(breaker.is_neutral(now));
    drop(breaker.permit(now, &None).unwrap().success(now, &None));
    assert!(breaker.is_neutral(now));
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let observer: Observer = Arc::new(|_| panic!("observer"));
    let settings = BreakerSettings::default().failures_in_a_row(1);
    let now = Instant::now();
    let breaker = Arc::new(Breaker::new(subject(observer), settings, now));
    breaker.permit(now, &None).unwrap().failure(now, &None);
    assert!(breaker.check(now).is_err());
    breaker.permit(now + Duration::from_secs(30), &None).unwrap().success(now, &None);
    assert_eq!(breaker.check(now), Ok(()));
}
