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
use crate::timeout::{TimeoutError, TimeoutPhase};
use crate::upload::Upload;

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        call: F,
        head: Option<(Duration, Upload)>,
        idle: Option<Duration>,
        timer: Timer,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(call: F, head: Option<(Duration, Upload)>, idle: Option<Duration>) -> Self {
        Self { call, head, idle, timer: Timer::default() }
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
        let Some((head, upload)) = this.head else { return Poll::Pending };
        loop {
            // While the client is waited for it is looked at again from time to time: nobody wakes
            // this task when the provider's turn has come.
            let turn = upload.providers_turn();
            let since = turn.unwrap_or_else(Instant::now);
            let Some(until) = since.checked_add(*head) else { return Poll::Pending };
            ready!(this.timer.poll_until(until, cx));
            if turn.is_some() && turn == upload.providers_turn() {
                return Poll::Ready(Err(TimeoutError::new(TimeoutPhase::Head, *head).into()));
            }
        }
    }
}

impl<F> fmt::Debug for TimeoutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture").finish_non_exhaustive()
    }
}
