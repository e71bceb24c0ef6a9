//! The service of [`TimeoutLayer`](super::TimeoutLayer) and
//! [`DeadlineLayer`](super::DeadlineLayer).

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::{TimeoutFuture, Timing, timeouts_of};
use crate::context::GatewayContext;
use crate::control::call::CallBody;
use crate::directives::timeouts::Timeouts;

/// Bounds the time of upstream calls or of whole requests. Created by
/// [`TimeoutLayer`](super::TimeoutLayer) and [`DeadlineLayer`](super::DeadlineLayer).
///
/// It fails with a [`TimeoutError`](crate::util::timeout::TimeoutError): the future before the
/// response head, the body after it.
#[derive(Clone, Copy, Debug)]
pub struct Timeout<S> {
    inner: S,
    timeouts: Timeouts,
    is_total: bool,
}

impl<S> Timeout<S> {
    pub(super) const fn per_call(inner: S, timeouts: Timeouts) -> Self {
        Self { inner, timeouts, is_total: false }
    }

    pub(super) const fn total(inner: S, timeouts: Timeouts) -> Self {
        Self { inner, timeouts, is_total: true }
    }
}

impl<S, B, R> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    type Response = Response<CallBody<R>>;
    type Error = BoxError;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let extensions = request.extensions();
        let context = extensions.get::<GatewayContext>();
        let timing = match self.is_total {
            true => Timing::total(timeouts_of(extensions, context, self.timeouts), context),
            false => {
                let timeouts = timeouts_of(extensions, context, self.timeouts);
                let context = context.cloned();
                Timing::per_call(request.extensions_mut(), context.as_ref(), timeouts)
            }
        };
        TimeoutFuture::new(self.inner.call(request), timing)
    }
}

crate::util::macros::service_accessors!(Timeout<S>, inner);
