//! Answers without a reader in this process that other processes still read.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::Flights;
use super::reading::Reading;
use crate::control::cache::counts::Counts;
use crate::control::cache::recording::After;

/// So many at a time. What is more is broken off.
pub(super) const MOST: usize = 64;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How often it is asked whether anybody reads it still.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Room for one of them.
pub(super) struct Orphanage {
    runtime: Handle,
    permit: OwnedSemaphorePermit,
    counts: Arc<Counts>,
}

impl Orphanage {
    /// `None` where there are too many, or no task can be spawned.
    pub(super) fn with_room(flights: &Flights) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        let permit = flights.orphans.clone().try_acquire_owned().ok()?;
        Some(Self { runtime, permit, counts: flights.counts.clone() })
    }

    /// Gets the rest of an answer, in a task of its own, as long as other processes read it.
    pub(super) fn read_on(self, mut reading: Reading) {
        let Self { runtime, permit, counts } = self;
        let end = Instant::now() + LONGEST;
        runtime.spawn(async move {
            while reading.is_followed() && Instant::now() < end {
                let mut after = After::default();
                let next = poll_fn(|cx| reading.poll(cx, &mut after));
                let _ = timeout_at(Instant::now() + LOOK_EVERY, next).await;
                reading.recording.release(usize::MAX, None);
                after.finish(&counts, || ());
            }
            let mut after = After::default();
            reading.abandoned(&mut after);
            after.finish(&counts, || ());
            drop(permit);
        });
    }
}
