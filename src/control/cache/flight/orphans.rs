//! Responses that only other processes still read.

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

/// The maximum number at a time. More are cut off.
pub(super) const MOST: usize = 64;
/// The maximum time for one.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How often it checks whether any process still reads it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A permit to read one of them.
pub(super) struct Orphanage {
    runtime: Handle,
    permit: OwnedSemaphorePermit,
    counts: Arc<Counts>,
}

impl Orphanage {
    /// `None` if there are too many, or no task can be spawned.
    pub(super) fn with_room(flights: &Flights) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        let permit = flights.orphans.clone().try_acquire_owned().ok()?;
        Some(Self { runtime, permit, counts: flights.counts.clone() })
    }

    /// Reads the rest of a response in a task of its own, while other processes read it.
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
