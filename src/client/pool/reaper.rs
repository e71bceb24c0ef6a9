//! The task that closes idle connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Pool, SWEEPS};
use crate::client::tracked_body::SendBody;

/// Whether a pool's reaper is running. It ends with the runtime that it was started on.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<AtomicBool>);

impl Running {
    /// Starts the reaper unless it runs.
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

/// Sweeps all connections at an interval, and checks idle ones when they are woken.
async fn reap<B: SendBody>(
    pool: Weak<Pool<B>>,
    wake: Arc<Notify>,
    every: Duration,
    _ending: Ending,
) {
    // Never zero: the loop would spin.
    let every = every.max(Duration::from_millis(1));
    let mut next = Instant::now() + every;
    loop {
        let _ = timeout_at(next, wake.notified()).await;
        let now = Instant::now();
        let is_sweep = now >= next;
        if is_sweep {
            next = now + every;
        }
        // The last client has been dropped.
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(is_sweep);
    }
}
