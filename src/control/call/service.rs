//! The service of an upstream call.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower::BoxError;
use tower_service::Service;

use super::body::CallBody;
use super::bounds::Bounds;
use super::future::{CallFuture, Output, Running};
use super::guards::Guards;
use super::parts::Parts;
use crate::context::GatewayContext;
#[cfg(feature = "cache")]
use crate::control::cache::Caching;
use crate::control::concurrency::{Entry, Waiting};
use crate::control::health::Tracked;
#[cfg(feature = "limits")]
use crate::control::limits::{self, Asking, Checked};
use crate::control::timeout::{HandedDown, Timing, timeouts_of};
use crate::control::verdict;
use crate::util::macros::service_accessors;
use crate::util::ready;

/// Makes calls within their limits, and none to unhealthy upstreams. Created by
/// [`ConcurrencyLayer`](crate::control::ConcurrencyLayer),
/// [`HealthLayer`](crate::control::health::HealthLayer) and
/// [`ControlLayer`](crate::control::ControlLayer).
///
/// It is ready when the wrapped client is: the future waits for permits, without holding the
/// client's readiness. Clones share their permits. Errors are the client's (boxed),
/// [`ConcurrencyError`](crate::control::ConcurrencyError),
/// [`Unavailable`](crate::control::health::Unavailable) and
/// [`TimeoutError`](crate::timeout::TimeoutError).
#[derive(Clone, Debug)]
pub struct Call<S> {
    pub(in crate::control) inner: S,
    parts: Arc<Parts>,
}

impl<S> Call<S> {
    pub(in crate::control) fn with(inner: S, parts: Parts) -> Self {
        Self { inner, parts: Arc::new(parts) }
    }

    #[cfg(feature = "cache")]
    pub(in crate::control) fn caching(&self) -> Option<&Caching> {
        self.parts.caching.as_ref()
    }
}

service_accessors!(Call<S>, inner);

impl<S, B, R> Service<Request<B>> for Call<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    type Response = Response<CallBody<R>>;
    type Error = BoxError;
    type Future = CallFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let extensions = request.extensions_mut();
        let context = extensions.get::<GatewayContext>().cloned();
        let bounds = self.parts.timeouts.map(|explicit| Bounds {
            timeouts: timeouts_of(extensions, context.as_ref(), explicit),
            // No layer below needs it, and a map of extensions with a fourth one is twice as large.
            total: extensions.remove().and_then(|bounds: HandedDown| bounds.total),
        });
        self.call_within(request, context.as_ref(), bounds)
    }
}

/// Makes the call once the store of limits has accepted it.
#[cfg(feature = "limits")]
async fn asked<S, B, R>(
    asking: Box<Asking>,
    mut service: Call<S>,
    request: Request<B>,
    bounds: Option<Bounds>,
) -> Output<R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    asking.decide().await?;
    // Nothing is sent while the client is not ready.
    limits::is_under_way(request.extensions().get(), false);
    poll_fn(|cx| service.inner.poll_ready(cx)).await.map_err(Into::into)?;
    limits::is_under_way(request.extensions().get(), true);
    let context = request.extensions().get::<GatewayContext>().cloned();
    service.call_within_limits(request, context.as_ref(), bounds).await
}

impl<S> Call<S> {
    /// Like [`call`](Service::call), for a request whose bounds are known. `context` is the
    /// request's.
    #[inline(always)]
    pub(in crate::control) fn call_within<B, R>(
        &mut self,
        request: Request<B>,
        context: Option<&GatewayContext>,
        bounds: Option<Bounds>,
    ) -> CallFuture<S::Future, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        #[cfg(feature = "limits")]
        if let Some(limits) = &self.parts.limits {
            match limits.check(&request, context) {
                Checked::Passed => {}
                Checked::Refused(exceeded) => {
                    ready::give_back(&mut self.inner);
                    return CallFuture::refused(exceeded as BoxError);
                }
                Checked::Later(asking) => {
                    // Like a request that waits for a permit, it must not hold a permit of another
                    // layer.
                    let service = Self { inner: ready::give_back(&mut self.inner), ..self.clone() };
                    return CallFuture::waiting(asked(asking, service, request, bounds));
                }
            }
        }
        self.call_within_limits(request, context, bounds)
    }

    /// Chooses the base URL and key of a request, and waits for its permits.
    #[inline]
    fn call_within_limits<B, R>(
        &mut self,
        mut request: Request<B>,
        context: Option<&GatewayContext>,
        bounds: Option<Bounds>,
    ) -> CallFuture<S::Future, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        let (tracked, permit) = match self.parts.choose(&mut request, context) {
            Ok(choice) => choice,
            Err(unavailable) => {
                ready::give_back(&mut self.inner);
                return CallFuture::refused(unavailable);
            }
        };
        let mut tracked = tracked.map(|tracked| Box::new(tracked.of(context)));
        let limiter = self.parts.limiter.as_ref();
        let Some(limiter) = limiter.filter(|own| permit.is_some() || own.may_limit(context)) else {
            return self.send(request, context, bounds, Guards::unlimited(tracked));
        };
        let entry = limiter.acquire(&request, context, permit);
        match entry {
            Ok(Entry::Permitted(permits)) => {
                self.send(request, context, bounds, Guards::new(permits, tracked))
            }
            Ok(Entry::Waiting(waiting)) => {
                if let Some(tracked) = &mut tracked {
                    tracked.suspend();
                }
                #[cfg(feature = "limits")]
                limits::is_under_way(request.extensions().get(), false);
                // A waiting request must not hold a permit of another layer.
                let service = Self { inner: ready::give_back(&mut self.inner), ..self.clone() };
                let waited = Waited { waiting, tracked, service, request, bounds };
                CallFuture::waiting(waited.send())
            }
            Err(error) => {
                ready::give_back(&mut self.inner);
                CallFuture::refused(error)
            }
        }
    }

    /// Sends a request that has its permits.
    #[inline(always)]
    fn send<B, R>(
        &mut self,
        mut request: Request<B>,
        context: Option<&GatewayContext>,
        bounds: Option<Bounds>,
        guards: Guards,
    ) -> CallFuture<S::Future, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: Body,
    {
        let mut timing = bounds.and_then(|Bounds { timeouts, total }| {
            Timing::of_exchange(request.extensions_mut(), context, timeouts, total)
        });
        let is_classified = (timing.is_some() || !guards.is_empty())
            && verdict::is_marked_classified(request.extensions(), context);
        let is_read_by_many = context.is_some_and(GatewayContext::is_read_by_many);
        let watches_reader = bounds.is_some() && !is_read_by_many;
        if let Some(timing) = &mut timing {
            timing.classified_for = context.filter(|_| is_classified).cloned();
        }
        let call = self.inner.call(request);
        CallFuture::running(Running { call, timing, guards, is_classified, watches_reader })
    }
}

/// A request that waits for its permits.
struct Waited<S, B> {
    waiting: Box<Waiting>,
    tracked: Option<Box<Tracked>>,
    service: Call<S>,
    request: Request<B>,
    bounds: Option<Bounds>,
}

impl<S, B> Waited<S, B> {
    async fn send<R>(self) -> Output<R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: Into<BoxError>,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        let Self { waiting, mut tracked, mut service, request, bounds } = self;
        let permits = waiting.permits().await?;
        poll_fn(|cx| service.inner.poll_ready(cx)).await.map_err(Into::into)?;
        if let Some(tracked) = &mut tracked {
            let now = Instant::now();
            tracked.resume(now).map_err(|blocked| blocked.as_error(now))?;
        }
        #[cfg(feature = "limits")]
        limits::is_under_way(request.extensions().get(), true);
        let context = request.extensions().get::<GatewayContext>().cloned();
        service.send(request, context.as_ref(), bounds, Guards::new(permits, tracked)).await
    }
}
