//! The body as a member reads it.

use std::task::{Context, Poll};

use super::Member;
use crate::control::cache::flight::Next;
use crate::control::cache::flight::state::{Phase, State};
use crate::control::cache::recording::{After, FlightError, Piece};

impl Member {
    /// The next piece of the body. `at`: the number of frames that it has read.
    pub(in crate::control::cache) fn poll_next(
        &self,
        at: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Next> {
        let mut after = After::default();
        let polled = {
            let mut state = self.flight.state();
            self.next(&mut state, at, cx, &mut after)
        };
        self.finish(&mut after);
        polled
    }

    fn next(
        &self,
        state: &mut State,
        at: usize,
        cx: &mut Context<'_>,
        after: &mut After,
    ) -> Poll<Next> {
        let waiting = &self.flight.waiting;
        let leads = state.is_leader(self.place);
        loop {
            let recording = match &mut state.phase {
                Phase::Reading(reading) => &mut reading.recording,
                Phase::Stored { entry, trailers } => {
                    let trailers = if leads { trailers.take() } else { None };
                    return Poll::Ready(Next::Stored { entry: entry.clone(), trailers });
                }
                Phase::Vacant { .. } | Phase::Calling(_) | Phase::Unshared | Phase::Over => {
                    let piece = Piece::Error(FlightError::Panicked.into());
                    return Poll::Ready(Next::Piece { piece, is_last: true });
                }
            };
            if let Some(piece) = recording.get(at, leads) {
                let read = at + usize::from(matches!(piece, Piece::Data(_)));
                let is_last = recording.is_over(read);
                let is_growing = recording.is_growing();
                if let Some(member) = state.member(self.place) {
                    member.at = read;
                }
                state.mark();
                if !is_growing {
                    // Faster readers may have waited for this one.
                    if state.release() {
                        after.wake.extend(self.flight.waiting.all());
                    }
                }
                return Poll::Ready(Next::Piece { piece, is_last });
            }
            waiting.add(self.place, cx.waker());
            if let Some(until) = state.waits(self.place, at) {
                return Poll::Ready(Next::Waits { until });
            }
            if self.flight.poll(state, after).is_pending() {
                return Poll::Pending;
            }
            after.wake.extend(waiting.others(self.place));
        }
    }

    /// Whether nothing of the body is left, without reading on.
    pub(in crate::control::cache) fn is_over(&self, at: usize) -> bool {
        self.flight.state().phase.is_over(at)
    }
}
