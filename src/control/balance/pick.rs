//! Picks one of several candidates, with permits of its key and its breaker.

use std::time::Duration;

use tokio::time::Instant;

use super::choice::{Load, choose, nearest};
use super::rendezvous;
use crate::context::session::{Affinity, Conversation};
use crate::control::concurrency::{Gate, Permit};
use crate::control::health::{Blocked, Target, Tracked, Unavailable, UnavailableReason};

/// A base URL and key that a call could use.
#[derive(Debug, Default)]
pub(in crate::control) struct Candidate {
    pub(in crate::control) target: Target,
    /// The concurrency limit of this key, if it has one.
    pub(in crate::control) gate: Option<Gate>,
    /// The share of the calls; see [`Load::weight`].
    pub(in crate::control) weight: u32,
    /// See [`Choice::id`](super::Choice::id).
    pub(in crate::control) id: u64,
}

/// How to choose among healthy candidates; by load if it is empty.
#[derive(Debug, Default)]
pub(in crate::control) struct Order {
    /// The hash of the session.
    session: Option<u64>,
    /// The candidate that must be used, if it is among them.
    pinned: Option<u64>,
    /// The candidates that earlier calls of this request used.
    tried: Vec<u64>,
}

impl Order {
    pub(in crate::control) fn of(conversation: &Conversation, pinned: Option<u64>) -> Self {
        let session = conversation.session().map(|session| session.hash());
        Self { session, pinned, tried: conversation.tried() }
    }
}

/// The picked candidate, ready for a call.
pub(in crate::control) struct Picked {
    pub(in crate::control) index: usize,
    pub(in crate::control) tracked: Tracked,
    /// The permit of its key. `None` if the key has no limit, or all permits are taken and the call
    /// must wait.
    pub(in crate::control) permit: Option<Permit>,
    /// The session's affinity, if there is a session.
    pub(in crate::control) affinity: Option<Affinity>,
}

pub(in crate::control) fn pick(
    candidates: &[Candidate],
    order: &Order,
    now: Instant,
    rng: &mut fastrand::Rng,
) -> Result<Picked, Unavailable> {
    let load = |candidate: &Candidate| Load {
        distance: order.session.map(|session| rendezvous::distance(session, candidate.id)),
        was_tried: order.tried.contains(&candidate.id)
            || order.session.is_some() && candidate.target.is_avoided(now),
        ..candidate.load(now)
    };
    let mut loads: Vec<_> = candidates.iter().map(load).collect();
    let is_pinned =
        |candidate: &Candidate| Some(candidate.id) == order.pinned && candidate.weight > 0;
    if candidates.iter().any(is_pinned) {
        // Other accounts do not know the stored response.
        for (load, candidate) in loads.iter_mut().zip(candidates) {
            load.weight = if is_pinned(candidate) { load.weight } else { 0 };
        }
        let picked = pick_by(candidates, &mut loads, now, rng)?;
        return Ok(Picked { affinity: Some(Affinity::Pinned), ..picked });
    }
    let home = home(&loads);
    let picked = pick_by(candidates, &mut loads, now, rng)?;
    let affinity = order.session.map(|_| match home == Some(picked.index) {
        true => Affinity::Kept,
        false => Affinity::Moved,
    });
    Ok(Picked { affinity, ..picked })
}

/// The session's candidate if all were healthy.
fn home(loads: &[Load]) -> Option<usize> {
    let fresh = |load: &Load| Load { was_tried: false, ..*load };
    let loads: Vec<_> = loads.iter().map(fresh).collect();
    nearest(&loads, |load| load.weight > 0)
}

/// Picks by loads that may be outdated by now.
fn pick_by(
    candidates: &[Candidate],
    loads: &mut [Load],
    now: Instant,
    rng: &mut fastrand::Rng,
) -> Result<Picked, Unavailable> {
    let mut waits = false;
    loop {
        let index = match choose(loads, rng) {
            Ok(index) => index,
            Err(_) if loads.iter().any(Load::is_only_full) => {
                // The call must wait for a permit: choose which one.
                waits = true;
                loads.iter_mut().for_each(|load| load.is_full = false);
                continue;
            }
            Err(Some(blocked)) => return Err(blocked.as_error(now)),
            Err(None) => {
                let reason = UnavailableReason::CircuitOpen;
                return Err(Unavailable { retry_after: Duration::ZERO, reason });
            }
        };
        // Another call may have been faster since the loads were read.
        match candidates[index].begin(now, waits) {
            Ok((tracked, permit)) => {
                return Ok(Picked { index, tracked, permit, affinity: None });
            }
            Err(Busy::Full) => loads[index].is_full = true,
            Err(Busy::Blocked(blocked)) => loads[index].blocked = Some(blocked),
        }
    }
}

/// Why a candidate cannot be used right now.
enum Busy {
    Full,
    Blocked(Blocked),
}

impl Candidate {
    fn load(&self, now: Instant) -> Load {
        Load {
            weight: self.weight,
            in_flight: self.target.in_flight(),
            blocked: self.target.blocked(now),
            is_full: self.gate.as_ref().is_some_and(Gate::is_full),
            distance: None,
            was_tried: false,
        }
    }

    /// With `waits`, a missing permit of the key is no obstacle: it is waited for later.
    fn begin(&self, now: Instant, waits: bool) -> Result<(Tracked, Option<Permit>), Busy> {
        let permit = match &self.gate {
            None => None,
            Some(gate) => match gate.try_acquire() {
                None if !waits => return Err(Busy::Full),
                permit => permit,
            },
        };
        let tracked = self.target.clone().begin(now).map_err(Busy::Blocked)?;
        Ok((tracked, permit))
    }
}

#[cfg(test)]
mod tests;
