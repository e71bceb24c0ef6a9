//! What all requests of a layer share: the store, the estimates, and the board of the operator.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::board::Board;
use super::estimate::Estimates;
use super::memory::MemoryStore;
use super::orders::Orders;
use super::store::{LimitStore, LimitStoreError, ReservationId, Settlement};
use crate::TARGET;
use crate::control::outage::Outage;
use crate::usage::{Cost, Usage};

/// Where a layer counts, and what it has learnt.
pub(super) struct Shared {
    /// `None` if requests count in the local one.
    pub(super) store: Option<Arc<dyn LimitStore>>,
    /// Counts if there is no other store, or while that fails.
    pub(super) local: Arc<MemoryStore>,
    pub(super) estimates: Estimates,
    pub(super) orders: Orders,
    pub(super) board: Board,
    /// While it is false, `outage` need not be locked.
    is_failing: AtomicBool,
    outage: Mutex<Outage>,
}

impl Shared {
    pub(super) fn new(store: Option<Arc<dyn LimitStore>>, local: Arc<MemoryStore>) -> Self {
        let (estimates, orders, board) = Default::default();
        let (is_failing, outage) = (AtomicBool::new(false), Mutex::default());
        Self { store, local, estimates, orders, board, is_failing, outage }
    }

    /// `is_local`: they were reserved in the local store.
    pub(super) fn settle(&self, is_local: bool, id: ReservationId, settlements: &[Settlement]) {
        match self.store.as_deref().filter(|_| !is_local) {
            Some(store) => store.settle(id, settlements),
            None => self.local.settle_now(settlements),
        }
        self.board.settled(settlements);
    }

    /// An ordered answer was fetched: replaces its estimates by its usage, for those who ordered
    /// it.
    pub(super) fn fetched(&self, order: u64, usage: &Usage, cost: Option<Cost>) {
        let Some(order) = self.orders.take(order) else { return };
        self.estimates.learn(order.model(), order.request_bytes, usage, 0);
        let all: Vec<_> = order.settlements(usage, cost).collect();
        for reserved_at_once in all.chunk_by(|(one, _), (other, _)| one.id == other.id) {
            let (counted, _) = reserved_at_once[0];
            let settlements: Vec<_> = reserved_at_once.iter().map(|(_, it)| *it).collect();
            self.settle(counted.is_local, counted.id, &settlements);
        }
    }

    /// The store that requests count in.
    pub(super) fn store(&self) -> &dyn LimitStore {
        self.store.as_deref().unwrap_or(&*self.local)
    }

    /// Logs once that the store fails, and once that it works again, unless the store does so
    /// itself.
    pub(super) fn store_answered(&self, error: Option<&LimitStoreError>) {
        if (error.is_none() && !self.is_failing.load(Ordering::Relaxed))
            || self.store().reports_failures()
        {
            return;
        }
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_failing.store(error.is_some(), Ordering::Relaxed);
        let is_news = match error {
            Some(_) => outage.fails(),
            None => outage.works(),
        };
        drop(outage);
        match error {
            Some(error) if is_news => tracing::warn!(
                target: TARGET,
                %error,
                "the store of limits is not available: each rule's `on_store_failure` applies"
            ),
            None if is_news => {
                tracing::warn!(target: TARGET, "the store of limits is available again");
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("limits::Shared").field("store", &self.store).finish_non_exhaustive()
    }
}
