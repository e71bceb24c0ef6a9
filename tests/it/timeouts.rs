//! The timeouts of an upstream call and of a whole request: each at its exact time.

mod body;
mod gateway;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{DeadlineLayer, TimeoutLayer};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::timeout::{ConnectTimeout, TimeoutError, TimeoutPhase};
use tower_ai_gateway::{GatewayLayer, Outcome, Provider};

use crate::support::memory::{self, Recorder};
use crate::support::timed::{Timed, ms, read, timed};

fn none() -> Timeouts {
    Timeouts::default()
}

fn phase(error: &BoxError) -> TimeoutPhase {
    error.downcast_ref::<TimeoutError>().unwrap().phase()
}

/// A client that answers after `head` with a frame after each of `gaps`.
fn client(
    head: u64,
    gaps: &'static [u64],
) -> impl Service<Request<()>, Response = Response<Timed>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |_: Request<()>| async move {
        sleep(ms(head)).await;
        Ok(Response::new(timed(gaps)))
    })
}

fn request(timeouts: Option<Timeouts>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(timeouts) = timeouts {
        request.extensions_mut().insert(timeouts);
    }
    request
}

#[tokio::test(start_paused = true)]
async fn the_head_timeout_is_exact() {
    let layer = TimeoutLayer::new(none().head(ms(100)));
    for head in [0, 1, 99, 100] {
        layer.layer(client(head, &[])).oneshot(request(None)).await.unwrap();
    }
    for head in [101, 5000] {
        let start = Instant::now();
        let error = layer.layer(client(head, &[])).oneshot(request(None)).await.unwrap_err();
        assert_eq!((phase(&error), start.elapsed()), (TimeoutPhase::Head, ms(100)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_own_timeouts_override_the_layers_field_by_field() {
    let layer = TimeoutLayer::new(none().head(ms(100)).idle(ms(50)));
    let start = Instant::now();
    let own = Some(none().head(ms(200)));
    let response = layer.layer(client(150, &[60])).oneshot(request(own)).await.unwrap();
    let (_, error) = read(response.into_body(), &[]).await;
    assert_eq!(phase(&error.unwrap()), TimeoutPhase::Idle);
    assert_eq!(start.elapsed(), ms(200));

    let start = Instant::now();
    let service = DeadlineLayer::new(none().total(ms(500))).layer(client(400, &[]));
    let error = service.oneshot(request(Some(none().total(ms(300))))).await.unwrap_err();
    assert_eq!((phase(&error), start.elapsed()), (TimeoutPhase::Total, ms(300)));
}

#[tokio::test(start_paused = true)]
async fn a_healthy_stream_may_take_longer_than_any_timeout_of_a_call() {
    const GAPS: &[u64] = &[90; 200];
    let layer = TimeoutLayer::new(none().connect(ms(10)).head(ms(50)).idle(ms(90)));
    let response = layer.layer(client(50, GAPS)).oneshot(request(None)).await.unwrap();
    let (count, error) = read(response.into_body(), &[]).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, 200);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_body_at_the_idle_timeout() {
    let layer = TimeoutLayer::new(none().idle(ms(100)));
    for (gaps, frames, at) in [
        (&[101][..], 0, 100),
        (&[100, 101], 1, 200),
        (&[3, 5, 7, 1000], 3, 115),
        // Frames while the timer runs do not change the deadline of the last one.
        (&[99, 99, 99, 2, 101], 4, 399),
    ] {
        let start = Instant::now();
        let response = layer.layer(client(0, gaps)).oneshot(request(None)).await.unwrap();
        let (count, error) = read(response.into_body(), &[]).await;
        assert_eq!(phase(&error.unwrap()), TimeoutPhase::Idle, "{gaps:?}");
        assert_eq!((count, start.elapsed()), (frames, ms(at)), "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_the_providers_failure() {
    let layer = TimeoutLayer::new(none().idle(ms(100)));
    let response = layer.layer(client(0, &[10; 5])).oneshot(request(None)).await.unwrap();
    let (count, error) = read(response.into_body(), &[5000, 5000, 0, 5000, 99]).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, 5);
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_the_inner_body_is_dropped() {
    let dropped = std::sync::Arc::new(());
    let held = dropped.clone();
    let silent = StreamBody::new(futures_util::stream::poll_fn(move |_| {
        let _held = &held;
        Poll::<Option<Result<Frame<Bytes>, Infallible>>>::Pending
    }));
    let mut silent = Some(silent);
    let client = service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(silent.take().unwrap())))
    });
    let layer = TimeoutLayer::new(none().idle(ms(10)));
    let response = layer.layer(client).oneshot(request(None)).await.unwrap();
    let mut body = pin!(response.into_body());
    assert!(!body.is_end_stream());
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().is_err());
    assert_eq!(std::sync::Arc::strong_count(&dropped), 1);
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_applies_before_and_after_the_head() {
    let layer = DeadlineLayer::new(none().total(ms(100)));
    let start = Instant::now();
    let error = layer.layer(client(101, &[])).oneshot(request(None)).await.unwrap_err();
    assert_eq!((phase(&error), start.elapsed()), (TimeoutPhase::Total, ms(100)));
    for (head, gaps, frames) in
        [(0, &[30; 9][..], 3), (99, &[2], 0), (50, &[25; 3], 2), (50, &[25, 26], 1)]
    {
        let start = Instant::now();
        let response = layer.layer(client(head, gaps)).oneshot(request(None)).await.unwrap();
        let (count, error) = read(response.into_body(), &[]).await;
        assert_eq!(phase(&error.unwrap()), TimeoutPhase::Total, "{gaps:?}");
        assert_eq!((count, start.elapsed()), (frames, ms(100)), "{head} {gaps:?}");
    }
    let response = layer.layer(client(50, &[25; 2])).oneshot(request(None)).await.unwrap();
    let (count, error) = read(response.into_body(), &[]).await;
    assert_eq!((count, error.is_none()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn no_data_passes_after_the_total_timeout_but_the_end_does() {
    let layer = DeadlineLayer::new(none().total(ms(100)));
    let ready = |gaps| layer.layer(client(0, gaps)).oneshot(request(None));
    let (count, error) = read(ready(&[0; 9]).await.unwrap().into_body(), &[40; 9]).await;
    assert_eq!((count, phase(&error.unwrap())), (2, TimeoutPhase::Total));
    let (count, error) = read(ready(&[0; 2]).await.unwrap().into_body(), &[10, 10, 500]).await;
    assert_eq!((count, error.is_none()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_bounds_all_attempts_and_the_head_timeout_each() {
    /// Fails twice by the head timeout of each attempt.
    fn attempts(timeouts: Timeouts) -> impl Service<Request<()>, Response: Send, Error = BoxError> {
        let retry = tower::retry::RetryLayer::new(Thrice(3));
        let stuck = client(1000, &[]);
        ServiceBuilder::new()
            .layer(DeadlineLayer::new(timeouts))
            .layer(retry)
            .layer(TimeoutLayer::new(timeouts))
            .service(stuck)
    }

    #[derive(Clone)]
    struct Thrice(usize);

    impl<R> tower::retry::Policy<Request<()>, R, BoxError> for Thrice {
        type Future = std::future::Ready<()>;

        fn retry(
            &mut self,
            _: &mut Request<()>,
            result: &mut Result<R, BoxError>,
        ) -> Option<Self::Future> {
            self.0 -= 1;
            (result.is_err() && self.0 > 0).then(|| std::future::ready(()))
        }

        fn clone_request(&mut self, request: &Request<()>) -> Option<Request<()>> {
            Some(request.clone())
        }
    }

    for (total, expected, at) in [(301, TimeoutPhase::Head, 300), (299, TimeoutPhase::Total, 299)] {
        let start = Instant::now();
        let service = attempts(none().head(ms(100)).total(ms(total)));
        let error = service.oneshot(request(None)).await.err().unwrap();
        assert_eq!((phase(&error), start.elapsed()), (expected, ms(at)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_task_does_not_delay_a_timeout() {
    let busy = service_fn(|_: Request<()>| async {
        loop {
            tokio::task::consume_budget().await;
        }
        #[expect(unreachable_code)]
        Ok::<_, Infallible>(Response::new(timed(&[])))
    });
    let service = TimeoutLayer::new(none().head(ms(100))).layer(busy);
    let call = tokio::spawn(service.oneshot(request(None)));
    tokio::task::yield_now().await;
    tokio::time::advance(ms(101)).await;
    for _ in 0..1000 {
        if call.is_finished() {
            return;
        }
        tokio::task::yield_now().await;
    }
    call.abort();
    panic!("it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_clock_is_no_timeout() {
    let longest = none().head(Duration::MAX).idle(Duration::MAX).total(Duration::MAX);
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(longest))
        .layer(TimeoutLayer::new(longest))
        .service(client(1000, &[1000]));
    let (count, error) = read(service.oneshot(request(None)).await.unwrap().into_body(), &[]).await;
    assert_eq!((count, error.is_none()), (1, true));
}

#[tokio::test]
async fn the_connect_timeout_is_passed_with_the_request() {
    let seen = service_fn(|request: Request<()>| {
        let connect = request.extensions().get::<ConnectTimeout>().copied();
        let mut response = Response::new(Full::<Bytes>::default());
        response.extensions_mut().insert(connect);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    for (layer, own, expected) in [
        (none(), None, None),
        (none().connect(ms(5)), None, Some(5)),
        (none().connect(ms(5)), Some(none().connect(ms(7))), Some(7)),
        (none(), Some(none().connect(ms(7))), Some(7)),
    ] {
        let response = TimeoutLayer::new(layer).layer(seen).oneshot(request(own)).await.unwrap();
        let got = response.extensions().get::<Option<ConnectTimeout>>().unwrap();
        assert_eq!(*got, expected.map(|millis| ConnectTimeout(ms(millis))));
    }
}

#[test]
fn services_are_send_and_sync() {
    fn is_sent<T: Send + Sync + 'static>(_: &T) {}
    let (deadline, timeout) = (DeadlineLayer::new(none()), TimeoutLayer::new(none()));
    is_sent(&(deadline, timeout));
    let mut service = deadline.layer(timeout.layer(client(0, &[])));
    fn is_future<F: Future<Output: Send> + Send>(_: &F) {}
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    is_future(&service.call(request(None)));
}
