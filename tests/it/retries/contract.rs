//! Tower's contract: services are called only when ready, and not for clients that have left.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_ai_gateway::control::{FallbackLayer, ReplayLayer, RetryLayer};

use crate::retries::scene::{request, three};
use crate::support::scripted::{Upstream, answer};

/// Becomes ready after a while, must be polled before each call, and clones are not ready.
struct Strict {
    inner: Upstream,
    asked: u8,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), asked: 0 }
    }
}

impl<B> Service<Request<B>> for Strict
where
    Upstream: Service<Request<B>, Error = BoxError>,
{
    type Response = <Upstream as Service<Request<B>>>::Response;
    type Error = BoxError;
    type Future = <Upstream as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asked = (self.asked + 1).min(2);
        if self.asked == 2 {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert_eq!(std::mem::take(&mut self.asked), 2, "it is called, and is not ready");
        self.inner.call(request)
    }
}

async fn ready<S: Service<Request<Full<Bytes>>, Error = BoxError>>(service: &mut S) -> &mut S {
    service.ready().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_called_service_is_ready() {
    let upstream = Upstream::new(|_, _| answer(503, &[], ""));
    let strict = Strict { inner: upstream.clone(), asked: 0 };
    let client = RetryLayer::new(three()).layer(strict);
    let mut client = ReplayLayer::new().layer(FallbackLayer::new().layer(client));
    for _ in 0..2 {
        ready(&mut client).await.call(request()).await.unwrap();
    }
    assert_eq!(upstream.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_not_retried() {
    let upstream = Upstream::new(|_, _| answer(503, &[], ""));
    let mut client = ReplayLayer::new().layer(RetryLayer::new(three()).layer(upstream.clone()));
    let mut call = Box::pin(ready(&mut client).await.call(request()));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..5 {
        assert!(Pin::new(&mut call).poll(&mut cx).is_pending());
    }
    drop(call);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_is_an_error() {
    let upstream = Upstream::new(|_, _| answer(503, &[], ""));
    let calls = upstream.clone();
    let once = tower::util::BoxCloneService::new(Dies(upstream));
    let client = ReplayLayer::new().layer(RetryLayer::new(three()).layer(once));
    let error = client.oneshot(request()).await.unwrap_err();
    assert_eq!((error.to_string(), calls.count()), ("closed".to_owned(), 1));
}

/// Ready until it is called.
#[derive(Clone)]
struct Dies(Upstream);

impl<B> Service<Request<B>> for Dies
where
    Upstream: Service<Request<B>, Error = BoxError>,
{
    type Response = <Upstream as Service<Request<B>>>::Response;
    type Error = BoxError;
    type Future = <Upstream as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.0.count() == 0 { Ok(()) } else { Err("closed".into()) })
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}
