use std::sync::Arc;

use super::*;
use crate::control::health::{Breaker, BreakerSettings, Subject};

const SECOND: Duration = Duration::from_secs(1);

fn candidate(weight: u32) -> Candidate {
    let settings = BreakerSettings::default().failures_in_a_row(1);
    let breaker = Breaker::new(Subject::default(), settings, Instant::now());
    let (breaker, account) = (Some(Arc::new(breaker)), Some(Arc::default()));
    Candidate { target: Target { breaker, account, ..Target::default() }, gate: None, weight }
}

fn load(candidate: &Candidate) -> usize {
    candidate.target.in_flight()
}

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(3)
}

#[test]
fn calls_spread_by_load_and_weight_and_leave_no_load_behind() {
    let candidates = [candidate(1), candidate(3)];
    let (now, mut rng) = (Instant::now(), rng());
    let calls: Vec<_> = (0..400).map(|_| pick(&candidates, now, &mut rng).unwrap()).collect();
    assert_eq!(candidates.each_ref().map(load), [100, 300]);
    for (number, Picked { tracked: mut call, .. }) in calls.into_iter().enumerate() {
        match number % 3 {
            0 => drop(call),
            1 => call.failed(now),
            _ => call.answered(false, None, now),
        }
    }
    assert_eq!(candidates.each_ref().map(load), [0, 0]);
}

#[test]
fn what_is_open_or_cooling_is_left_out_until_the_soonest_is_over() {
    let candidates = [candidate(1), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    candidates[0].target.clone().begin(now).unwrap().failed(now);
    for _ in 0..20 {
        assert_eq!(pick(&candidates, now, &mut rng).unwrap().index, 1);
    }
    candidates[1].target.clone().begin(now).unwrap().answered(false, Some(7 * SECOND), now);
    let error = pick(&candidates, now + 2 * SECOND, &mut rng).err().unwrap();
    assert_eq!((error.after, error.reason), (5 * SECOND, UnavailableReason::CoolingDown));
    assert_eq!(pick(&candidates, now + 7 * SECOND, &mut rng).unwrap().index, 1);
}

#[test]
fn what_is_both_open_and_cooling_waits_for_the_later() {
    for (cool_for, after, reason) in [
        (7 * SECOND, 30 * SECOND, UnavailableReason::CircuitOpen),
        (60 * SECOND, 60 * SECOND, UnavailableReason::CoolingDown),
    ] {
        let candidates = [candidate(1)];
        let now = Instant::now();
        candidates[0].target.clone().begin(now).unwrap().answered(true, Some(cool_for), now);
        let error = pick(&candidates, now, &mut rng()).err().unwrap();
        assert_eq!((error.after, error.reason), (after, reason));
    }
}

#[test]
fn a_cool_down_costs_no_probe() {
    let candidates = [candidate(1)];
    let now = Instant::now();
    candidates[0].target.clone().begin(now).unwrap().answered(true, Some(60 * SECOND), now);
    assert!(pick(&candidates, now + 40 * SECOND, &mut rng()).is_err());
    let breaker = candidates[0].target.breaker.as_ref().unwrap();
    assert!(breaker.check(now + 40 * SECOND).is_ok(), "the probe's place is free");
}

#[test]
fn who_is_not_the_probe_goes_elsewhere() {
    let candidates = [candidate(u32::MAX), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    candidates[0].target.clone().begin(now).unwrap().failed(now);
    let due = now + 30 * SECOND;
    let calls: Vec<_> = (0..10).map(|_| pick(&candidates, due, &mut rng).unwrap()).collect();
    let indexes: Vec<_> = calls.iter().map(|picked| picked.index).collect();
    assert_eq!(indexes, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn without_candidates_there_is_no_call() {
    let (now, mut rng) = (Instant::now(), rng());
    assert_eq!(pick(&[], now, &mut rng).err().unwrap().after, Duration::ZERO);
    let drained = [candidate(0), candidate(0)];
    assert_eq!(pick(&drained, now, &mut rng).err().unwrap().after, Duration::ZERO);
}

#[test]
fn who_loses_a_race_for_a_probe_asks_the_next() {
    let candidates = [candidate(1), candidate(1), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    for candidate in &candidates {
        candidate.target.clone().begin(now).unwrap().failed(now);
    }
    let due = now + 30 * SECOND;
    // All look free to all four, and each has room for one alone.
    let loads = candidates.each_ref().map(|candidate| candidate.load(due));
    let mut ask = || pick_by(&candidates, &mut loads.clone(), due, &mut rng);
    let calls: Vec<_> = (0..3).map(|_| ask().unwrap()).collect();
    assert_eq!(ask().err().unwrap().after, SECOND);
    let mut indexes: Vec<_> = calls.iter().map(|picked| picked.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2]);
}
