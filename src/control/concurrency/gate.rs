//! One concurrency limit of a request.

use std::sync::Arc;
use std::time::Duration;

use super::pool::{Permit, Pool};
use crate::control::list::SmallList;

#[derive(Debug)]
pub(in crate::control) struct Gate {
    /// The permits in use, and the queue for them.
    pub(super) pool: Arc<Pool>,
    /// The number of permits.
    pub(super) limit: usize,
    /// How long a request may wait for one, from the call on.
    pub(super) wait: Duration,
}

impl Gate {
    /// Returns a permit if one is free and no request waits for it.
    pub(in crate::control) fn try_acquire(&self) -> Option<Permit> {
        self.pool.try_acquire(self.limit)
    }

    pub(in crate::control) fn is_full(&self) -> bool {
        self.pool.is_full(self.limit)
    }
}

/// The gates of a request: credential, provider, gateway.
pub(super) type Gates = SmallList<Gate, 3>;
