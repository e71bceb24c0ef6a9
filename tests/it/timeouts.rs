//! The timeouts of an upstream call and of a whole request: each at its exact time.

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
async fn the_head_is_waited_for_until_its_time_and_not_longer() {
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
async fn the_requests_own_timeouts_go_before_the_layers_field_by_field() {
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
async fn silence_ends_a_body_at_its_time_from_the_first_frame_on() {
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
async fn a_slow_reader_is_not_the_providers_fault() {
    let layer = TimeoutLayer::new(none().idle(ms(100)));
    let response = layer.layer(client(0, &[10; 5])).oneshot(request(None)).await.unwrap();
    let (count, error) = read(response.into_body(), &[5000, 5000, 0, 5000, 99]).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, 5);
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_the_body_within_is_gone_and_nothing_comes() {
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
async fn the_total_holds_before_the_head_and_after_it() {
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
async fn no_data_passes_after_the_total_and_the_end_does() {
    let layer = DeadlineLayer::new(none().total(ms(100)));
    let ready = |gaps| layer.layer(client(0, gaps)).oneshot(request(None));
    let (count, error) = read(ready(&[0; 9]).await.unwrap().into_body(), &[40; 9]).await;
    assert_eq!((count, phase(&error.unwrap())), (2, TimeoutPhase::Total));
    let (count, error) = read(ready(&[0; 2]).await.unwrap().into_body(), &[10, 10, 500]).await;
    assert_eq!((count, error.is_none()), (2, true));
}

#[tokio::test(start_paused = true)]
async fn the_total_bounds_all_attempts_and_the_head_each_of_them() {
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
async fn a_task_that_is_always_busy_does_not_stop_the_clock() {
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
async fn a_time_beyond_all_clocks_is_none() {
    let longest = none().head(Duration::MAX).idle(Duration::MAX).total(Duration::MAX);
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(longest))
        .layer(TimeoutLayer::new(longest))
        .service(client(1000, &[1000]));
    let (count, error) = read(service.oneshot(request(None)).await.unwrap().into_body(), &[]).await;
    assert_eq!((count, error.is_none()), (1, true));
}

#[tokio::test]
async fn the_connect_timeout_goes_with_the_request() {
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

/// A body of known length with trailers.
struct Whole(Vec<Frame<Bytes>>);

const DATA: Bytes = Bytes::from_static(b"data");

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4 * (self.0.len() as u64).saturating_sub(1))
    }
}

fn whole(
    timeouts: Timeouts,
) -> impl Service<
    Request<()>,
    Response = Response<impl Body<Data = Bytes, Error = BoxError>>,
    Error = BoxError,
> {
    let client = service_fn(|_: Request<()>| {
        let frames = vec![Frame::trailers(HeaderMap::with_capacity(3)), Frame::data(DATA)];
        std::future::ready(Ok::<_, Infallible>(Response::new(Whole(frames))))
    });
    ServiceBuilder::new()
        .layer(DeadlineLayer::new(timeouts))
        .layer(TimeoutLayer::new(timeouts))
        .service(client)
}

/// Runs an exchange without a runtime, so a timer would panic.
fn by_hand(timeouts: Timeouts, look: impl Fn(&Frame<Bytes>, SizeHint, bool)) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = pin!(whole(timeouts).call(request(None)));
    let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("not at once") };
    let mut body = pin!(response.unwrap().into_body());
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => {
                look(&frame.unwrap(), body.size_hint(), body.is_end_stream());
            }
            Poll::Ready(None) => break,
            Poll::Pending => panic!("not at once"),
        }
    }
}

#[test]
fn frames_trailers_and_hints_pass_untouched_and_ready_ones_need_no_timer() {
    let all = none().connect(ms(1)).head(ms(1)).idle(ms(1));
    for timeouts in [none(), all, all.total(Duration::from_secs(3600))] {
        let seen = std::cell::Cell::new(0);
        by_hand(timeouts, |frame, hint, is_end| {
            match frame.data_ref() {
                Some(data) => {
                    assert_eq!(data.as_ptr(), DATA.as_ptr());
                    assert_eq!((hint.exact(), is_end), (Some(0), false));
                }
                None => assert_eq!((frame.is_trailers(), is_end), (true, true)),
            }
            seen.set(seen.get() + 1);
        });
        assert_eq!(seen.get(), 2);
    }
}

#[test]
fn nothing_set_is_no_allocation() {
    let bare = measure(|| {
        drop(vec![Frame::trailers(HeaderMap::with_capacity(3)), Frame::data(DATA)]);
    });
    let count = |timeouts| measure(|| by_hand(timeouts, |_, _, _| {})).count_total;
    assert_eq!(count(none()), bare.count_total);
    // Responses that are ready at once need no timer either.
    assert_eq!(count(none().total(ms(1000))), bare.count_total);
    // A head timeout adds an extension to the request, and an unread timeout one to the response;
    // here they are the first extensions.
    assert_eq!(count(none().head(ms(1))), bare.count_total + 4);
    let idle = count(none().idle(ms(1)));
    assert!(idle <= bare.count_total + 3, "{idle}");
}

#[test]
fn frames_that_come_singly_allocate_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let of = |frames: usize| {
        let steps: Vec<_> =
            std::iter::repeat_n([memory::Step::Data("x"), memory::Step::Pending], frames)
                .flatten()
                .collect();
        let timeouts = none().head(ms(100)).idle(ms(100)).total(ms(10_000));
        let mut steps = Some(memory::Steps::new(&steps));
        let client = service_fn(move |_: Request<()>| {
            std::future::ready(Ok::<_, BoxError>(Response::new(steps.take().unwrap())))
        });
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new(timeouts))
            .layer(TimeoutLayer::new(timeouts))
            .service(client);
        let measured = measure(|| {
            runtime.block_on(async {
                let mut body = pin!(service.oneshot(request(None)).await.unwrap().into_body());
                while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                    frame.unwrap();
                }
            });
        });
        measured.count_total
    };
    of(10);
    assert_eq!(of(1000), of(10));
}

/// Computes the passing frames and the failure time by checking each wait separately.
fn model(idle: u64, gaps: &[u64], pauses: &[u64]) -> (usize, Option<u64>) {
    let mut now = 0;
    for (place, gap) in gaps.iter().enumerate() {
        let due = now + gap;
        now += pauses.get(place).unwrap_or(&0);
        if due > now + idle {
            return (place, Some(now + idle));
        }
        now = now.max(due);
    }
    (gaps.len(), None)
}

proptest! {
    #[test]
    fn the_idle_time_is_exact_whatever_comes_when(
        idle in 1_u64..60,
        gaps in proptest::collection::vec(0_u64..70, 0..40),
        pauses in proptest::collection::vec(prop_oneof![Just(0_u64), 0_u64..100], 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (expected, fails_at) = model(idle, &gaps, &pauses);
        let (count, at, error) = runtime.block_on(async {
            let sent = gaps.clone();
            let client = service_fn(move |_: Request<()>| {
                std::future::ready(Ok::<_, BoxError>(Response::new(timed(&sent))))
            });
            let service = TimeoutLayer::new(none().idle(ms(idle))).layer(client);
            let start = Instant::now();
            let response = service.oneshot(request(None)).await.unwrap();
            let (count, error) = read(response.into_body(), &pauses).await;
            (count, start.elapsed(), error)
        });
        prop_assert_eq!(count, expected);
        prop_assert_eq!(error.map(|error| (phase(&error), at)), fails_at.map(|at| (TimeoutPhase::Idle, ms(at))));
    }
}

/// An upstream stack behind the gateway, its answer and the end event.
async fn exchange(
    timeouts: Timeouts,
    head: u64,
    gaps: &'static [u64],
) -> (u16, Result<String, BoxError>, memory::End) {
    let client =
        service_fn(move |_: Request<tower_ai_gateway::RequestBody<Full<Bytes>>>| async move {
            sleep(ms(head)).await;
            Ok::<_, BoxError>(Response::new(timed(gaps)))
        });
    let upstream = ServiceBuilder::new()
        .layer(DeadlineLayer::new(timeouts))
        .layer(TimeoutLayer::new(timeouts))
        .service(client);
    let recorder = Recorder::default();
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(recorder.clone());
    let service = layer.build().unwrap().upstream(upstream).layer(service_fn(memory::app));
    let request = Request::post("/v1/acct/gw/grok/v1/images/generations");
    let response = service.oneshot(request.body(Full::from("{}")).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let text = body.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
    (status, text, recorder.end())
}

#[tokio::test(start_paused = true)]
async fn the_gateway_answers_504_and_says_which_timeout_it_was() {
    for (timeouts, text, failure) in [
        (none().head(ms(100)), "Response head timeout", Failure::HeadTimeout),
        (none().total(ms(100)), "Total timeout", Failure::TotalTimeout),
    ] {
        let (status, body, end) = exchange(timeouts, 200, &[]).await;
        let body = body.unwrap();
        assert!(status == 504 && body.contains(text) && body.contains("2504"), "{body}");
        assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(failure)));
        assert_eq!(end.gateway_code, Some(2504));
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_the_head_breaks_the_exchange_and_never_ends_it_cleanly() {
    for (timeouts, failure, name) in [
        (none().idle(ms(100)), Failure::IdleTimeout, "idle_timeout"),
        (none().total(ms(100)), Failure::TotalTimeout, "total_timeout"),
    ] {
        let (status, body, end) = exchange(timeouts, 0, &[50, 200]).await;
        assert_eq!(status, 200);
        assert!(body.is_err());
        assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(failure)));
        assert_eq!(failure.as_str(), name);
    }
}

#[test]
fn everything_can_be_shared_and_sent() {
    fn is_sent<T: Send + Sync + 'static>(_: &T) {}
    let (deadline, timeout) = (DeadlineLayer::new(none()), TimeoutLayer::new(none()));
    is_sent(&(deadline, timeout));
    let mut service = deadline.layer(timeout.layer(client(0, &[])));
    fn is_future<F: Future<Output: Send> + Send>(_: &F) {}
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    is_future(&service.call(request(None)));
}
