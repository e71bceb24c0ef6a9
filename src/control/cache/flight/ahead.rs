//! Reads an answer for other processes, whether its readers here go on or not.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::state::{Flight, Phase, State};
use super::{Flights, Key};
use crate::control::cache::recording::After;

/// How often it is asked whether others read the answer, and whether it may be read on.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Where it waits among the readers.
const PLACE: usize = usize::MAX;

/// Reads while others do, as far as the answer is held for its readers here.
pub(super) struct Ahead {
    flight: Weak<Flight>,
    flights: Arc<Flights>,
    key: Option<Key>,
}

impl Ahead {
    pub(super) fn new(flight: &Arc<Flight>, flights: Arc<Flights>, key: Option<Key>) -> Self {
        Self { flight: Arc::downgrade(flight), flights, key }
    }

    /// In a task of its own, which ends with the answer and with its last reader here.
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
        self.flights.finish(after, self.key.as_ref(), &flight);
        polled
    }
}

impl Flight {
    fn poll_ahead(&self, state: &mut State, cx: &Context<'_>, after: &mut After) -> Poll<()> {
        let Phase::Reading(reading) = &state.phase else { return Poll::Ready(()) };
        if !reading.is_told() {
            return Poll::Ready(());
        }
        if !reading.is_followed() {
            return Poll::Pending;
        }
        let read = reading.recording.count();
        self.waiting.add(PLACE, cx.waker());
        if state.waits(PLACE, read).is_none() && self.poll(state, after).is_ready() {
            state.release();
            // The readers here, and this for more.
            after.wake.append(&mut self.waiting.all());
        }
        Poll::Pending
    }
}
