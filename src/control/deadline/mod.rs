//! A bound on the whole of a request: all attempts, and the response to its last byte.
//!
//! A body acts only when it is polled, and nobody polls the body of a client that does not read: the
//! server waits for room in its socket, or for a window of HTTP/2. So where a response has a bound
//! in time, a task of its own watches it. With the timer and the shared body that takes some 640
//! bytes, and no time until it fires. One task for all exchanges of a runtime would save its own
//! part of that, for a queue under a lock that they all share. Without a bound there is no task.

mod body;
mod future;
mod watch;

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

pub use self::body::DeadlineBody;
pub use self::future::DeadlineFuture;
use super::timeout::{kept, timeouts_of};
use super::timer::Bound;
use crate::context::acted::Actor;
use crate::directives::timeouts::Timeouts;
use crate::util::timeout::TimeoutPhase;

/// Bounds the time from a request to the last byte of its response, over everything below it:
/// retries, fallbacks and the waits between them.
///
/// A healthy stream that lasts longer is cut: there is no such bound where none is set.
///
/// The time holds for clients that do not read, too: when it is over, all that is below is dropped,
/// and with it the connection to the provider and the places of the exchange, whether or not
/// anybody polls the body. Above a [`TimeoutLayer`](super::TimeoutLayer) the same holds for its
/// `idle`: a client that leaves a part of the response unread for that long is cut off.
///
/// Both need a tokio runtime around [`call`](Service::call)'s future.
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
    R: Body + Send + 'static,
    R::Data: Send,
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
        if total.is_some() {
            kept(request.extensions(), Actor::Total);
        }
        let bound = Bound::from_now(TimeoutPhase::Total, total);
        DeadlineFuture::new(self.inner.call(request), bound)
    }
}
