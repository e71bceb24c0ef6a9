//! The future of an exchange, shared by both services.

#![allow(clippy::expect_used, reason = "a future must not be polled after completion")]

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

use crate::request::body::RequestBody;
use crate::request::body_routing::BodyRouting;
use crate::request::peek::Drain;
use crate::request::stages::{Prepared, Snapshot};
use crate::response::body::ResponseBody;
use crate::response::failure;
use crate::response::messages;
use crate::response::relay::ResponseRelay;
use crate::routing::Route;
use crate::util::ready::COMPLETED;

pin_project! {
    /// An exchange. `F` is the upstream call of a request that was sent at once. If the body had to
    /// be read first, a clone of `S` makes the call.
    #[project = ExchangingProjection]
    pub(super) enum Exchanging<F, S, B>
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

/// An upstream that is polled to readiness and then called.
pub(super) type Call<U, B> = Oneshot<U, Request<RequestBody<B>>>;

/// The start of a call whose request body was read first.
pub(super) enum Start<F, U, B>
where
    U: Service<Request<RequestBody<B>>>,
{
    Called(F),
    NotReady(Pin<Box<Call<U, B>>>),
    Failed(U::Error),
}

/// The upstream call failed. The caller knows the error's type and classifies it.
pub(super) struct UpstreamFailed<E> {
    pub(super) error: E,
    pub(super) relay: ResponseRelay,
}

impl<E: 'static> UpstreamFailed<E> {
    /// The answer to a request that a layer refused or whose body is over the host's limit: the provider
    /// did not fail.
    pub(super) fn refused(self) -> Result<Response<Bytes>, Self> {
        let Self { error, relay } = self;
        if relay.context.is_over_limit() {
            return Ok(relay.cut_off(messages::body_over_limit()));
        }
        match failure::refusal_of_any(&error).cloned() {
            Some(refusal) => Ok(relay.refused(refusal)),
            None => Err(Self { error, relay }),
        }
    }
}

impl<F, S, B, R, E> Exchanging<F, S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>, Error = E>,
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Takes a routed request through its stages as far as possible without its body. `call` calls the
    /// upstream at once. `for_later` takes a clone of it that can be called later or dropped.
    #[inline]
    pub(super) fn start(
        snapshot: &Snapshot<'_>,
        route: &Route<'_>,
        mut request: Request<B>,
        is_around_router: bool,
        upstream: &mut S,
        call: impl FnOnce(&mut S, Request<RequestBody<B>>) -> F,
        for_later: impl FnOnce(&mut S) -> S,
    ) -> Self {
        let shared = snapshot.shared;
        match shared.prepare(snapshot, route, &mut request, is_around_router) {
            Prepared::Send(mut relay) => {
                let request = shared.send(&mut relay, request);
                Self::Direct { call: call(upstream, request), relay: Some(relay) }
            }
            Prepared::ReadBody(peek_for, scan, relay) => {
                let routing = BodyRouting::new(shared, peek_for, scan, relay, request);
                Self::Routing { routing: Some((routing, for_later(upstream))) }
            }
            Prepared::Answered(response) => {
                for_later(upstream);
                let rest = Drain::of(request, shared.peek_limit);
                Self::Answered { response: Some(response), rest }
            }
        }
    }

    /// `begin` makes the call of a request whose body was read first.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        begin: impl Fn(S, Request<RequestBody<B>>, &mut Context<'_>) -> Start<F, S, B>,
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
                            let start = {
                                let _entered = relay.exchange.enter();
                                begin(service, request, cx)
                            };
                            match start {
                                Start::Called(call) => Self::Direct { call, relay: Some(relay) },
                                Start::NotReady(call) => Self::Routed { call, relay: Some(relay) },
                                Start::Failed(error) => {
                                    return Poll::Ready(Err(UpstreamFailed { error, relay }));
                                }
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
    if let Some(error) = relay.watch.as_ref().and_then(|request| request.late_refusal(cx)) {
        return Poll::Ready(Ok(relay
            .cut_off(messages::unreadable_body(error))
            .map(ResponseBody::local)));
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
