//! What all requests of a layer share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::board::Board;
use super::estimate::Estimates;
use super::memory::MemoryStore;
use super::store::{LimitStore, ReservationId, Settlement, StoreError};
use crate::TARGET;

/// Where a layer counts, and what it has learnt.
pub(super) struct Shared {
    /// `None` where that is the local one.
    pub(super) store: Option<Arc<dyn LimitStore>>,
    /// The layer's own, or what takes the place of another one that fails.
    pub(super) local: Arc<MemoryStore>,
    pub(super) estimates: Estimates,
    pub(super) board: Board,
    /// The host was told that the store fails.
    is_failing: AtomicBool,
}

impl Shared {
    pub(super) fn new(store: Option<Arc<dyn LimitStore>>, local: Arc<MemoryStore>) -> Self {
        let (estimates, board) = (Estimates::default(), Board::default());
        Self { store, local, estimates, board, is_failing: AtomicBool::new(false) }
    }

    /// `is_local`: in the local store, whatever the other one is.
    pub(super) fn settle(&self, is_local: bool, id: ReservationId, settlements: &[Settlement]) {
        match self.store.as_deref().filter(|_| !is_local) {
            Some(store) => store.settle(id, settlements),
            None => self.local.settle_now(settlements),
        }
        self.board.settled(settlements);
    }

    /// The store, or the local one where that is it.
    pub(super) fn store(&self) -> &dyn LimitStore {
        self.store.as_deref().unwrap_or(&*self.local)
    }

    /// Tells the host once that the store fails, and once that it no longer does.
    pub(super) fn store_answered(&self, error: Option<&StoreError>) {
        let is_failing = error.is_some();
        if self.is_failing.load(Ordering::Relaxed) == is_failing
            || self.is_failing.swap(is_failing, Ordering::Relaxed) == is_failing
        {
            return;
        }
        match error {
            Some(error) => tracing::warn!(
                target: TARGET,
                %error,
                "limits cannot be counted in their store: each rule does what its on_store_failure says"
            ),
            None => tracing::warn!(target: TARGET, "limits are counted in their store again"),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("limits::Shared").field("store", &self.store).finish_non_exhaustive()
    }
}
