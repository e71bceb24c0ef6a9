//! The service of [`ControlLayer`](super::ControlLayer), its future and its response body.

mod body;
#[cfg(feature = "cache")]
mod cached;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

pub use self::body::ControlBody;
#[cfg(feature = "cache")]
use self::cached::Cached;
#[cfg(feature = "cache")]
use super::cache::wanted;
use super::call::{Bounds, Call, CallBody, CallFuture};
#[cfg(feature = "cache")]
use super::replay::Read;
use super::timeout::{HandedDown, timeouts_of, total_of};
use super::timer::{Bound, Timer};
use super::{ClassifiedBody, Fallback, FallbackFuture, Replay, ReplayBody, Retry};
use crate::context::GatewayContext;
use crate::directives::timeouts::Timeouts;
use crate::util::macros::service_accessors;
use crate::util::opaque::opaque_debug;
use crate::util::ready::Boxed;

/// A client under all control layers. Made by [`ControlLayer`](super::ControlLayer).
///
/// A request that can be sent only once goes straight to its call: its body is not recorded, and
/// its response is not read ahead. One without fallbacks goes straight to its retries.
#[derive(Clone, Debug)]
pub struct Control<S> {
    pub(super) steps: Steps<S>,
    pub(super) timeouts: Timeouts,
}

service_accessors!(Control<S>, steps.inner.inner.inner.inner);

/// The layers that may send a request more than once.
type Steps<S> = Replay<Fallback<Retry<Call<S>>>>;

impl<S, B, R> Service<Request<B>> for Control<S>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<ControlBody<R>>;
    type Error = BoxError;
    type Future = ControlFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.steps.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let context = request.extensions().get::<GatewayContext>().cloned();
        let timeouts = timeouts_of(request.extensions(), context.as_ref(), self.timeouts);
        let total = total_of(context.as_ref(), timeouts);
        #[cfg(feature = "cache")]
        if let Some(caching) = self.steps.get_ref().get_ref().get_ref().caching()
            && let Some(wanted) = context.as_ref().and_then(|context| wanted(&request, context))
            && let Some(context) = context
        {
            let caching = caching.clone();
            // Nothing but the client has reserved anything.
            let steps = self.steps.clone();
            *self.get_mut() = self.get_ref().clone();
            let bounds = Bounds { timeouts, total };
            let request = request.map(Read::unread);
            let work = Box::new(Cached { caching, steps, request, context, bounds }).run(wanted);
            return ControlFuture { path: Path::Cached { work }, total, timer: Timer::default() };
        }
        let path = match self.steps.records(context.as_ref()) {
            true => {
                if let Some(bounds) = HandedDown::of(total, timeouts) {
                    request.extensions_mut().insert(bounds);
                }
                let request = self.steps.record(request, context.as_ref());
                let fallback = self.steps.get_mut();
                match fallback.may_be_needed(context.as_ref()) {
                    true => Path::Repeated { call: fallback.call(request) },
                    false => Path::Retried { call: fallback.get_mut().call(request) },
                }
            }
            false => {
                let call = self.steps.get_mut().get_mut().get_mut();
                let bounds = Some(Bounds { timeouts, total });
                let call =
                    call.call_within(request.map(ReplayBody::once), context.as_ref(), bounds);
                Path::Direct { call }
            }
        };
        ControlFuture { path, total, timer: Timer::default() }
    }
}

pin_project! {
    /// The future of [`Control`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ControlFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        R: Body,
        Retry<Call<S>>: Service<Request<ReplayBody<B>>>,
    {
        #[pin]
        path: Path<S, B, R>,
        total: Option<Bound>,
        timer: Timer,
    }
}

pin_project! {
    #[project = PathProjection]
    enum Path<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        R: Body,
        Retry<Call<S>>: Service<Request<ReplayBody<B>>>,
    {
        Direct { #[pin] call: CallFuture<S::Future, R> },
        Retried { #[pin] call: <Retry<Call<S>> as Service<Request<ReplayBody<B>>>>::Future },
        Repeated { #[pin] call: FallbackFuture<Retry<Call<S>>, B, ClassifiedBody<CallBody<R>>> },
        #[cfg_attr(not(feature = "cache"), allow(dead_code))]
        Cached { work: Boxed<Result<Response<ControlBody<R>>, BoxError>> },
    }
}

impl<S, B, R> Future for ControlFuture<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ControlBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.path.project() {
            PathProjection::Direct { call } => {
                call.poll(cx).map_ok(|response| response.map(ControlBody::new))
            }
            PathProjection::Retried { call } => {
                call.poll(cx).map_ok(|response| response.map(ControlBody::of_retried))
            }
            PathProjection::Repeated { call } => {
                call.poll(cx).map_ok(|response| response.map(ControlBody::of_repeated))
            }
            PathProjection::Cached { work } => work.as_mut().poll(cx),
        };
        if polled.is_pending()
            && let Some(total) = this.total
        {
            ready!(this.timer.poll_until(total.until, cx));
            return Poll::Ready(Err(total.error.into()));
        }
        polled
    }
}

opaque_debug!(
    ControlFuture<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        R: Body,
        Retry<Call<S>>: Service<Request<ReplayBody<B>>>
);
