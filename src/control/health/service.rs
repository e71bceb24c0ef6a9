//! The service around a client.

use std::slice;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::body::HealthBody;
use super::call::pick;
use super::future::HealthFuture;
use super::layer::{Candidates, Handle};
use crate::control::judge;

/// Makes no calls to upstreams that are not well. Made by [`HealthLayer`](super::HealthLayer).
///
/// Its errors are the client's, boxed, and [`Unavailable`](super::Unavailable). It is ready when the
/// client is.
#[derive(Clone, Debug)]
pub struct Health<S> {
    inner: S,
    shared: Handle,
}

impl<S> Health<S> {
    pub(super) fn new(inner: S, shared: Handle) -> Self {
        Self { inner, shared }
    }

    /// The client.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The client, to be changed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The client, taken out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Health<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<HealthBody<R>>;
    type Error = BoxError;
    type Future = HealthFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let shared = self.shared.read();
        let candidates = shared.candidates(&request);
        let cool_down = shared.config.cool_down;
        drop(shared);
        let picked = match candidates {
            Candidates::Unwatched => Ok(None),
            Candidates::One(only, now) => {
                pick(slice::from_ref(&only), now, &mut fastrand::Rng::new()).map(Some)
            }
            Candidates::Several(all, choices, now) => pick(&all, now, &mut fastrand::Rng::new())
                .inspect(|(index, _)| choices.take(*index, &mut request))
                .map(Some),
        };
        match picked {
            Ok(picked) => {
                // Looked up for a call that is watched alone.
                let context = picked.as_ref().and_then(|_| request.extensions().get());
                let judged = picked.is_some() && judge::is_announced(request.extensions(), context);
                let guard = picked.map(|(_, guard)| guard.of(context));
                HealthFuture::calling(self.inner.call(request), guard, cool_down, judged)
            }
            Err(unavailable) => HealthFuture::refused(unavailable),
        }
    }
}

#[cfg(test)]
mod tests;
