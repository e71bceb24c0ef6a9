//! The limit of concurrent requests: a request counts until its stream has ended, waiting requests
//! get their turn, and no permit is lost.

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

use crate::support::memory::{self, Recorder, Step, Steps, yield_once};
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
async fn a_stream_counts_until_it_has_ended() {
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
async fn a_body_that_is_dropped_or_that_says_it_is_over_counts_no_longer() {
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
async fn a_call_that_fails_gives_its_place_back_at_once() {
    let layer = ConcurrencyLayer::new(1).wait(Duration::ZERO);
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<Steps>, _>("refused")));
    let mut service = layer.layer(failing);
    let mut call = pin!(service.ready().await.unwrap().call(of("a")));
    assert!(poll_fn(|cx| call.as_mut().poll(cx)).await.is_err());
    // The future was not dropped.
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_its_time_and_not_longer() {
    let layer = ConcurrencyLayer::new(1).wait(ms(100));
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, BoxError>(Response::new(timed(&[50, 50])))
    }));
    let first = service.clone().oneshot(of("a")).await.unwrap();
    let start = Instant::now();
    let (read, second) =
        tokio::join!(read(first.into_body(), &[]), service.clone().oneshot(of("a")));
    assert_eq!((read.0, start.elapsed()), (2, ms(100)));
    let second = second.unwrap();

    let start = Instant::now();
    let refused = error(service.clone().oneshot(of("a")).await);
    assert_eq!((refused.is_queue_full(), start.elapsed()), (false, ms(100)));
    assert!(refused.to_string().contains("none of them ended in time"));
    drop(second);
    assert_free(&layer, 1, "a").await;

    let start = Instant::now();
    let held = service.clone().oneshot(of("a")).await.unwrap();
    let patient = layer.clone().wait(Duration::MAX).layer(client(0, &[]));
    let (_, waited) = tokio::join!(
        async {
            sleep(Duration::from_secs(86_400)).await;
            drop(held);
        },
        patient.oneshot(of("a"))
    );
    waited.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(86_400));
}

#[tokio::test(start_paused = true)]
async fn the_default_is_to_wait_a_second() {
    let service = ConcurrencyLayer::new(0).layer(client(0, &[]));
    let start = Instant::now();
    assert!(!error(service.oneshot(of("a")).await).is_queue_full());
    assert_eq!(start.elapsed(), ms(1000));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_may_wait() {
    let layer = ConcurrencyLayer::new(1).wait(ms(100)).queue(2);
    let service = layer.layer(client(0, &[Step::Data("x")]));
    let held = service.clone().oneshot(of("a")).await.unwrap();
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(service.clone().oneshot(of("a")))).collect();
    waiting.iter_mut().for_each(|call| assert!(poll_once(call.as_mut()).is_pending()));
    let start = Instant::now();
    let refused = error(service.clone().oneshot(of("a")).await);
    assert_eq!((refused.is_queue_full(), start.elapsed()), (true, ms(0)));
    // A request that gives up makes room.
    waiting.pop();
    let mut third = pin!(service.clone().oneshot(of("a")));
    assert!(poll_once(third.as_mut()).is_pending());
    drop(held);
    drop(waiting.pop().unwrap().await.unwrap());
    drop(third.await.unwrap());
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn who_came_first_is_served_first() {
    let layer = ConcurrencyLayer::new(2);
    let served = Arc::new(std::sync::Mutex::new(Vec::new()));
    let service = layer.layer(client(3, &[Step::Pending, Step::Data("x")]));
    let requests = (0..20).map(|number| {
        let (service, served) = (service.clone(), served.clone());
        async move {
            let response = service.oneshot(of("a")).await.unwrap();
            served.lock().unwrap().push(number);
            response.into_body().collect().await.unwrap();
        }
    });
    // Tasks that are polled only when woken.
    let tasks: Vec<_> = requests.map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..20).collect::<Vec<_>>());
    assert_free(&layer, 2, "a").await;
}

/// Polls an exchange to its end, but at most `polls` times, and drops it.
fn dropped_after(
    polls: usize,
    service: impl Service<Request<()>, Response = Response<CallBody<Steps>>, Error = BoxError> + Clone,
) -> bool {
    let exchange = async {
        let response = service.oneshot(of("a")).await?;
        response.into_body().collect().await
    };
    let mut exchange = pin!(exchange);
    (0..polls).any(|_| poll_once(exchange.as_mut()).is_ready())
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_moment_nobody_takes_a_place_away() {
    let steps = [Step::Pending, Step::Data("a"), Step::Pending, Step::Trailers];
    let layer = ConcurrencyLayer::new(2).per(by_tenant(1));
    let service = layer.layer(client(2, &steps));
    for polls in 0.. {
        if dropped_after(polls, service.clone()) {
            assert!(polls > 4);
            break;
        }
        assert_free(&layer, 1, "a").await;
    }
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_or_as_its_turn_has_come_nobody_takes_a_place_away() {
    let layer = ConcurrencyLayer::new(1).per(by_tenant(1));
    let service = layer.layer(client(1, &[Step::Pending, Step::Data("a")]));
    // The request whose end lets the other one proceed, and the number of its polls.
    for holders in ["tenant", "all", "both"] {
        for release in 0..4 {
            for polls in 0..12 {
                let hold_all = layer.clone().layer(client(0, &[Step::Data("x")]));
                let tenant = if holders == "all" { "b" } else { "a" };
                let held = hold_all.oneshot(of(tenant)).await.unwrap();
                let mut held = Some(held);
                let exchange = async {
                    let response = service.clone().oneshot(of("a")).await?;
                    response.into_body().collect().await
                };
                let mut exchange = Box::pin(exchange);
                let mut behind = Box::pin(service.clone().oneshot(of("a")));
                for poll in 0..polls {
                    if poll == release {
                        held = None;
                    }
                    if poll_once(exchange.as_mut()).is_ready() {
                        break;
                    }
                    assert!(poll_once(behind.as_mut()).is_pending());
                }
                drop(held);
                drop(exchange);
                // The next waiting request gets its turn.
                drop(behind.await.unwrap());
                assert_free(&layer, 1, "a").await;
                assert_free(&layer, 1, "b").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_tenants_crowd_is_not_the_others_trouble() {
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
async fn requests_without_a_key_pass_a_limit_by_key() {
    let layer = ConcurrencyLayer::keyed(by_tenant(0)).wait(Duration::ZERO);
    let service = layer.layer(client(0, &[]));
    service.clone().oneshot(Request::new(())).await.unwrap();
    error(service.oneshot(of("a")).await);
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_holds_for_the_next_request_and_strands_no_place() {
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

#[tokio::test(start_paused = true)]
async fn who_waits_holds_no_place_in_another_layers_limit() {
    let layer = ConcurrencyLayer::new(1);
    let held = layer.layer(client(0, &[Step::Data("x")])).oneshot(of("a")).await.unwrap();
    let inner = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(client(0, &[]));
    let mut service = layer.layer(inner.clone());
    let mut waiting = Box::pin(service.ready().await.unwrap().call(of("a")));
    assert!(poll_once(waiting.as_mut()).is_pending());
    tokio::time::timeout(ms(1), inner.clone().oneshot(of("a"))).await.unwrap().unwrap();
    drop(held);
    waiting.await.unwrap();

    // A refused request does not either.
    let mut refused = ConcurrencyLayer::new(0).wait(Duration::ZERO).layer(inner.clone());
    error(refused.ready().await.unwrap().call(of("a")).await);
    tokio::time::timeout(ms(1), inner.oneshot(of("a"))).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_service_is_ready_when_the_one_within_is() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<()>, Response<Full<Bytes>>>();
    let mut service = ConcurrencyLayer::new(0).layer(inner);
    handle.allow(0);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut cx).is_ready(), "though nothing will be let in");
}

/// Without a runtime, a timer would panic.
#[test]
fn who_may_not_wait_is_refused_at_once() {
    let mut service = ConcurrencyLayer::new(0).wait(Duration::ZERO).layer(client(0, &[]));
    let mut call = pin!(service.call(of("a")));
    let Poll::Ready(result) = poll_once(call.as_mut()) else { panic!("waits") };
    assert!(!error(result).is_queue_full());
}

/// The allocations of an exchange that does not wait.
fn allocations<S, R>(mut service: S) -> u64
where
    S: Service<Request<()>, Response = Response<R>, Error: std::fmt::Debug>,
    R: Body<Error: std::fmt::Debug>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let exchange = || {
        let mut call = pin!(service.call(Request::new(())));
        let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("waits") };
        let mut body = pin!(response.unwrap().into_body());
        loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => drop(frame.unwrap()),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("waits"),
            }
        }
    };
    measure(exchange).count_total
}

#[test]
fn a_free_place_costs_no_allocation() {
    let client = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("x"))))
    });
    let limited = ConcurrencyLayer::new(1).layer(client);
    assert_eq!(allocations(limited), allocations(client));
}

/// The current and the maximum number of active requests.
#[derive(Default)]
struct Inside(AtomicUsize, AtomicUsize);

struct Present(Arc<Inside>);

impl Inside {
    fn enter(self: &Arc<Self>) -> Present {
        self.1.fetch_max(self.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Present(self.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn counting(
    inside: Arc<Inside>,
) -> impl Service<Request<()>, Response = Response<Steps>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |request: Request<()>| {
        let number = *request.extensions().get::<usize>().unwrap();
        let present = inside.enter();
        async move {
            for _ in 0..number % 4 {
                tokio::task::yield_now().await;
            }
            drop(present);
            Ok(Response::new(Steps::new(&[Step::Pending, Step::Data("x")])))
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_many_threads_the_limit_holds_and_no_place_is_lost() {
    const LIMIT: usize = 3;
    let layer = ConcurrencyLayer::new(LIMIT).per(by_tenant(2)).wait(Duration::from_secs(60));
    let inside = Arc::new(Inside::default());
    let service = layer.layer(counting(inside.clone()));
    let exchange = |number: usize| {
        let mut request = of(["a", "b", "c"][number % 3]);
        request.extensions_mut().insert(number);
        let call = service.clone().oneshot(request);
        async move {
            let response = call.await.unwrap();
            response.into_body().collect().await.unwrap();
        }
    };
    let tasks = (0..2000).map(|number| {
        let mut exchange = Box::pin(exchange(number));
        tokio::spawn(async move {
            if number % 5 != 0 {
                return exchange.await;
            }
            // Some clients disconnect at random moments.
            for _ in 0..number % 7 {
                if poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx))).await.is_ready() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(inside.0.load(Ordering::SeqCst), 0);
    assert!((1..=LIMIT).contains(&inside.1.load(Ordering::SeqCst)));
    for tenant in ["a", "b", "c"] {
        assert_free(&layer, 2, tenant).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_gateway_answers_503_and_says_that_nothing_was_sent() {
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
fn everything_can_be_shared_and_sent() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    fn is_future<F: Future<Output: Send> + Send>(_: &F) {}
    let layer = ConcurrencyLayer::new(1).per(by_tenant(1));
    is_service(&layer);
    let mut service = layer.layer(client(0, &[]));
    is_future(&service.call(of("a")));
    let text = format!("{layer:?}");
    assert!(text.contains("0 of 1 held") && !text.contains("\"a\""), "{text}");
}
