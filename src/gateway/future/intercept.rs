//! The future of [`Intercept`](crate::Intercept).

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

use super::exchanging::{Call, Exchanging, Start, UpstreamFailed};
use crate::request::body::RequestBody;
use crate::request::stages::Snapshot;
use crate::response::body::ResponseBody;
use crate::response::failure;
use crate::response::intercept_body::InterceptBody;
use crate::routing::Route;
use crate::util::opaque::opaque_debug;

pin_project! {
    /// The future of [`Intercept`](crate::Intercept): the app's future, or an exchange with a
    /// provider.
    #[must_use = "futures do nothing unless polled"]
    pub struct InterceptFuture<F, U, B>
    where
        U: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        state: InterceptState<F, U, B>,
    }
}

pin_project! {
    #[project = InterceptProjection]
    enum InterceptState<F, U, B>
    where
        U: Service<Request<RequestBody<B>>>,
    {
        App { #[pin] call: F },
        Gateway { #[pin] exchanging: Exchanging<Call<U, B>, U, B> },
    }
}

impl<F, U, B> InterceptFuture<F, U, B>
where
    U: Service<Request<RequestBody<B>>>,
{
    pub(crate) fn app(call: F) -> Self {
        Self { state: InterceptState::App { call } }
    }
}

impl<F, U, B, R> InterceptFuture<F, U, B>
where
    U: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Not inlined: if the service's `call` changed the request itself, it would move the app's
    /// requests once more.
    #[inline(never)]
    pub(crate) fn gateway(
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        request: Request<B>,
        upstream: &mut U,
    ) -> Self {
        let call = |upstream: &mut U, request| Oneshot::new(upstream.clone(), request);
        let for_later = |upstream: &mut U| upstream.clone();
        let exchanging =
            Exchanging::start(snapshot, route, request, false, upstream, call, for_later);
        Self { state: InterceptState::Gateway { exchanging } }
    }
}

impl<F, U, B, A, R, E> Future for InterceptFuture<F, U, B>
where
    F: Future<Output = Result<Response<A>, E>>,
    U: Service<Request<RequestBody<B>>, Response = Response<R>>,
    U::Error: Into<BoxError>,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<InterceptBody<A, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            InterceptProjection::App { call } => {
                call.poll(cx).map_ok(|response| response.map(InterceptBody::app))
            }
            InterceptProjection::Gateway { exchanging } => poll_exchanging(exchanging, cx),
        }
    }
}

fn begin<U, B>(
    upstream: U,
    request: Request<RequestBody<B>>,
    _: &mut Context<'_>,
) -> Start<Call<U, B>, U, B>
where
    U: Service<Request<RequestBody<B>>>,
{
    Start::Called(Oneshot::new(upstream, request))
}

/// Not inlined: otherwise `poll` would move the app's responses once more.
#[inline(never)]
fn poll_exchanging<U, B, A, R, E>(
    exchanging: Pin<&mut Exchanging<Call<U, B>, U, B>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<InterceptBody<A, R>>, E>>
where
    U: Service<Request<RequestBody<B>>, Response = Response<R>>,
    U::Error: Into<BoxError>,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let response =
        ready!(exchanging.poll(cx, begin)).unwrap_or_else(|UpstreamFailed { error, relay }| {
            let failed = UpstreamFailed::<BoxError> { error: error.into(), relay };
            let answer = failed.refused().unwrap_or_else(|UpstreamFailed { error, relay }| {
                relay.failed(failure::of(&*error), failure::answer_to(&*error))
            });
            answer.map(ResponseBody::local)
        });
    Poll::Ready(Ok(response.map(InterceptBody::gateway)))
}

opaque_debug!(InterceptFuture<F, U, B> where U: Service<Request<RequestBody<B>>>);
