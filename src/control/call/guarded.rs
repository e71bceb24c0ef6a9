//! A response body with the guards that it holds until its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::guards::Guards;
use crate::control::timer::Timer;
use crate::util::body_hint::is_over;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

pin_project! {
    /// A body with its idle timeout, and with the guards that it holds until its end.
    pub(super) struct Guarded<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) guards: Guards,
        pub(super) idle: Option<Duration>,
        // When the wait for the next frame began.
        pub(super) waiting_since: Option<Instant>,
        // Frames do not reset it. If it fires early, it is set again to the right time.
        pub(super) timer: Timer,
    }
}

/// A body that was polled once before it is read.
pub(super) enum Begun<D> {
    /// The body ended with its first frame, or without one.
    Over(Option<Result<Frame<D>, BoxError>>),
    GoesOn(Option<Frame<D>>),
}

/// The result of a poll.
pub(super) type Polled<R> = Poll<Option<Result<Frame<<R as Body>::Data>, BoxError>>>;

impl<R> Guarded<R>
where
    R: Body,
    R::Error: Into<BoxError>,
{
    pub(super) fn begin(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Begun<R::Data> {
        match self.as_mut().poll(cx) {
            Poll::Pending => Begun::GoesOn(None),
            Poll::Ready(Some(Ok(first))) if !is_over(&self.inner) => Begun::GoesOn(Some(first)),
            Poll::Ready(last) => Begun::Over(last),
        }
    }

    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<R> {
        let mut this = self.project();
        let frame = match this.inner.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => {
                *this.waiting_since = None;
                frame.map(|frame| frame.map_err(Into::into))
            }
            Poll::Pending => {
                let Some(idle) = *this.idle else { return Poll::Pending };
                let since = *this.waiting_since.get_or_insert_with(Instant::now);
                let Some(until) = since.checked_add(idle) else { return Poll::Pending };
                ready!(this.timer.poll_until(until, cx));
                Some(Err(TimeoutError::new(TimeoutPhase::Idle, idle).into()))
            }
        };
        this.guards.see(frame.as_ref(), || is_over(&*this.inner));
        Poll::Ready(frame)
    }
}
