//! The futures of [`Gateway`](crate::Gateway) and [`Intercept`](crate::Intercept).

mod exchanging;
mod intercept;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower::util::Oneshot;
use tower_service::Service;

use self::exchanging::{Exchanging, Start, UpstreamFailed};
pub use self::intercept::InterceptFuture;
use crate::hook::Outcome;
use crate::request::body::RequestBody;
use crate::request::stages::Snapshot;
use crate::response::body::ResponseBody;
use crate::response::failure;
use crate::routing::Route;
use crate::util::opaque::opaque_debug;
use crate::util::ready;

pin_project! {
    /// The future of [`Gateway`](crate::Gateway).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        state: GatewayState<S, B>,
    }
}

pin_project! {
    #[project = GatewayProjection]
    enum GatewayState<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        NotOurs { #[pin] call: S::Future },
        Ours { #[pin] exchanging: Exchanging<S::Future, S, B> },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    pub(crate) fn not_ours(call: S::Future) -> Self {
        Self { state: GatewayState::NotOurs { call } }
    }
}

impl<S, B, R> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    #[inline]
    pub(crate) fn ours(
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: Request<B>,
        is_around_router: bool,
        inner: &mut S,
    ) -> Self {
        // A slow upload must not hold a permit: the clone that sends it later might wait for that
        // same permit.
        let for_later = ready::give_back;
        let exchanging = Exchanging::start(
            snapshot,
            route,
            request,
            is_around_router,
            inner,
            S::call,
            for_later,
        );
        Self { state: GatewayState::Ours { exchanging } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: 'static,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            GatewayProjection::NotOurs { call } => {
                call.poll(cx).map_ok(|response| response.map(ResponseBody::passed))
            }
            GatewayProjection::Ours { exchanging } => {
                Poll::Ready(ready!(exchanging.poll(cx, begin)).or_else(|failed| {
                    let refused = failed.refused().map(|answer| answer.map(ResponseBody::local));
                    refused.map_err(|UpstreamFailed { error, mut relay }| {
                        relay.exchange.attempt_failed(failure::of_any(&error));
                        relay.exchange.end(Outcome::Failed);
                        error
                    })
                }))
            }
        }
    }
}

/// Calls a service that is ready at once, as most are.
fn begin<S, B>(
    mut service: S,
    request: Request<RequestBody<B>>,
    cx: &mut Context<'_>,
) -> Start<S::Future, S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    match service.poll_ready(cx) {
        Poll::Ready(Ok(())) => Start::Called(service.call(request)),
        Poll::Ready(Err(error)) => Start::Failed(error),
        Poll::Pending => Start::NotReady(Box::pin(Oneshot::new(service, request))),
    }
}

opaque_debug!(ResponseFuture<S, B> where S: Service<Request<RequestBody<B>>>);
