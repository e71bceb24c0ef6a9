//! Upstreams that are not well are left alone, by the layer alone and behind a gateway.
#![allow(clippy::unwrap_used)]

mod memory;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{
    BreakerSettings, ChangeReason, CoolDownSettings, HealthLayer, HealthState, Unavailable,
    UnavailableReason,
};
use tower_ai_gateway::{EndEvent, Failure, GatewayLayer, Provider};
use tower_test::mock;

type Mock = mock::Handle<Request<()>, Response<Script>>;

const SECOND: Duration = Duration::from_secs(1);

/// A body of these steps; without an end it hangs.
#[derive(Debug, Default)]
struct Script {
    steps: Vec<Step>,
    says_end: bool,
}

#[derive(Debug)]
enum Step {
    Data(&'static str),
    Trailers(HeaderMap),
    Break,
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.steps.is_empty() {
            return Poll::Pending;
        }
        match self.steps.remove(0) {
            Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(data))))),
            Step::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Step::Break => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(3);
        hint
    }
}

fn breaking() -> Vec<Step> {
    vec![Step::Data("data"), Step::Break]
}

fn to(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

fn answer(status: u16, steps: Vec<Step>) -> Response<Script> {
    let body = Script { steps, says_end: false };
    Response::builder().status(status).body(body).unwrap()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn unavailable(error: &BoxError) -> (UnavailableReason, Duration) {
    let error = error.downcast_ref::<Unavailable>().unwrap();
    (error.reason, error.after)
}

fn open_after(count: u32) -> HealthLayer {
    HealthLayer::new().breaker(BreakerSettings::default().failures_in_a_row(count))
}

/// One request through `service` to a client that answers as `reply` does.
macro_rules! exchange {
    ($service:expr, $handle:expr, $request:expr, $reply:expr) => {{
        let call = $service.clone().oneshot($request);
        let reply = async {
            let (_, send) = $handle.next_request().await.unwrap();
            #[allow(clippy::redundant_closure_call)]
            ($reply)(send);
        };
        tokio::join!(call, reply).0
    }};
}

#[tokio::test(start_paused = true)]
async fn what_is_a_failure() {
    for (status, is_failure) in [
        (200, false),
        (301, false),
        (400, false),
        (401, false),
        (408, false),
        (429, false),
        (500, true),
        (501, false),
        (502, true),
        (503, true),
        (504, true),
        (505, false),
        (529, true),
    ] {
        let (client, mut handle): (_, Mock) = mock::pair();
        let service = open_after(1).layer(client);
        let response =
            exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
                send.send_response(answer(status, vec![]));
            });
        assert_eq!(response.unwrap().status(), status);
        let mut next = pin!(service.oneshot(to("http://a/")));
        match poll_once(next.as_mut()) {
            Poll::Ready(Err(error)) if is_failure => {
                assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 30 * SECOND));
            }
            polled => assert!(polled.is_pending() && !is_failure, "{status}: {polled:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn which_errors_are_the_upstreams() {
    type Make = fn() -> BoxError;
    let (reset, shed, refused): (Make, Make, Make) = (
        || io::Error::from(io::ErrorKind::ConnectionReset).into(),
        || tower::load_shed::error::Overloaded::new().into(),
        || "anything".into(),
    );
    for (make, is_failure) in [(reset, true), (refused, true), (shed, false)] {
        let client =
            service_fn(
                move |_: Request<()>| async move { Err::<Response<Script>, BoxError>(make()) },
            );
        let service = open_after(1).layer(client);
        let error = service.clone().oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(error.to_string(), make().to_string(), "the client's error passes");
        let error = service.oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(error.is::<Unavailable>(), is_failure, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_is_probed_and_closes_and_the_observer_is_told() {
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let log = seen.clone();
    let layer = HealthLayer::new().breaker(BreakerSettings::default()).on_change(move |change| {
        let entry = (change.upstream.to_owned(), change.from, change.to, change.reason);
        log.lock().unwrap().push(entry);
    });
    let status = Arc::new(Mutex::new(500));
    let calls = Arc::new(AtomicUsize::new(0));
    let client = {
        let (status, calls) = (status.clone(), calls.clone());
        service_fn(move |_: Request<()>| {
            calls.fetch_add(1, Ordering::Relaxed);
            let status = *status.lock().unwrap();
            async move { Ok::<_, Infallible>(answer(status, vec![])) }
        })
    };
    let service = layer.layer(client);
    let ask = || service.clone().oneshot(to("https://user:secret@a:8443/v1?key=secret"));
    for _ in 0..5 {
        ask().await.unwrap();
    }
    tokio::time::advance(10 * SECOND).await;
    let error = ask().await.unwrap_err();
    assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 20 * SECOND));
    assert!(error.to_string().contains("nothing was sent"));
    // Another scheme or authority is another upstream.
    for uri in ["http://a:8443/", "https://a/", "https://b:8443/"] {
        service.clone().oneshot(to(uri)).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 8);
    tokio::time::advance(20 * SECOND).await;
    ask().await.unwrap();
    ask().await.unwrap_err();
    tokio::time::advance(30 * SECOND).await;
    *status.lock().unwrap() = 401;
    ask().await.unwrap();
    ask().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 11);
    use ChangeReason::{FailuresInARow, ProbeDue, ProbeFailed, ProbeSucceeded};
    use HealthState::{Closed, HalfOpen, Open};
    let expected = [
        (Closed, Open, FailuresInARow),
        (Open, HalfOpen, ProbeDue),
        (HalfOpen, Open, ProbeFailed),
        (Open, HalfOpen, ProbeDue),
        (HalfOpen, Closed, ProbeSucceeded),
    ]
    .map(|(from, to, reason)| ("https://a:8443".to_owned(), from, to, reason));
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// An upstream whose circuit is open, at the time when a probe is due.
macro_rules! probe_due {
    ($service:ident, $handle:ident) => {
        let (client, mut $handle): (_, Mock) = mock::pair();
        let $service = open_after(1).layer(client);
        exchange!($service, $handle, to("http://a/"), |send: mock::SendResponse<_>| {
            send.send_error("down");
        })
        .unwrap_err();
        tokio::time::advance(30 * SECOND).await;
    };
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_a_dropped_one_makes_room() {
    probe_due!(service, handle);
    for _ in 0..3 {
        let mut probe = pin!(service.clone().oneshot(to("http://a/")));
        assert!(poll_once(probe.as_mut()).is_pending());
        handle.next_request().await.unwrap();
        let error = service.clone().oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, SECOND));
    }
    let mut probe = pin!(service.oneshot(to("http://a/")));
    assert!(poll_once(probe.as_mut()).is_pending());
    handle.next_request().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_probe_closes_the_circuit_while_its_body_lasts() {
    probe_due!(service, handle);
    let response = exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
        send.send_response(answer(200, breaking()));
    });
    let mut next = pin!(service.clone().oneshot(to("http://a/")));
    assert!(poll_once(next.as_mut()).is_pending(), "calls are made again");
    response.unwrap().into_body().collect().await.unwrap_err();
    let Poll::Ready(Err(error)) = poll_once(pin!(service.oneshot(to("http://a/")))) else {
        panic!("a call was made");
    };
    assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 30 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_break_off_are_failures_and_those_that_nobody_wants_are_not() {
    for breaks in [true, false] {
        let (client, mut handle): (_, Mock) = mock::pair();
        let service = open_after(3).layer(client);
        for _ in 0..3 {
            let response =
                exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
                    send.send_response(answer(200, breaking()));
                });
            let mut body = response.unwrap().into_body();
            body.frame().await.unwrap().unwrap();
            if breaks {
                let error = body.frame().await.unwrap().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "the error passes");
            }
        }
        let mut next = pin!(service.oneshot(to("http://a/")));
        assert_eq!(poll_once(next.as_mut()).is_ready(), breaks);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_trailers_end_and_hint_pass_as_they_are() {
    let (client, mut handle): (_, Mock) = mock::pair();
    let layer = open_after(1).cool_down(CoolDownSettings::default());
    let service = layer.layer(client);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    let steps = vec![Step::Data("one"), Step::Data("two"), Step::Trailers(trailers.clone())];
    let response = exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
        let mut response = answer(200, steps);
        response.body_mut().says_end = true;
        send.send_response(response);
    });
    let mut body = response.unwrap().into_body();
    assert_eq!(body.size_hint().lower(), 3);
    for data in ["one", "two"] {
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), data);
    }
    assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_key_is_left_alone_and_no_other() {
    let client = service_fn(|request: Request<()>| async move {
        let mut response = answer(200, vec![]);
        if let Some(status) = request.headers().get("x-status") {
            *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).unwrap();
        }
        if let Some(after) = request.headers().get("retry-after") {
            response.headers_mut().insert("retry-after", after.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let with = |uri: &str, key: &str, status: &str, after: &str| {
        let mut request = to(uri);
        for (name, value) in [("x-api-key", key), ("x-status", status), ("retry-after", after)] {
            if !value.is_empty() {
                request.headers_mut().insert(
                    http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    value.parse().unwrap(),
                );
            }
        }
        request
    };
    for (status, after, seconds) in
        [("429", "", 1), ("429", "7", 7), ("429", "600", 30), ("503", "7", 7), ("529", "7", 7)]
    {
        let layer = HealthLayer::new().cool_down(CoolDownSettings::default());
        let service = layer.layer(client);
        let ask = |request| service.clone().oneshot(request);
        let response = ask(with("http://a/", "one", status, after)).await.unwrap();
        assert_eq!(response.status().as_str(), status, "the answer itself passes");
        let error = ask(with("http://a/x", "one", "", "")).await.unwrap_err();
        assert_eq!(unavailable(&error), (UnavailableReason::CoolingDown, seconds * SECOND));
        ask(with("http://a/", "two", "", "")).await.unwrap();
        ask(with("http://a/?key=three", "", status, after)).await.unwrap();
        ask(with("http://a/?key=four", "", "", "")).await.unwrap();
        ask(with("http://a/?alt=sse&key=three", "", "", "")).await.unwrap_err();
        ask(with("http://b/", "one", "", "")).await.unwrap();
        tokio::time::advance(seconds * SECOND - Duration::from_millis(1)).await;
        ask(with("http://a/", "one", "", "")).await.unwrap_err();
        tokio::time::advance(Duration::from_millis(1)).await;
        ask(with("http://a/", "one", "", "")).await.unwrap();
    }
    let service = HealthLayer::new().cool_down(CoolDownSettings::default()).layer(client);
    for status in ["503", "529", "500"] {
        service.clone().oneshot(with("http://a/", "one", status, "")).await.unwrap();
    }
    service.oneshot(with("http://a/", "one", "", "")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_is_not_configured_does_nothing() {
    let client = service_fn(|_: Request<()>| async {
        let mut response = answer(429, vec![]);
        response.headers_mut().insert("retry-after", "9".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let service = HealthLayer::new().layer(client);
    for _ in 0..50 {
        service.clone().oneshot(to("http://a/")).await.unwrap();
    }
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let service = HealthLayer::new().layer(client);
    for _ in 0..50 {
        assert!(!service.clone().oneshot(to("http://a/")).await.unwrap_err().is::<Unavailable>());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_below_refuses_is_no_failure() {
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let below = open_after(1).layer(client);
    let changes = Arc::new(AtomicUsize::new(0));
    let count = changes.clone();
    let above = open_after(2).on_change(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let service = above.layer(below);
    for _ in 0..5 {
        service.clone().oneshot(to("http://a/")).await.unwrap_err();
    }
    assert_eq!(changes.load(Ordering::Relaxed), 0, "one was sent, and four were not");
    tokio::time::advance(30 * SECOND).await;
    service.oneshot(to("http://a/")).await.unwrap_err();
    assert_eq!(changes.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_what_they_know() {
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let layer = open_after(1);
    layer.layer(client).oneshot(to("http://a/")).await.unwrap_err();
    let error = layer.clone().layer(client).oneshot(to("http://a/")).await.unwrap_err();
    assert!(error.is::<Unavailable>());
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_clients() {
    let (client, mut handle): (_, Mock) = mock::pair();
    handle.allow(0);
    let mut service = open_after(1).layer(client);
    let mut ready = pin!(ServiceExt::<Request<()>>::ready(&mut service));
    assert!(poll_once(ready.as_mut()).is_pending());
    handle.send_error("gone");
    assert_eq!(ready.await.unwrap_err().to_string(), "gone");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_answers_with_503_and_says_when_to_come_back() {
    for (status, failure, after) in
        [(500, Failure::CircuitOpen, "30"), (429, Failure::CoolingDown, "2")]
    {
        let client = service_fn(move |_: Request<_>| async move {
            let response = Response::builder().status(status).header("retry-after-ms", "1001");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::new())).unwrap())
        });
        let layer = open_after(1).cool_down(CoolDownSettings::default());
        let ends: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = ends.clone();
        let gateway = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(
            move |end: &EndEvent<'_>| log.lock().unwrap().push((end.failure, end.gateway_code)),
        );
        let gateway = gateway.build().unwrap().upstream(layer.layer(client));
        let mut service = gateway.layer(service_fn(memory::app));
        for (path, body) in [
            ("/v1/acct/gw/grok/v1/models", ""),
            ("/v1/acct/gw/compat/chat/completions", r#"{"model":"grok/grok-4"}"#),
        ] {
            let request = || Request::post(path).body(Full::from(body)).unwrap();
            if ends.lock().unwrap().is_empty() {
                let response = service.ready().await.unwrap().call(request()).await.unwrap();
                assert_eq!(response.status(), status);
            }
            let response = service.ready().await.unwrap().call(request()).await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["x-should-retry"], "true");
            assert_eq!(response.headers()["retry-after"], after, "rounded up");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(error["gateway"]["code"], 2503);
            assert!(error["error"]["message"].as_str().unwrap().contains("nothing was sent"));
        }
        assert_eq!(ends.lock().unwrap()[1..], [(Some(failure), Some(2503)); 2]);
    }
}

#[test]
fn everything_can_be_shared_and_sent() {
    fn is_service<S: Clone + Send + Sync + 'static>(_: &S) {}
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    is_service(&open_after(1).layer(client));
    fn is_error<E: std::error::Error + Send + Sync>() {}
    is_error::<Unavailable>();
}
