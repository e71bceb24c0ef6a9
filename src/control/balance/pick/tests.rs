//! Which candidate gets a call: by load, weight, health and session.

use std::sync::Arc;

use super::*;
use crate::control::health::{Breaker, BreakerSettings, Subject};

const SECOND: Duration = Duration::from_secs(1);

fn candidate(weight: u32) -> Candidate {
    let settings = BreakerSettings::default().failures_in_a_row(1);
    let breaker = Breaker::new(Subject::default(), settings, Instant::now());
    let (breaker, account) = (Some(Arc::new(breaker)), Some(Arc::default()));
    Candidate {
        target: Target { breaker, account, ..Target::default() },
        gate: None,
        weight,
        id: 0,
    }
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
    let calls: Vec<_> =
        (0..400).map(|_| pick(&candidates, &Order::default(), now, &mut rng).unwrap()).collect();
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
fn open_or_cooling_candidates_are_left_out_until_the_soonest_is_over() {
    let candidates = [candidate(1), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    candidates[0].target.clone().begin(now).unwrap().failed(now);
    for _ in 0..20 {
        assert_eq!(pick(&candidates, &Order::default(), now, &mut rng).unwrap().index, 1);
    }
    candidates[1].target.clone().begin(now).unwrap().answered(false, Some(7 * SECOND), now);
    let error = pick(&candidates, &Order::default(), now + 2 * SECOND, &mut rng).err().unwrap();
    assert_eq!((error.retry_after, error.reason), (5 * SECOND, UnavailableReason::CoolingDown));
    assert_eq!(pick(&candidates, &Order::default(), now + 7 * SECOND, &mut rng).unwrap().index, 1);
}

#[test]
fn an_open_and_cooling_candidate_waits_for_the_later_end() {
    for (cool_for, after, reason) in [
        (7 * SECOND, 30 * SECOND, UnavailableReason::CircuitOpen),
        (60 * SECOND, 60 * SECOND, UnavailableReason::CoolingDown),
    ] {
        let candidates = [candidate(1)];
        let now = Instant::now();
        candidates[0].target.clone().begin(now).unwrap().answered(true, Some(cool_for), now);
        let error = pick(&candidates, &Order::default(), now, &mut rng()).err().unwrap();
        assert_eq!((error.retry_after, error.reason), (after, reason));
    }
}

#[test]
fn a_cool_down_costs_no_probe() {
    let candidates = [candidate(1)];
    let now = Instant::now();
    candidates[0].target.clone().begin(now).unwrap().answered(true, Some(60 * SECOND), now);
    assert!(pick(&candidates, &Order::default(), now + 40 * SECOND, &mut rng()).is_err());
    let breaker = candidates[0].target.breaker.as_ref().unwrap();
    assert!(breaker.check(now + 40 * SECOND).is_ok(), "the probe's place is free");
}

#[test]
fn calls_beside_a_probe_go_elsewhere() {
    let candidates = [candidate(u32::MAX), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    candidates[0].target.clone().begin(now).unwrap().failed(now);
    let due = now + 30 * SECOND;
    let calls: Vec<_> =
        (0..10).map(|_| pick(&candidates, &Order::default(), due, &mut rng).unwrap()).collect();
    let indexes: Vec<_> = calls.iter().map(|picked| picked.index).collect();
    assert_eq!(indexes, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn without_candidates_there_is_no_call() {
    let (now, mut rng) = (Instant::now(), rng());
    assert_eq!(
        pick(&[], &Order::default(), now, &mut rng).err().unwrap().retry_after,
        Duration::ZERO
    );
    let drained = [candidate(0), candidate(0)];
    assert_eq!(
        pick(&drained, &Order::default(), now, &mut rng).err().unwrap().retry_after,
        Duration::ZERO
    );
}

#[test]
fn a_call_that_loses_a_race_for_a_probe_tries_the_next() {
    let candidates = [candidate(1), candidate(1), candidate(1)];
    let (now, mut rng) = (Instant::now(), rng());
    for candidate in &candidates {
        candidate.target.clone().begin(now).unwrap().failed(now);
    }
    let due = now + 30 * SECOND;
    // All four look free, and each has room for one.
    let loads = candidates.each_ref().map(|candidate| candidate.load(due));
    let mut ask = || pick_by(&candidates, &mut loads.clone(), due, &mut rng);
    let calls: Vec<_> = (0..3).map(|_| ask().unwrap()).collect();
    assert_eq!(ask().err().unwrap().retry_after, SECOND);
    let mut indexes: Vec<_> = calls.iter().map(|picked| picked.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2]);
}

/// A candidate with its own id.
fn identified(id: u64) -> Candidate {
    Candidate { id, ..candidate(1) }
}

fn of_session(session: u64) -> Order {
    Order { session: Some(session), ..Order::default() }
}

/// A session that is nearest to the candidate at this index.
fn session_at(candidates: &[Candidate], index: usize) -> u64 {
    let at = |session: &u64| {
        let picked = pick(candidates, &of_session(*session), Instant::now(), &mut rng()).unwrap();
        picked.index == index
    };
    (0..).find(at).unwrap()
}

#[test]
fn a_session_leaves_an_unhealthy_candidate_and_comes_back() {
    let candidates = [identified(1), identified(2), identified(3)];
    let (now, mut rng) = (Instant::now(), rng());
    let order = of_session(session_at(&candidates, 1));
    let mut at = |now| {
        let picked = pick(&candidates, &order, now, &mut rng).unwrap();
        (picked.index, picked.affinity)
    };
    assert_eq!(at(now), (1, Some(Affinity::Kept)));
    candidates[1].target.clone().begin(now).unwrap().answered(false, Some(SECOND), now);
    let next = at(now);
    assert!(next.0 != 1 && next.1 == Some(Affinity::Moved));
    assert_eq!(at(now), next);
    assert_eq!(at(now + SECOND), (1, Some(Affinity::Kept)));
}

#[test]
fn a_failed_call_moves_a_session_and_load_does_not() {
    let candidates = [identified(1), identified(2)];
    let (now, mut rng) = (Instant::now(), rng());
    let session = session_at(&candidates, 0);
    let _open: Vec<_> = (0..50).map(|_| candidates[0].target.clone().begin(now)).collect();
    let order = of_session(session);
    assert_eq!(pick(&candidates, &order, now, &mut rng).unwrap().index, 0);
    let again = |tried: &[u64]| Order { tried: tried.to_vec(), ..of_session(session) };
    let picked = pick(&candidates, &again(&[1]), now, &mut rng).unwrap();
    assert_eq!((picked.index, picked.affinity), (1, Some(Affinity::Moved)));
    // All have been tried: the nearest again.
    assert_eq!(pick(&candidates, &again(&[1, 2]), now, &mut rng).unwrap().index, 0);
}

#[test]
fn a_pinned_request_uses_only_its_candidate_if_that_exists() {
    let candidates = [identified(1), identified(2)];
    let (now, mut rng) = (Instant::now(), rng());
    let pinned = |id| Order {
        pinned: Some(id),
        ..of_session(session_at(&[identified(1), identified(2)], 0))
    };
    let picked = pick(&candidates, &pinned(2), now, &mut rng).unwrap();
    assert_eq!((picked.index, picked.affinity), (1, Some(Affinity::Pinned)));
    let picked = pick(&candidates, &pinned(9), now, &mut rng).unwrap();
    assert_eq!((picked.index, picked.affinity), (0, Some(Affinity::Kept)));
    candidates[1].target.clone().begin(now).unwrap().answered(false, Some(SECOND), now);
    let error = pick(&candidates, &pinned(2), now, &mut rng).err().unwrap();
    assert_eq!((error.retry_after, error.reason), (SECOND, UnavailableReason::CoolingDown));
}
