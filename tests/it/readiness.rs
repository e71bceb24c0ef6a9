//! Tower's contract: a ready service is called, and a service that is not called reserves nothing.

use std::convert::Infallible;
use std::future::{Future, Ready, poll_fn, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};
use tower_test::mock;

use crate::support::memory;
use crate::support::scripted::steps::Steps;
use crate::support::scripted::{Reply, Step, Upstream};

const NATIVE: &str = "/v1/acct/gw/grok/v1/models";
const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";

fn layer() -> GatewayLayer {
    let builder =
        GatewayLayer::builder().provider(Provider::xai()).mount(Mount::hosted().exclusive());
    builder.build().unwrap()
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::from(r#"{"model":"grok/grok-4"}"#)).unwrap()
}

/// `ready` for a service of requests with a plain body.
async fn readied<S: Service<Request<Full<Bytes>>, Error: std::fmt::Debug>>(
    service: &mut S,
) -> &mut S {
    service.ready().await.unwrap()
}

/// Fails instead of hanging if a permit never becomes available.
async fn soon<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(std::time::Duration::from_secs(10), step).await.unwrap()
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// An upstream that is never ready.
#[derive(Clone)]
struct Saturated;

impl<R> Service<R> for Saturated {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: R) -> Self::Future {
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn a_saturated_upstream_never_stalls_the_app() {
    let mut service = layer().upstream(Saturated).layer(service_fn(memory::app));
    let ready: Result<(), Infallible> =
        poll_fn(|cx| Service::<Request<Full<Bytes>>>::poll_ready(&mut service, cx)).await;
    ready.unwrap();
    let mut stalled = pin!(service.call(request(NATIVE)));
    assert!(poll_once(stalled.as_mut()).is_pending(), "the gateway's own request waits");
    let response = service.ready().await.unwrap().call(request("/health")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "app");
}

#[tokio::test]
async fn shed_load_is_a_503_worth_a_retry() {
    let upstream = ServiceBuilder::new().layer(LoadShedLayer::new()).service(Saturated);
    for path in [NATIVE, UNIFIED] {
        let service = layer().upstream(upstream.clone()).layer(service_fn(memory::app));
        let response = service.oneshot(request(path)).await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["x-should-retry"], "true");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["gateway"]["code"], 2503);
    }
}

#[tokio::test]
async fn the_ready_service_is_the_one_that_is_called() {
    // `mock` panics on `call` without `poll_ready`.
    let (client, mut handle) =
        mock::pair::<Request<tower_ai_gateway::RequestBody<Full<Bytes>>>, Response<Full<Bytes>>>();
    handle.allow(1);
    let mut service = layer().client_layer().layer(client);
    let call = service.ready().await.unwrap().call(request(NATIVE));
    let (sent, reply) = handle.next_request().await.unwrap();
    assert_eq!(sent.uri(), "https://api.x.ai/v1/models");
    reply.send_response(Response::default());
    call.await.unwrap();
}

#[tokio::test]
async fn the_gateway_waits_for_a_client_that_is_not_ready() {
    let (client, mut handle) =
        mock::pair::<Request<tower_ai_gateway::RequestBody<Full<Bytes>>>, Response<Full<Bytes>>>();
    handle.allow(0);
    let mut service = layer().client_layer().layer(client);
    let mut waiting = pin!(ServiceExt::<Request<Full<Bytes>>>::ready(&mut service));
    assert!(poll_once(waiting.as_mut()).is_pending());
    handle.allow(1);
    waiting.await.unwrap();
}

/// Under a limit of one, a leaked permit blocks everyone.
#[tokio::test]
async fn an_uncalled_service_keeps_no_permit() {
    for path in [NATIVE, UNIFIED, "/v1/acct/gw/nosuch/x", "/health"] {
        let limited = ServiceBuilder::new()
            .layer(ConcurrencyLimitLayer::new(1))
            .service(Upstream::steps(&[]));
        let mut first = layer().client_layer().layer(limited);
        let mut second = first.clone();
        soon(async { readied(&mut first).await.call(request(path)).await }).await.unwrap();
        let second = soon(async { readied(&mut second).await.call(request(NATIVE)).await }).await;
        assert!(second.is_ok(), "{path}");
    }
}

type Never = futures_util::stream::Pending<Result<http_body::Frame<Bytes>, Infallible>>;
type Upload = Either<StreamBody<Never>, Full<Bytes>>;

#[tokio::test]
async fn a_slow_upload_to_a_model_route_holds_no_permit() {
    let limited =
        ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(Upstream::steps(&[]));
    let gateway = layer().client_layer().layer(limited);
    let stuck: Upload = Either::Left(StreamBody::new(futures_util::stream::pending()));
    let slow = Request::post(UNIFIED).body(stuck).unwrap();
    let quick = Request::post(NATIVE).body(Upload::Right(Full::from("{}"))).unwrap();
    let mut first = gateway.clone();
    let ready = ServiceExt::<Request<Upload>>::ready(&mut first).await.unwrap();
    let mut upload = pin!(ready.call(slow));
    assert!(poll_once(upload.as_mut()).is_pending());
    soon(gateway.oneshot(quick)).await.unwrap();
}

#[tokio::test]
async fn a_dropped_call_returns_its_permit() {
    let slow = Reply::status(200).steps(&[Step::Data("a")]).after_polls(5);
    let limited =
        ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(Upstream::always(slow));
    for path in [NATIVE, UNIFIED] {
        let service = layer().upstream(limited.clone()).layer(service_fn(memory::app));
        let body = Steps::new(&[Step::Pending, Step::Data(r#"{"model":"grok/grok-4"}"#)]);
        let call = service.clone().oneshot(Request::post(path).body(body).unwrap());
        {
            let mut call = pin!(call);
            for _ in 0..4 {
                assert!(poll_once(call.as_mut()).is_pending());
            }
        }
        let body = Steps::new(&[Step::Data(r#"{"model":"grok/grok-4"}"#)]);
        let response = service.oneshot(Request::post(path).body(body).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
}

#[test]
fn services_are_send_and_sync() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    is_service(&layer());
    is_service(&layer().client_layer().layer(Upstream::steps(&[])));
    is_service(&layer().upstream(Upstream::steps(&[])).layer(Upstream::steps(&[])));
}
