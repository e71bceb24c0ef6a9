//! A store of limits that fails where a test wants it to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tower_ai_gateway::control::limits::{
    Claim, Counter, Decision, LimitStore, LimitStoreError, MemoryStore, ReservationId, Settlement,
    Standing, StoreFuture,
};
use tower_ai_gateway::settings::limits::Window;

/// Counts in memory. While it fails, counts can be read and not changed.
#[derive(Debug, Default)]
pub(crate) struct FailingStore {
    pub(crate) counts: MemoryStore,
    pub(crate) is_failing: AtomicBool,
    /// The number of reservations it was asked for.
    pub(crate) asked: AtomicUsize,
}

impl FailingStore {
    fn change<'a, T: Send + 'a>(&self, changed: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let is_failing = self.is_failing.load(Ordering::Relaxed);
        Box::pin(async move {
            // No store but the gateway's own answers at once.
            tokio::task::yield_now().await;
            if is_failing { Err(LimitStoreError::Timeout) } else { changed.await }
        })
    }
}

impl LimitStore for FailingStore {
    fn reserve<'a>(&'a self, id: ReservationId, claims: &'a [Claim]) -> StoreFuture<'a, Decision> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.change(self.counts.reserve(id, claims))
    }

    fn settle(&self, id: ReservationId, settlements: &[Settlement]) {
        self.counts.settle(id, settlements);
    }

    fn standing<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
    ) -> StoreFuture<'a, Standing> {
        self.counts.standing(counter, window, limit)
    }

    fn refund<'a>(
        &'a self,
        counter: &'a Counter,
        window: Window,
        limit: u64,
        extra: Option<u64>,
    ) -> StoreFuture<'a, ()> {
        self.change(self.counts.refund(counter, window, limit, extra))
    }
}
