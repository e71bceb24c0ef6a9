//! The limit of concurrent requests: a request counts until its stream has ended, waiting requests
//! get their turn, and no permit is lost.

mod permits;
mod waiting;

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::{Instant, sleep};
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{CallBody, ConcurrencyError, ConcurrencyLayer};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, Outcome, Provider, RequestBody};

use crate::support::memory::{self, Recorder};
use crate::support::scripted::Step;
use crate::support::scripted::steps::{Steps, yield_once};
use crate::support::timed::{ms, read, timed};

/// The owner of a request.
#[derive(Clone)]
struct Tenant(&'static str);

fn of(tenant: &'static str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(Tenant(tenant));
    request
}

fn by_tenant(limit: usize) -> impl Fn(&Extensions) -> Option<(&'static str, usize)> {
    move |extensions| extensions.get::<Tenant>().map(|tenant| (tenant.0, limit))
}

/// A client that answers after a number of polls.
fn client(
    pending: usize,
    body: &[Step],
) -> impl Service<Request<()>, Response = Response<Steps>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let body = body.to_vec();
    service_fn(move |_: Request<()>| {
        let body = Steps::new(&body);
        async move {
            for _ in 0..pending {
                yield_once().await;
            }
            Ok(Response::new(body))
        }
    })
}

fn error(result: Result<impl Sized, BoxError>) -> ConcurrencyError {
    *result.err().unwrap().downcast_ref().unwrap()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Checks that all permits of `layer` are free: with a wait of zero, exactly `limit` requests are
/// accepted.
async fn assert_free(layer: &ConcurrencyLayer, limit: usize, tenant: &'static str) {
    let probe = layer.clone().wait(Duration::ZERO).layer(client(0, &[Step::Data("x")]));
    let mut held = Vec::new();
    for number in 0..limit {
        let response = probe.clone().oneshot(of(tenant)).await;
        held.push(response.unwrap_or_else(|error| panic!("{number} of {limit}: {error}")));
    }
    assert!(!error(probe.oneshot(of(tenant)).await).is_queue_full());
}

#[tokio::test(start_paused = true)]
async fn a_stream_holds_its_permit_until_it_ends() {
    let layer = ConcurrencyLayer::new(1).wait(Duration::ZERO);
    for (steps, frames) in [
        (&[][..], 1),
        (&[Step::Data("a"), Step::Data("b")], 3),
        (&[Step::Data("a"), Step::Error], 2),
        (&[Step::Data("a"), Step::Trailers], 2),
    ] {
        let service = layer.layer(client(0, steps));
        let response = service.clone().oneshot(of("a")).await.unwrap();
        let mut body = response.into_body();
        for _ in 0..frames {
            let full = service.clone().oneshot(of("a")).await;
            assert!(!error(full).is_queue_full(), "{steps:?}");
            let _ = body.frame().await;
        }
        assert_free(&layer, 1, "a").await;
        drop(body);
        assert_free(&layer, 1, "a").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_or_ended_body_releases_its_permit() {
    let layer = ConcurrencyLayer::new(1).wait(Duration::ZERO);
    let never = layer.layer(client(0, &[Step::Data("x")]));
    drop(never.oneshot(of("a")).await.unwrap());
    assert_free(&layer, 1, "a").await;

    let empty = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let held = layer.layer(empty).oneshot(of("a")).await.unwrap();
    assert_free(&layer, 1, "a").await;
    drop(held);

    let sized = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("all"))))
    });
    let mut held = layer.layer(sized).oneshot(of("a")).await.unwrap().into_body();
    let frame: Frame<Bytes> = held.frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap(), "all");
    assert!(held.is_end_stream());
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_releases_its_permit_at_once() {
    let layer = ConcurrencyLayer::new(1).wait(Duration::ZERO);
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<Steps>, _>("refused")));
    let mut service = layer.layer(failing);
    let mut call = pin!(service.ready().await.unwrap().call(of("a")));
    assert!(poll_fn(|cx| call.as_mut().poll(cx)).await.is_err());
    // The future was not dropped.
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_one_tenant_does_not_block_others() {
    let layer = ConcurrencyLayer::new(3).per(by_tenant(1)).wait(ms(100));
    let service = layer.layer(client(0, &[Step::Data("x")]));
    let held = service.clone().oneshot(of("a")).await.unwrap();
    let crowd: Vec<_> = (0..20).map(|_| tokio::spawn(service.clone().oneshot(of("a")))).collect();
    tokio::task::yield_now().await;
    let others = [
        service.clone().oneshot(of("b")).await.unwrap(),
        service.clone().oneshot(of("c")).await.unwrap(),
    ];
    // The shared limit is reached, although "d" has no request yet.
    let start = Instant::now();
    assert!(!error(service.clone().oneshot(of("d")).await).is_queue_full());
    assert_eq!(start.elapsed(), ms(100));
    for task in crowd {
        assert!(!error(task.await.unwrap()).is_queue_full());
    }
    drop((held, others));
    for tenant in ["a", "b", "d"] {
        assert_free(&layer, 1, tenant).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_pass_a_keyed_limit() {
    let layer = ConcurrencyLayer::keyed(by_tenant(0)).wait(Duration::ZERO);
    let service = layer.layer(client(0, &[]));
    service.clone().oneshot(Request::new(())).await.unwrap();
    error(service.oneshot(of("a")).await);
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_applies_to_the_next_request_and_loses_no_permit() {
    let limit = Arc::new(AtomicUsize::new(3));
    let read = limit.clone();
    let layer = ConcurrencyLayer::keyed(move |extensions: &Extensions| {
        by_tenant(read.load(Ordering::Relaxed))(extensions)
    })
    .wait(Duration::ZERO);
    let service = layer.layer(client(0, &[Step::Data("x")]));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(service.clone().oneshot(of("a")).await.unwrap());
    }
    limit.store(1, Ordering::Relaxed);
    for _ in 0..3 {
        error(service.clone().oneshot(of("a")).await);
        held.pop();
    }
    assert_free(&layer, 1, "a").await;
    let one = service.clone().oneshot(of("a")).await.unwrap();
    limit.store(2, Ordering::Relaxed);
    let two = service.clone().oneshot(of("a")).await.unwrap();
    error(service.clone().oneshot(of("a")).await);
    drop((one, two));
    assert_free(&layer, 2, "a").await;

    // A request waiting under the old limit is accepted when the first request under the new one
    // comes.
    let _held = service.clone().oneshot(of("a")).await.unwrap();
    limit.store(1, Ordering::Relaxed);
    let patient = layer.clone().wait(ms(100)).layer(client(0, &[Step::Data("x")]));
    let mut waiting = tokio_test::task::spawn(patient.oneshot(of("a")));
    assert!(waiting.poll().is_pending());
    limit.store(3, Ordering::Relaxed);
    let _second = service.clone().oneshot(of("a")).await.unwrap();
    assert!(waiting.is_woken());
    assert!(waiting.poll().is_ready());
}

#[tokio::test]
async fn the_service_is_ready_when_its_inner_service_is() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<()>, Response<Full<Bytes>>>();
    let mut service = ConcurrencyLayer::new(0).layer(inner);
    handle.allow(0);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut cx).is_ready(), "though nothing will be let in");
}

#[tokio::test(start_paused = true)]
async fn the_gateway_answers_503_because_nothing_was_sent() {
    let client = service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}"))))
    });
    let recorder = Recorder::default();
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(recorder.clone());
    let upstream = ConcurrencyLayer::new(0).layer(client);
    let service = layer.build().unwrap().upstream(upstream).layer(service_fn(memory::app));
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let response = service.oneshot(request.body(Full::from("{}")).unwrap()).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-should-retry"], "true");
    let end = recorder.end();
    assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(Failure::Overloaded)));
    assert_eq!(end.gateway_code, Some(2503));
}

#[test]
fn services_are_send_and_sync() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    fn is_future<F: Future<Output: Send> + Send>(_: &F) {}
    let layer = ConcurrencyLayer::new(1).per(by_tenant(1));
    is_service(&layer);
    let mut service = layer.layer(client(0, &[]));
    is_future(&service.call(of("a")));
    let text = format!("{layer:?}");
    assert!(text.contains("0 of 1 held") && !text.contains("\"a\""), "{text}");
}
