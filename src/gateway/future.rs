//! The futures of [`Gateway`](crate::Gateway) and [`Intercept`](crate::Intercept).

#![allow(clippy::expect_used, reason = "a future must not be polled after completion")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower::util::Oneshot;
use tower_service::Service;

use crate::hook::Outcome;
use crate::request::body::RequestBody;
use crate::request::body_routing::BodyRouting;
use crate::request::peek::Drain;
use crate::request::stages::{Prepared, Shared};
use crate::response::body::ResponseBody;
use crate::response::failure;
use crate::response::intercept_body::InterceptBody;
use crate::response::messages;
use crate::response::relay::ResponseRelay;
use crate::util::opaque::opaque_debug;
use crate::util::ready;

pin_project! {
    /// An exchange. `F` is the upstream call of a request that was sent at once. If the body had to
    /// be read first, a clone of `S` makes the call.
    #[project = ExchangingProjection]
    enum Exchanging<F, S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        Direct { #[pin] call: F, relay: Option<ResponseRelay> },
        // Boxed: a request head alone is larger than everything else.
        Routing { routing: Option<(Box<BodyRouting<B>>, S)> },
        Routed { call: Pin<Box<Call<S, B>>>, relay: Option<ResponseRelay> },
        Answered { response: Option<Box<Response<Bytes>>>, rest: Option<Drain<B>> },
    }
}

/// The panic message of a future that is polled again after its response.
const COMPLETED: &str = "polled after completion";

/// An upstream that is polled to readiness and then called.
type Call<U, B> = Oneshot<U, Request<RequestBody<B>>>;
type AsDirect<F, U, B> = fn(Call<U, B>) -> Result<F, Call<U, B>>;

/// The upstream call failed. The caller knows the error's type and classifies it.
struct UpstreamFailed<E> {
    error: E,
    relay: ResponseRelay,
}

impl<F, S, B, R, E> Exchanging<F, S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = E>,
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Continues a routed request after its first stages. `call` calls the upstream at once.
    /// `for_later` takes a clone of it that can be called later or dropped.
    #[inline]
    fn start(
        shared: &Arc<Shared>,
        prepared: Prepared,
        request: Request<B>,
        upstream: &mut S,
        call: impl FnOnce(&mut S, Request<RequestBody<B>>) -> F,
        for_later: impl FnOnce(&mut S) -> S,
    ) -> Self {
        match prepared {
            Prepared::Send(mut relay) => {
                let request = shared.send(&mut relay, request);
                Self::Direct { call: call(upstream, request), relay: Some(relay) }
            }
            Prepared::ReadBody(peek_for, scan, relay) => {
                let routing = BodyRouting::new(shared, peek_for, scan, relay, request);
                Self::Routing { routing: Some((Box::new(routing), for_later(upstream))) }
            }
            Prepared::Answered(response) => {
                for_later(upstream);
                let rest = Drain::of(request, shared.peek_limit);
                Self::Answered { response: Some(response), rest }
            }
        }
    }

    /// `as_direct` converts a call to an `F` if it is one.
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        as_direct: AsDirect<F, S, B>,
    ) -> Poll<Result<Response<ResponseBody<R>>, UpstreamFailed<E>>> {
        loop {
            let next = match self.as_mut().project() {
                ExchangingProjection::Direct { call, relay } => return poll_call(call, relay, cx),
                ExchangingProjection::Routed { call, relay } => {
                    return poll_call(call.as_mut(), relay, cx);
                }
                ExchangingProjection::Answered { response, rest } => {
                    if let Some(rest) = rest {
                        ready!(rest.poll_end(cx));
                    }
                    let response = response.take().expect(COMPLETED);
                    return Poll::Ready(Ok(response.map(ResponseBody::local)));
                }
                ExchangingProjection::Routing { routing: slot } => {
                    let (mut routing, service) = slot.take().expect(COMPLETED);
                    routing.relay.exchange.resume();
                    let Poll::Ready(routed) = routing.poll_routed(cx) else {
                        routing.relay.exchange.pause();
                        *slot = Some((routing, service));
                        return Poll::Pending;
                    };
                    match routing.into_request(routed) {
                        Ok((request, relay)) => {
                            let relay = Some(relay);
                            match as_direct(Oneshot::new(service, request)) {
                                Ok(call) => Self::Direct { call, relay },
                                Err(call) => Self::Routed { call: Box::pin(call), relay },
                            }
                        }
                        Err((response, rest)) => Self::Answered { response: Some(response), rest },
                    }
                }
            };
            self.set(next);
        }
    }
}

fn poll_call<F, R, E>(
    call: Pin<&mut F>,
    slot: &mut Option<ResponseRelay>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<ResponseBody<R>>, UpstreamFailed<E>>>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    let relay = slot.take().expect(COMPLETED);
    let result = {
        let _entered = relay.exchange.enter();
        call.poll(cx)
    };
    // Check after polling the call, which reads the request body.
    if let Some(refusal) = relay.poll_refusal(cx) {
        return Poll::Ready(Ok(relay.cut_off(refusal).map(ResponseBody::local)));
    }
    match result {
        Poll::Ready(Ok(response)) => Poll::Ready(Ok(relay.into_response(response))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(UpstreamFailed { error, relay })),
        Poll::Pending => {
            *slot = Some(relay);
            Poll::Pending
        }
    }
}

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
        shared: &Arc<Shared>,
        prepared: Prepared,
        request: Request<B>,
        inner: &mut S,
    ) -> Self {
        // A slow upload must not hold a permit: the clone that sends it later might wait for that
        // same permit.
        let for_later = ready::give_back;
        let exchanging = Exchanging::start(shared, prepared, request, inner, S::call, for_later);
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
            GatewayProjection::Ours { exchanging } => Poll::Ready(
                ready!(exchanging.poll(cx, Err)).or_else(|UpstreamFailed { error, mut relay }| {
                    if let Some(refusal) = failure::refusal_of_any(&error) {
                        return Ok(relay.refused(refusal.clone()).map(ResponseBody::local));
                    }
                    relay.exchange.attempt_failed(failure::of_any(&error));
                    relay.exchange.end(Outcome::Failed);
                    Err(error)
                }),
            ),
        }
    }
}

opaque_debug!(ResponseFuture<S, B> where S: Service<Request<RequestBody<B>>>);

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
    #[inline]
    pub(crate) fn gateway(
        shared: &Arc<Shared>,
        prepared: Prepared,
        request: Request<B>,
        upstream: &mut U,
    ) -> Self {
        let call = |upstream: &mut U, request| Oneshot::new(upstream.clone(), request);
        let for_later = |upstream: &mut U| upstream.clone();
        let exchanging = Exchanging::start(shared, prepared, request, upstream, call, for_later);
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
            InterceptProjection::Gateway { exchanging } => {
                let response = ready!(exchanging.poll(cx, Ok)).unwrap_or_else(
                    |UpstreamFailed { error, relay }| {
                        if relay.context.is_over_limit() {
                            let rejection = messages::body_over_limit();
                            return relay.cut_off(rejection).map(ResponseBody::local);
                        }
                        let error: BoxError = error.into();
                        if let Some(refusal) = failure::refusal_of(&*error) {
                            return relay.refused(refusal.clone()).map(ResponseBody::local);
                        }
                        let rejection = failure::answer_to(&*error);
                        relay.failed(failure::of(&*error), rejection).map(ResponseBody::local)
                    },
                );
                Poll::Ready(Ok(response.map(InterceptBody::gateway)))
            }
        }
    }
}

opaque_debug!(InterceptFuture<F, U, B> where U: Service<Request<RequestBody<B>>>);
