//! One limit that a request is under.

use std::sync::Arc;
use std::time::Duration;

use super::pool::{Permit, Pool};
use crate::control::list::SmallList;

/// One limit that a request is under.
#[derive(Debug)]
pub(in crate::control) struct Gate {
    /// The permits that are held, and the queue for them.
    pub(super) pool: Arc<Pool>,
    /// How many permits there are.
    pub(super) limit: usize,
    /// How long a request may wait for one, counted from the call.
    pub(super) wait: Duration,
}

impl Gate {
    /// A permit, where one is free and no request waits for it.
    pub(in crate::control) fn try_acquire(&self) -> Option<Permit> {
        self.pool.try_acquire(self.limit)
    }

    pub(in crate::control) fn is_full(&self) -> bool {
        self.pool.is_full(self.limit)
    }
}

/// Those of a request: of its credential, its provider and its gateway.
pub(super) type Gates = SmallList<Gate, 3>;
