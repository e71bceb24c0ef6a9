//! The future of [`Timeout`](super::Timeout).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::TimeoutBody;
use crate::control::timer::{Bound, Timer};
use crate::settings::Timeouts;
use crate::timeout::TimeoutPhase;

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        call: F,
        head: Option<Bound>,
        idle: Option<Duration>,
        timer: Timer,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(call: F, timeouts: Timeouts) -> Self {
        let head = Bound::from_now(TimeoutPhase::Head, timeouts.head);
        Self { call, head, idle: timeouts.idle, timer: Timer::default() }
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
            return Poll::Ready(Ok(response.map(|body| TimeoutBody::new(body, *this.idle, timer))));
        }
        let Some(head) = this.head else { return Poll::Pending };
        ready!(this.timer.poll_until(head.until, cx));
        Poll::Ready(Err(head.error.into()))
    }
}

impl<F> fmt::Debug for TimeoutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture").finish_non_exhaustive()
    }
}
