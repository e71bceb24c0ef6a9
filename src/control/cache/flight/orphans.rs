//! Answers that nobody reads here any more, and other processes do.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::Flights;
use crate::control::cache::recording::{After, Recording, discard};

/// So many at a time. What is more is broken off.
pub(super) const MOST: usize = 64;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How often it is asked whether anybody reads it still.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Gets the rest of an answer, in a task of its own, as long as other processes read it.
pub(super) fn read_on(flights: &Arc<Flights>, mut recording: Box<Recording>) {
    let (runtime, permit) = (Handle::try_current(), flights.orphans.clone().try_acquire_owned());
    let counts = flights.counts.clone();
    let (Ok(runtime), Ok(permit)) = (runtime, permit) else {
        let mut after = After::default();
        recording.abandoned(&mut after);
        after.finish(&counts, || ());
        return discard(recording);
    };
    let end = Instant::now() + LONGEST;
    runtime.spawn(async move {
        while recording.is_followed() && Instant::now() < end {
            let mut after = After::default();
            let next = poll_fn(|cx| recording.poll_source(cx, &mut after));
            let _ = timeout_at(Instant::now() + LOOK_EVERY, next).await;
            after.finish(&counts, || ());
        }
        let mut after = After::default();
        recording.abandoned(&mut after);
        after.finish(&counts, || ());
        drop(permit);
    });
}
