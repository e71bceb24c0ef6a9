//! Chooses among several upstreams by weight and load.
//!
//! Power of two choices: draw two candidates by weight, take the one with less load for its weight.
//! Idle candidates get calls in proportion to their weights. A slow one fills up and gets fewer,
//! and calls do not all rush to the emptiest.
//!
//! A request of a session goes to the session's nearest candidate, whatever its load.

use super::rendezvous::is_nearer;
use crate::control::health::Blocked;

/// The state of a candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Its share of the calls. 0: none.
    pub(super) weight: u32,
    /// How many exchanges are open.
    pub(super) in_flight: usize,
    /// Why it must not be used now.
    pub(super) blocked: Option<Blocked>,
    /// All permits of its key are taken.
    pub(super) is_full: bool,
    /// Its distance from the request's session, if there is one.
    pub(super) distance: Option<u64>,
    /// The same request was sent there before, or a call failed there a moment ago.
    pub(super) was_tried: bool,
}

impl Load {
    fn draws(&self) -> u64 {
        if self.is_full { 0 } else { self.draws_with_a_permit() }
    }

    fn draws_with_a_permit(&self) -> u64 {
        if self.blocked.is_some() { 0 } else { u64::from(self.weight) }
    }

    /// Returns true if it lacks only a permit.
    pub(super) fn is_only_full(&self) -> bool {
        self.is_full && self.draws_with_a_permit() > 0
    }

    /// Returns true if it has less load for its weight than the other.
    fn is_below(&self, other: &Self) -> bool {
        let share = |load: &Self, of: &Self| load.in_flight as u128 * u128::from(of.weight);
        share(self, other) < share(other, self)
    }
}

/// The candidate nearest to the session among those that `counts` accepts. Candidates that were
/// tried come last.
pub(super) fn nearest(loads: &[Load], counts: impl Fn(&Load) -> bool) -> Option<usize> {
    let mut best: Option<(usize, &Load, u64)> = None;
    for (index, load) in loads.iter().enumerate().filter(|(_, load)| counts(load)) {
        let Some(distance) = load.distance else { continue };
        let is_better = best.is_none_or(|(_, other, of)| match (load.was_tried, other.was_tried) {
            (true, false) => false,
            (false, true) => true,
            _ => is_nearer((distance, load.weight), (of, other.weight)),
        });
        if is_better {
            best = Some((index, load, distance));
        }
    }
    best.map(|(index, ..)| index)
}

/// The candidate to use. If all are blocked, the error is the one that is free soonest; `None` if
/// no candidate has a weight.
pub(super) fn choose(loads: &[Load], rng: &mut fastrand::Rng) -> Result<usize, Option<Blocked>> {
    if let Some(nearest) = nearest(loads, |load| load.draws() > 0) {
        return Ok(nearest);
    }
    let Some(first) = draw(loads, None, rng) else {
        let blocked = loads.iter().filter(|load| load.weight > 0).filter_map(|load| load.blocked);
        return Err(blocked.min_by_key(|blocked| blocked.until));
    };
    let Some(second) = draw(loads, Some(first), rng) else { return Ok(first) };
    let is_second_below = loads
        .get(second)
        .zip(loads.get(first))
        .is_some_and(|(second, first)| second.is_below(first));
    Ok(if is_second_below { second } else { first })
}

fn draw(loads: &[Load], except: Option<usize>, rng: &mut fastrand::Rng) -> Option<usize> {
    let usable = || {
        let usable = loads.iter().enumerate().map(|(index, load)| (index, load.draws()));
        usable.filter(|(index, draws)| *draws > 0 && Some(*index) != except)
    };
    let sum: u64 = usable().map(|(_, draws)| draws).sum();
    // A single candidate needs no random number.
    let mut at = if sum == 0 { 0 } else { rng.u64(0..sum) };
    usable()
        .find(|(_, draws)| {
            let is_hit = at < *draws;
            at = at.saturating_sub(*draws);
            is_hit
        })
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::health::UnavailableReason;
    use std::time::Duration;
    use tokio::time::Instant;

    const DRAWS: usize = 100_000;

    fn load(weight: u32, in_flight: usize) -> Load {
        let (blocked, is_full, distance, was_tried) = (None, false, None, false);
        Load { weight, in_flight, blocked, is_full, distance, was_tried }
    }

    fn shares(loads: &[Load]) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut counts = vec![0_u32; loads.len()];
        for _ in 0..DRAWS {
            counts[choose(loads, &mut rng).unwrap()] += 1;
        }
        counts.iter().map(|count| f64::from(*count) / DRAWS as f64).collect()
    }

    #[track_caller]
    fn assert_shares(loads: &[Load], expected: &[f64]) {
        let shares = shares(loads);
        for (share, expected) in shares.iter().zip(expected) {
            assert!((share - expected).abs() < 0.02 * expected.max(0.01), "{shares:?}");
        }
    }

    #[test]
    fn idle_candidates_share_by_weight() {
        assert_shares(&[load(1, 0), load(3, 0)], &[0.25, 0.75]);
        assert_shares(&[load(1, 0), load(1, 0), load(2, 0)], &[0.25, 0.25, 0.5]);
        assert_shares(&[load(u32::MAX, 0), load(u32::MAX, 0)], &[0.5, 0.5]);
        assert_shares(&[load(0, 0), load(1, 0)], &[0.0, 1.0]);
    }

    #[test]
    fn a_candidate_with_more_load_for_its_weight_is_avoided() {
        assert_shares(&[load(1, 1), load(3, 0)], &[0.0, 1.0]);
        // Three times the weight, three times the load.
        assert_shares(&[load(1, 1), load(3, 4)], &[1.0, 0.0]);
        assert_shares(&[load(1, 1), load(3, 3)], &[0.25, 0.75]);
        // The loaded one of three is never taken: one of the others is always drawn too.
        let shares = shares(&[load(1, 9), load(1, 0), load(1, 0)]);
        assert_eq!(shares[0], 0.0);
        assert!((shares[1] - 0.5).abs() < 0.01, "{shares:?}");
    }

    #[test]
    fn both_draws_are_different_and_by_weight() {
        // The first is always the fuller of two, so it is taken only if it is drawn twice.
        assert_shares(&[load(1_000_000, 1_000_001), load(1, 0)], &[0.0, 1.0]);
    }

    #[test]
    fn a_session_goes_to_the_nearest_untried_candidate() {
        let at = |weight, distance| Load { distance: Some(distance), ..load(weight, 0) };
        let mut rng = fastrand::Rng::with_seed(1);
        let mut choose = |loads: &[Load]| choose(loads, &mut rng).unwrap();
        assert_eq!(choose(&[at(1, 30), at(1, 20), at(1, 40)]), 1);
        // Twice the weight, half the distance.
        assert_eq!(choose(&[at(2, 30), at(1, 20), at(1, 40)]), 0);
        assert_eq!(choose(&[at(1, 30), at(0, 1)]), 0);
        let full = Load { is_full: true, ..at(1, 1) };
        let busy = Load { in_flight: 99, ..at(1, 2) };
        assert_eq!(choose(&[at(1, 30), full, busy]), 2);
        let tried = Load { was_tried: true, ..at(1, 1) };
        assert_eq!(choose(&[at(1, 30), tried, at(1, 20)]), 2);
        assert_eq!(choose(&[full, tried, full]), 1);
    }

    #[test]
    fn blocked_candidates_are_left_out_and_the_soonest_is_named() {
        let now = Instant::now();
        let blocked = |weight, seconds, reason| Load {
            blocked: Some(Blocked { until: now + Duration::from_secs(seconds), reason }),
            ..load(weight, 0)
        };
        let open = blocked(5, 9, UnavailableReason::CircuitOpen);
        let cooling = blocked(1, 4, UnavailableReason::CoolingDown);
        let drained = blocked(0, 1, UnavailableReason::CoolingDown);
        assert_shares(&[open, load(1, 7), cooling], &[0.0, 1.0, 0.0]);
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(choose(&[open, cooling, drained], &mut rng), Err(cooling.blocked));
        assert_eq!(choose(&[drained], &mut rng), Err(None));
        assert_eq!(choose(&[], &mut rng), Err(None));
    }
}
