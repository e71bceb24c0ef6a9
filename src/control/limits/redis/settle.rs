//! The settlements of one reservation, as they are sent to Redis.

use super::super::{Claim, ReservationId, Settlement};

/// All counters of a gateway are in one slot of a cluster.
pub(super) type Gateway = [u8; 8];

/// The settlements of one reservation.
#[derive(Clone, Debug)]
pub(super) struct Settle {
    pub(super) id: ReservationId,
    pub(super) gateway: Gateway,
    /// All are of that gateway.
    pub(super) settlements: Box<[Settlement]>,
    /// An earlier attempt may have reached Redis.
    pub(super) is_repeated: bool,
}

impl Settle {
    /// `None` if there is nothing to settle.
    pub(super) fn new(id: ReservationId, settlements: Box<[Settlement]>) -> Option<Self> {
        let gateway = settlements.first()?.claim.counter.gateway;
        Some(Self { id, gateway, settlements, is_repeated: false })
    }

    /// Takes back the claims that have a lease.
    pub(super) fn undo(id: ReservationId, claims: &[Claim]) -> Option<Self> {
        let leased = claims.iter().filter(|claim| claim.lease.is_some());
        Self::new(id, leased.map(|claim| Settlement { claim: *claim, at: 0, spent: 0 }).collect())
    }
}
