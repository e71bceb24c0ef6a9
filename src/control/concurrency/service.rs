//! The service of [`ConcurrencyLayer`](super::ConcurrencyLayer).

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::body::ConcurrencyBody;
use super::future::ConcurrencyFuture;
use super::gate::{Limits, gates_of};
use super::pools::Pools;
use super::taking::Taking;
use super::waiting::Waiting;
use crate::context::GatewayContext;
use crate::control::judge;
use crate::util::ready;

/// Limits how many requests are in flight. Made by [`ConcurrencyLayer`](super::ConcurrencyLayer).
///
/// Ready when the wrapped service is: the wait for a place is in the future, and holds nothing of
/// the service. Clones share their places.
#[derive(Clone, Debug)]
pub struct Concurrency<S> {
    inner: S,
    limits: Arc<Limits>,
    pools: Arc<Pools>,
}

impl<S> Concurrency<S> {
    pub(super) fn new(inner: S, limits: Arc<Limits>, pools: Arc<Pools>) -> Self {
        Self { inner, limits, pools }
    }
}

impl<S, B, R> Service<Request<B>> for Concurrency<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<ConcurrencyBody<R>>;
    type Error = BoxError;
    type Future = ConcurrencyFuture<S, Request<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (extensions, headers) = (request.extensions(), request.headers());
        let gates = gates_of(extensions, headers, request.uri(), &self.limits, &self.pools);
        let context = || extensions.get::<GatewayContext>();
        let judged = !gates.is_empty() && judge::is_announced(extensions, context());
        let mut taking = Taking::new(gates, self.limits.queue);
        match taking.advance() {
            Ok(None) => ConcurrencyFuture::direct(self.inner.call(request), taking.done(), judged),
            Ok(Some(place)) => {
                // Who waits must not hold a place in another layer's limit.
                let service = ready::give_back(&mut self.inner);
                ConcurrencyFuture::waiting(Waiting::new(taking, place, service, request), judged)
            }
            Err(error) => {
                ready::give_back(&mut self.inner);
                ConcurrencyFuture::refused(error)
            }
        }
    }
}
