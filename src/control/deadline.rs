//! A bound on the whole of a request: all attempts, and the response to its last byte.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::timeout::timeouts_of;
use super::timer::{Bound, Timer};
use crate::settings::Timeouts;
use crate::timeout::TimeoutPhase;

/// Bounds the time from a request to the last byte of its response, over everything below it:
/// retries, fallbacks and the waits between them.
///
/// A healthy stream that lasts longer is cut: there is no such bound where none is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer {
    timeouts: Timeouts,
}

impl DeadlineLayer {
    /// Bounds requests by `total` of `timeouts`; that of a [`Timeouts`] in the extensions of a
    /// request goes before it.
    #[must_use]
    pub const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, timeouts: self.timeouts }
    }
}

/// Bounds the time from a request to the last byte of its response. Made by [`DeadlineLayer`].
///
/// It fails with a [`TimeoutError`](crate::TimeoutError), before the response head by its future
/// and after it by the body.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<S> {
    inner: S,
    timeouts: Timeouts,
}

impl<S, B, R> Service<Request<B>> for Deadline<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Response = Response<DeadlineBody<R>>;
    type Error = BoxError;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let total = timeouts_of(request.extensions(), self.timeouts).total;
        let bound = Bound::from_now(TimeoutPhase::Total, total);
        DeadlineFuture { call: self.inner.call(request), bound, timer: Timer::default() }
    }
}

pin_project! {
    /// The future of [`Deadline`].
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F> {
        #[pin]
        call: F,
        bound: Option<Bound>,
        timer: Timer,
    }
}

impl<F, R, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<DeadlineBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let bound = *this.bound;
        if let Poll::Ready(result) = this.call.poll(cx) {
            let response = result.map_err(Into::into)?;
            return Poll::Ready(Ok(response.map(|inner| DeadlineBody {
                inner: Some(inner),
                bound,
                timer: std::mem::take(this.timer),
            })));
        }
        let Some(bound) = bound else { return Poll::Pending };
        ready!(this.timer.poll_until(bound.until, cx));
        Poll::Ready(Err(bound.error.into()))
    }
}

impl<F> fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// A response body that fails where its last byte does not come in time.
    ///
    /// No data passes after that time, however slow its reader is; the end and trailers behind the
    /// last byte do. The body within is then dropped, which tells the provider to stop.
    pub struct DeadlineBody<B> {
        // `None` once it took too long.
        #[pin]
        inner: Option<B>,
        bound: Option<Bound>,
        timer: Timer,
    }
}

impl<B> Body for DeadlineBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = inner.poll_frame(cx);
        let bound = match (&polled, *this.bound) {
            (Poll::Pending, Some(bound)) => {
                ready!(this.timer.poll_until(bound.until, cx));
                bound
            }
            (Poll::Ready(Some(Ok(frame))), Some(bound))
                if frame.is_data() && Instant::now() > bound.until =>
            {
                bound
            }
            _ => return polled.map_err(Into::into),
        };
        this.inner.set(None);
        Poll::Ready(Some(Err(bound.error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

// What bodies hold is for those who read them, not for logs.
impl<B> fmt::Debug for DeadlineBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineBody").finish_non_exhaustive()
    }
}
