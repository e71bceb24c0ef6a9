//! The future of [`Timeout`](super::Timeout).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::TimeoutBody;
use crate::control::timer::Timer;
use crate::util::timeout::{TimeoutError, TimeoutPhase};
use crate::util::upload::Upload;

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        call: F,
        waits: Option<Waits>,
        idle: Option<Duration>,
        timer: Timer,
    }
}

/// How long client and provider are waited for before the response head.
pub(super) struct Waits {
    pub(super) body: Option<Duration>,
    pub(super) head: Option<Duration>,
    pub(super) upload: Upload,
}

impl Waits {
    /// Ready when one of them was waited for too long.
    fn poll_end(&self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<TimeoutError> {
        loop {
            let turn = self.upload.turn();
            let (phase, limit, other) = match turn.is_clients {
                true => (TimeoutPhase::Body, self.body, self.head),
                false => (TimeoutPhase::Head, self.head, self.body.filter(|_| !turn.is_sent)),
            };
            let end = limit.and_then(|limit| turn.since.checked_add(limit));
            // Nobody wakes this task when it is the other's turn, so that is looked at from time
            // to time.
            let look = other.and_then(|other| Instant::now().checked_add(other));
            let Some(until) = end.into_iter().chain(look).min() else { return Poll::Pending };
            ready!(timer.poll_until(until, cx));
            if let Some(limit) = limit.filter(|_| end == Some(until))
                && turn == self.upload.turn()
            {
                return Poll::Ready(TimeoutError::new(phase, limit));
            }
        }
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(call: F, waits: Option<Waits>, idle: Option<Duration>) -> Self {
        Self { call, waits, idle, timer: Timer::default() }
    }
}

impl<F, R, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<TimeoutBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.call.poll(cx) {
            let response = result.map_err(Into::into)?;
            let timer = std::mem::take(this.timer);
            return Poll::Ready(Ok(TimeoutBody::of(response, *this.idle, timer)));
        }
        let Some(waits) = this.waits else { return Poll::Pending };
        waits.poll_end(this.timer, cx).map(|error| Err(error.into()))
    }
}

impl<F> fmt::Debug for TimeoutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture").finish_non_exhaustive()
    }
}
