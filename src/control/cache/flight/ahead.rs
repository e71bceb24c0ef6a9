//! Reads a response for other processes, whether or not its readers in this process go on.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::Flights;
use super::state::{Flight, Phase, State};
use crate::control::cache::recording::After;

/// How often it checks whether other processes read the response, and whether it may read on.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Its place among the waiting members.
const PLACE: usize = usize::MAX;

/// Reads while other processes do, as far as memory holds the response for its readers here.
pub(super) struct Ahead {
    flight: Weak<Flight>,
    flights: Arc<Flights>,
}

impl Ahead {
    pub(super) fn new(flight: &Arc<Flight>, flights: Arc<Flights>) -> Self {
        Self { flight: Arc::downgrade(flight), flights }
    }

    /// Spawns a task, which ends with the response and with its last reader in this process.
    pub(super) fn spawn(self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let mut is_over = false;
                while !is_over {
                    let look = Instant::now() + LOOK_EVERY;
                    is_over = timeout_at(look, poll_fn(|cx| self.poll(cx))).await.is_ok();
                }
            });
        }
    }

    /// Ready when it is over.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(flight) = self.flight.upgrade() else { return Poll::Ready(()) };
        let mut after = After::default();
        let polled = flight.poll_ahead(&mut flight.state(), cx, &mut after);
        self.flights.finish(&mut after, &flight);
        polled
    }
}

impl Flight {
    fn poll_ahead(&self, state: &mut State, cx: &Context<'_>, after: &mut After) -> Poll<()> {
        let Phase::Reading(reading) = &state.phase else { return Poll::Ready(()) };
        if !reading.is_broadcast() {
            return Poll::Ready(());
        }
        if !reading.is_followed() {
            return Poll::Pending;
        }
        let read = reading.recording.count();
        self.waiting.add(PLACE, cx.waker());
        if state.waits(PLACE, read).is_none() && self.poll(state, after).is_ready() {
            state.release();
            // Wakes the readers here, and this task again.
            after.wake.extend(self.waiting.all());
        }
        Poll::Pending
    }
}
