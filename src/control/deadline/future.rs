//! The future of [`Deadline`](super::Deadline).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::DeadlineBody;
use crate::control::timer::{Bound, Timer};

pin_project! {
    /// The future of [`Deadline`](super::Deadline).
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F> {
        #[pin]
        call: F,
        total: Option<Bound>,
        timer: Timer,
    }
}

impl<F> DeadlineFuture<F> {
    pub(super) fn new(call: F, total: Option<Bound>) -> Self {
        Self { call, total, timer: Timer::default() }
    }
}

impl<F, R, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<DeadlineBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let total = *this.total;
        if let Poll::Ready(result) = this.call.poll(cx) {
            let response = result.map_err(Into::into)?;
            let timer = std::mem::take(this.timer);
            return Poll::Ready(Ok(DeadlineBody::of(response, total, timer)));
        }
        let Some(total) = total else { return Poll::Pending };
        ready!(this.timer.poll_until(total.until, cx));
        Poll::Ready(Err(total.error.into()))
    }
}

impl<F> fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineFuture").finish_non_exhaustive()
    }
}
