//! The service of [`TimeoutLayer`](super::TimeoutLayer).

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::future::Waits;
use super::{TimeoutBody, TimeoutFuture, kept, timeouts_of};
use crate::context::acted::Actor;
use crate::directives::timeouts::Timeouts;
use crate::util::timeout::ConnectTimeout;
use crate::util::upload::Upload;

/// Bounds the time of each upstream call. Made by [`TimeoutLayer`](super::TimeoutLayer).
///
/// It fails with a [`TimeoutError`](crate::TimeoutError), before the response head by its future
/// and after it by the body.
#[derive(Clone, Copy, Debug)]
pub struct Timeout<S> {
    inner: S,
    timeouts: Timeouts,
}

impl<S> Timeout<S> {
    pub(super) fn new(inner: S, timeouts: Timeouts) -> Self {
        Self { inner, timeouts }
    }
}

impl<S, B, R> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Response = Response<TimeoutBody<R>>;
    type Error = BoxError;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let timeouts = timeouts_of(request.extensions(), self.timeouts);
        if timeouts.connect.or(timeouts.head).or(timeouts.idle).is_some() {
            kept(request.extensions(), Actor::Timeouts);
        }
        if let Some(connect) = timeouts.connect {
            request.extensions_mut().insert(ConnectTimeout(connect));
        }
        let Timeouts { body, head, .. } = timeouts;
        let is_timed = head.is_some() || body.is_some();
        let waits = is_timed.then(|| Waits { body, head, upload: Upload::new() });
        if let Some(Waits { upload, .. }) = &waits {
            request.extensions_mut().insert(upload.clone());
        }
        TimeoutFuture::new(self.inner.call(request), waits, timeouts.idle)
    }
}
