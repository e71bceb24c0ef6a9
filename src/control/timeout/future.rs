//! The future of [`Timeout`](super::Timeout).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::Timing;
use crate::control::call::{CallBody, Guards};
use crate::util::opaque::opaque_debug;

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<F> {
        #[pin]
        call: F,
        timing: Timing,
    }
}

impl<F> TimeoutFuture<F> {
    pub(super) fn new(call: F, timing: Timing) -> Self {
        Self { call, timing }
    }
}

impl<F, R, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<CallBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.call.poll(cx) {
            Poll::Ready(result) => Poll::Ready(result.map_err(Into::into).map(|response| {
                CallBody::of(response, std::mem::take(this.timing), Guards::default())
            })),
            Poll::Pending => this.timing.poll_late(cx).map(|error| Err(error.into())),
        }
    }
}

opaque_debug!(TimeoutFuture<F>);
