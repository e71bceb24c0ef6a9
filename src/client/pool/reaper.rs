//! The task that closes what nobody uses.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Pool, SWEEPS};
use crate::client::sent::SendBody;

/// Whether a pool has its reaper. It is gone when the runtime that it was started on is.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<AtomicBool>);

impl Running {
    /// Starts the reaper, unless it runs.
    pub(super) fn ensure<B: SendBody>(&self, pool: &Arc<Pool<B>>) {
        if !self.0.swap(true, Ordering::Relaxed) {
            let (wake, every) = (pool.wake_reaper.clone(), pool.limits.idle_timeout / SWEEPS);
            tokio::spawn(reap(Arc::downgrade(pool), wake, every, Ending(self.clone())));
        }
    }
}

struct Ending(Running);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// Looks at all connections every so often, and at those that have something to tell when they do.
async fn reap<B: SendBody>(
    pool: Weak<Pool<B>>,
    wake: Arc<Notify>,
    every: Duration,
    _ending: Ending,
) {
    // A reaper that never slept would keep a core busy.
    let every = every.max(Duration::from_millis(1));
    let mut next = Instant::now() + every;
    loop {
        let _ = timeout_at(next, wake.notified()).await;
        let now = Instant::now();
        let is_sweep = now >= next;
        if is_sweep {
            next = now + every;
        }
        // Gone: the last client has been dropped.
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(is_sweep);
    }
}
