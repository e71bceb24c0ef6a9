//! Each request on a gateway path causes one `on_request` and exactly one `on_end`.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{
    EndEvent, GatewayContext, GatewayLayer, MetricsHook, Mount, Outcome, Provider,
};

use crate::support::memory::{self, Recorder, Seen, Step, Steps, Upstream};

const NATIVE: &str = "/v1/acct/gw/grok/v1/chat/completions";
const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";

fn layer(hook: impl MetricsHook) -> GatewayLayer {
    let builder =
        GatewayLayer::builder().provider(Provider::xai()).mount(Mount::hosted().exclusive());
    builder.metrics_hook(hook).build().unwrap()
}

fn post(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::from(body)).unwrap()
}

/// Sends a request to a gateway beside an app, and reads the response to its end.
async fn exchange(
    hook: impl MetricsHook,
    upstream: Upstream,
    request: Request<Full<Bytes>>,
) -> Response<Option<Bytes>> {
    let service = layer(hook).upstream(upstream).layer(service_fn(memory::app));
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.ok().map(|body| body.to_bytes()))
}

#[tokio::test]
async fn every_ending_is_reported_once_and_as_what_it_was() {
    let data = [Step::Data("a"), Step::Pending, Step::Data("b")];
    let ok = Upstream::ok(&data);
    let trailers = Upstream::ok(&[Step::Data("a"), Step::Trailers]);
    let broken = Upstream::ok(&[Step::Data("a"), Step::Error]);
    let refused = Upstream { answer: Ok(StatusCode::BAD_REQUEST), ..ok.clone() };
    let switched = Upstream { answer: Ok(StatusCode::SWITCHING_PROTOCOLS), ..ok.clone() };
    let unified = r#"{"model":"grok/grok-4"}"#;
    for (name, upstream, request, outcome, status, order) in [
        ("complete", &ok, post(NATIVE, "{}"), Outcome::Complete, 200, "request attempt head end"),
        (
            "no body",
            &Upstream::ok(&[]),
            post(NATIVE, "{}"),
            Outcome::Complete,
            200,
            "request attempt head end",
        ),
        (
            "trailers",
            &trailers,
            post(NATIVE, "{}"),
            Outcome::Complete,
            200,
            "request attempt head end",
        ),
        (
            "provider error",
            &refused,
            post(NATIVE, "{}"),
            Outcome::Complete,
            400,
            "request attempt head end",
        ),
        (
            "unified",
            &ok,
            post(UNIFIED, unified),
            Outcome::Complete,
            200,
            "request attempt head end",
        ),
        ("broken", &broken, post(NATIVE, "{}"), Outcome::Broken, 200, "request attempt head end"),
        (
            "failed",
            &Upstream::fails(),
            post(NATIVE, "{}"),
            Outcome::Failed,
            502,
            "request attempt end",
        ),
        (
            "unified failed",
            &Upstream::fails(),
            post(UNIFIED, unified),
            Outcome::Failed,
            502,
            "request attempt end",
        ),
        ("101", &switched, post(NATIVE, "{}"), Outcome::Failed, 502, "request attempt end"),
        ("no model", &ok, post(UNIFIED, "{}"), Outcome::Rejected, 400, "request end"),
        (
            "unknown prefix",
            &ok,
            post(UNIFIED, r#"{"model":"x/y"}"#),
            Outcome::Rejected,
            400,
            "request end",
        ),
        (
            "unknown provider",
            &ok,
            post("/v1/acct/gw/nosuch/x", ""),
            Outcome::Rejected,
            400,
            "request end",
        ),
        ("bad id", &ok, post("/v1/acct/../grok/x", ""), Outcome::Rejected, 400, "request end"),
        (
            "dot segment",
            &ok,
            post("/v1/acct/gw/grok/../x", ""),
            Outcome::Rejected,
            400,
            "request end",
        ),
        (
            "no endpoint",
            &ok,
            post("/v1/acct/gw/compat/x", ""),
            Outcome::Rejected,
            404,
            "request end",
        ),
    ] {
        let recorder = Recorder::default();
        let response = exchange(recorder.clone(), upstream.clone(), request).await;
        assert_eq!(recorder.order(), order, "{name}");
        let end = recorder.end();
        assert_eq!((end.outcome, end.status.unwrap().as_u16()), (outcome, status), "{name}");
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(response.headers()["cf-aig-log-id"], end.log_id, "{name}");
        assert_eq!(response.headers()["cf-aig-event-id"], end.event_id, "{name}");
        assert_eq!(
            response.extensions().get::<GatewayContext>().unwrap().log_id().to_string(),
            end.log_id
        );
        if let Some(body) = response.body() {
            assert_eq!(end.response_bytes, body.len() as u64, "{name}");
        }
    }
}

#[tokio::test]
async fn errors_of_a_wrapped_client_pass_and_are_reported() {
    let recorder = Recorder::default();
    let service = layer(recorder.clone()).client_layer().layer(Upstream::fails());
    let error = service.oneshot(post(NATIVE, "{}")).await.unwrap_err();
    assert!(error.downcast_ref::<std::io::Error>().is_some(), "the client's own error: {error:?}");
    let end = recorder.end();
    assert_eq!(
        (end.outcome, end.failure, end.status),
        (Outcome::Failed, Some(Failure::Connect), None)
    );
}

#[tokio::test]
async fn a_request_that_is_not_the_gateways_is_not_reported() {
    let recorder = Recorder::default();
    let request = Request::get("/health").body(Full::default()).unwrap();
    let response = exchange(recorder.clone(), Upstream::fails(), request).await;
    assert_eq!(response.body().as_deref(), Some(&b"app"[..]));
    assert!(response.headers().is_empty());
    assert_eq!(recorder.order(), "");
}

#[tokio::test]
async fn the_end_event_says_what_was() {
    let recorder = Recorder::default();
    let upstream = Upstream {
        headers: &[("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "req-1")],
        ..Upstream::ok(&[Step::Data("data: 1\n\n"), Step::Data("data: [DONE]\n\n")]).pending(2)
    };
    let mut request = post(NATIVE, r#"{"stream":true,"model":"grok-4"}"#);
    request.headers_mut().insert("cf-aig-event-id", "mine".parse().unwrap());
    request.headers_mut().insert("cf-aig-metadata", r#"{"team":"a","n":1}"#.parse().unwrap());
    let response = exchange(recorder.clone(), upstream, request).await;
    assert_eq!(response.headers()["cf-aig-event-id"], "mine");

    let end = recorder.end();
    assert_eq!((end.account.as_deref(), end.gateway.as_str()), (Some("acct"), "gw"));
    assert_eq!((end.provider.as_deref(), end.operation.as_str()), (Some("grok"), "chat"));
    assert_eq!(end.request_model.as_deref(), Some("grok-4"));
    assert!(end.stream_requested && end.stream);
    assert_eq!(end.provider_request_id.as_deref(), Some("req-1"));
    assert_eq!((end.attempts, end.request_bytes, end.response_bytes), (1, 32, 23));
    let metadata =
        [("team", "a"), ("n", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(end.metadata, metadata);
    let (head, data) = (end.timings.to_head.unwrap(), end.timings.to_first_data.unwrap());
    assert!(head <= data && data <= end.timings.total, "{:?}", end.timings);
    assert!(!end.timings.overhead.is_zero() && end.timings.overhead < end.timings.total);
    assert!(matches!(
        recorder.seen()[1],
        Seen::Attempt { number: 1, status: Some(StatusCode::OK), failure: None }
    ));
    assert!(matches!(recorder.seen()[2], Seen::Head { stream: true, .. }));
}

#[tokio::test]
async fn each_of_the_usual_names_of_a_provider_request_id_is_known() {
    for headers in [&[("x-request-id", "id")], &[("request-id", "id")], &[("x-trace-id", "id")]] {
        let recorder = Recorder::default();
        let upstream = Upstream { headers, ..Upstream::ok(&[]) };
        exchange(recorder.clone(), upstream, post(NATIVE, "{}")).await;
        assert_eq!(recorder.end().provider_request_id.as_deref(), Some("id"), "{headers:?}");
    }
}

#[tokio::test]
async fn what_did_not_come_has_no_time() {
    let recorder = Recorder::default();
    exchange(recorder.clone(), Upstream::ok(&[Step::Data("")]), post(NATIVE, "{}")).await;
    assert_eq!(recorder.end().timings.to_first_data, None);
    let recorder = Recorder::default();
    exchange(recorder.clone(), Upstream::fails(), post(NATIVE, "{}")).await;
    let timings = recorder.end().timings;
    assert_eq!(timings.to_head, None);
    assert!(!timings.overhead.is_zero(), "the request was rewritten all the same");
}

#[tokio::test]
async fn the_time_that_a_client_takes_is_not_the_gateways_own() {
    const WAIT: Duration = Duration::from_millis(20);
    let recorder = Recorder::default();
    let body = Steps::new(&[Step::Pending, Step::Data(r#"{"model":"grok/grok-4"}"#)]);
    let request = Request::post(UNIFIED).body(body).unwrap();
    let service = layer(recorder.clone()).upstream(Upstream::ok(&[]));
    let mut call = pin!(service.layer(service_fn(memory::app)).oneshot(request));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    std::thread::sleep(WAIT);
    call.await.unwrap().into_body().collect().await.unwrap();
    let timings = recorder.end().timings;
    assert!(timings.overhead + WAIT <= timings.total, "{timings:?}");
}

#[tokio::test]
async fn a_model_routed_request_is_reported_with_its_provider_and_model() {
    let recorder = Recorder::default();
    let body = r#"{"messages":[],"model":"xai/grok-4","stream":true}"#;
    let response = exchange(recorder.clone(), Upstream::ok(&[]), post(UNIFIED, body)).await;
    assert_eq!(response.headers()["cf-aig-provider"], "grok");
    assert_eq!(response.headers()["cf-aig-model"], "grok-4");
    let end = recorder.end();
    assert_eq!(
        (end.provider.as_deref(), end.request_model.as_deref()),
        (Some("grok"), Some("grok-4"))
    );
    assert_eq!((end.stream_requested, end.request_bytes), (true, body.len() as u64));
}

/// Polls an exchange `polls` times, including its body, and drops it. Returns whether it had ended.
fn abandon_after(
    hook: Recorder,
    upstream: Upstream,
    path: &str,
    request: Steps,
    polls: usize,
) -> bool {
    let service = layer(hook).upstream(upstream).layer(service_fn(memory::app));
    let request = Request::post(path).body(request).unwrap();
    let exchange = async {
        let response = service.oneshot(request).await.unwrap();
        response.into_body().collect().await.is_ok()
    };
    let mut exchange = pin!(exchange);
    let mut cx = Context::from_waker(Waker::noop());
    (0..polls).any(|_| exchange.as_mut().poll(&mut cx).is_ready())
}

#[test]
fn a_client_that_leaves_at_any_moment_is_reported_once() {
    let body = [
        Step::Pending,
        Step::Data("a"),
        Step::Pending,
        Step::Pending,
        Step::Data("b"),
        Step::Pending,
    ];
    let upload = [
        Step::Pending,
        Step::Data("{\"model\":\"gr"),
        Step::Pending,
        Step::Data("ok/grok-4\","),
        Step::Pending,
        Step::Data("\"a\":1}"),
        Step::Pending,
    ];
    for path in [NATIVE, UNIFIED] {
        let mut cancelled = 0;
        for polls in 0.. {
            let recorder = Recorder::default();
            let upstream = Upstream::ok(&body).pending(2);
            let over = abandon_after(recorder.clone(), upstream, path, Steps::new(&upload), polls);
            if polls == 0 {
                assert_eq!(
                    recorder.order(),
                    "",
                    "a future that was never polled has called nobody"
                );
                continue;
            }
            assert!(recorder.order().starts_with("request"), "{path} after {polls}");
            let end = recorder.end();
            if over {
                assert_eq!(end.outcome, Outcome::Complete, "{path} after {polls}");
                break;
            }
            assert_eq!(end.outcome, Outcome::Cancelled, "{path} after {polls}");
            cancelled += 1;
        }
        assert!(cancelled >= 9, "{path}: every pending poll was a place to leave, {cancelled}");
    }
}

struct Panics;

impl MetricsHook for Panics {
    fn on_request(&self, _: &tower_ai_gateway::hook::RequestEvent<'_>) {
        panic!("planted");
    }
    fn on_attempt(&self, _: &tower_ai_gateway::hook::AttemptEvent<'_>) {
        panic!("planted");
    }
    fn on_head(&self, _: &tower_ai_gateway::hook::HeadEvent<'_>) {
        panic!("planted");
    }
    fn on_end(&self, _: &EndEvent<'_>) {
        panic!("planted");
    }
    fn payload_limit(&self, _: &GatewayContext) -> usize {
        panic!("planted");
    }
}

#[tokio::test]
async fn a_hook_that_panics_harms_neither_the_response_nor_the_other_hooks() {
    let recorder = Recorder::default();
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(Panics);
    let layer = builder.metrics_hook(recorder.clone()).build().unwrap();
    let service = layer.upstream(Upstream::ok(&[Step::Data("a")])).layer(service_fn(memory::app));
    let response = service.oneshot(post(NATIVE, "{}")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a");
    assert_eq!(recorder.order(), "request attempt head end");
}

#[test]
fn a_panicking_upstream_still_ends_its_exchange() {
    let recorder = Recorder::default();
    let upstream = service_fn(|_: Request<_>| async {
        if true {
            panic!("planted");
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut service =
        layer(recorder.clone()).upstream(upstream).layer(service_fn(memory::app::<Full<Bytes>>));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut call = Box::pin(service.call(post(NATIVE, "{}")));
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(unwound.is_err());
    assert_eq!(recorder.end().outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn closures_arcs_and_units_are_hooks_and_several_may_be_added() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let recorder = Arc::new(Recorder::default());
    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .metrics_hook(())
        .metrics_hook(move |_: &EndEvent<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .metrics_hook(recorder.clone())
        .build()
        .unwrap();
    let service = layer.upstream(Upstream::ok(&[])).layer(service_fn(memory::app));
    service.oneshot(post(NATIVE, "{}")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(recorder.end().outcome, Outcome::Complete);
}

/// A body whose end shows only in `is_end_stream` and the size hint, like hyper's.
#[derive(Debug)]
struct EndsByItsLength(Option<&'static str>);

impl Body for EndsByItsLength {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.0
                .take()
                .map(|data| Ok(http_body::Frame::data(Bytes::from_static(data.as_bytes())))),
        )
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.map_or(0, str::len) as u64)
    }
}

#[tokio::test]
async fn a_server_that_stops_at_the_declared_length_has_got_all() {
    for (method, data, frames) in [(Method::POST, Some("abc"), 1), (Method::HEAD, None, 0)] {
        let recorder = Recorder::default();
        let upstream = service_fn(move |_: Request<_>| async move {
            Ok::<_, Infallible>(Response::new(http_body_util::combinators::BoxBody::new(
                EndsByItsLength(data),
            )))
        });
        let service = layer(recorder.clone()).client_layer().layer(upstream);
        let request =
            Request::builder().method(method).uri(NATIVE).body(Full::<Bytes>::default()).unwrap();
        let mut body = service.oneshot(request).await.unwrap().into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(recorder.end().outcome, Outcome::Complete, "before the body is dropped");
        drop(body);
        recorder.end();
    }
}

/// A body whose end becomes known between two polls, like that of an HTTP/2 stream.
struct EndsBetweenPolls {
    frame: Option<&'static str>,
    ended: Arc<AtomicBool>,
}

impl Body for EndsBetweenPolls {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.frame
                .take()
                .map(|data| Ok(http_body::Frame::data(Bytes::from_static(data.as_bytes())))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_body_does_not_say_that_it_is_over_while_it_owes_its_end() {
    let recorder = Recorder::default();
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let client = service_fn(move |_: Request<_>| {
        let body = EndsBetweenPolls { frame: Some("a"), ended: end.clone() };
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer(recorder.clone())
        .client_layer()
        .layer(client)
        .oneshot(post(NATIVE, "{}"))
        .await
        .unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    ended.store(true, Ordering::SeqCst);
    assert!(!body.is_end_stream());
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(recorder.end().outcome, Outcome::Complete);
}

/// A response body that reads the request while it streams, and ignores how that ends.
struct Duplex<B>(B);

impl<B: Body<Data = Bytes> + Unpin> Body for Duplex<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match std::pin::Pin::new(&mut self.0).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            _ => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_request_that_contradicts_itself_late_ends_a_response_that_has_begun() {
    let recorder = Recorder::default();
    let duplex = service_fn(|request: Request<tower_ai_gateway::RequestBody<Steps>>| async {
        Ok::<_, Infallible>(Response::new(Duplex(request.into_body())))
    });
    let service = layer(recorder.clone()).client_layer().layer(duplex);
    let upload =
        [Step::Data(r#"{"model":"grok/grok-4","#), Step::Pending, Step::Data(r#""model":"x"}"#)];
    let request = Request::post(UNIFIED).body(Steps::new(&upload)).unwrap();
    let mut body = service.oneshot(request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), r#"{"model":"grok-4","#);
    let broken = tokio::time::timeout(std::time::Duration::from_secs(10), body.frame()).await;
    assert!(broken.expect("nobody broke it off").unwrap().is_err());
    let end = recorder.end();
    assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(Failure::RequestBody)));
}

#[tokio::test]
async fn a_request_that_contradicts_itself_before_the_head_is_rejected_once() {
    let recorder = Recorder::default();
    let upload =
        [Step::Data(r#"{"model":"grok/grok-4","#), Step::Pending, Step::Data(r#""model":"x"}"#)];
    let service =
        layer(recorder.clone()).upstream(Upstream::ok(&[])).layer(service_fn(memory::app));
    let request = Request::post(UNIFIED).body(Steps::new(&upload)).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(recorder.order(), "request attempt end");
    assert_eq!(recorder.end().outcome, Outcome::Rejected);
}

/// A request body in pieces, read by a detached task of the upstream.
fn read_elsewhere(request: Request<tower_ai_gateway::RequestBody<Upload>>) {
    tokio::spawn(request.into_body().collect());
}

type Upload = http_body_util::channel::Channel<Bytes, Infallible>;

/// Runs all other tasks of this thread until they wait.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_late_refusal_wakes_who_waits_for_the_head() {
    let client = service_fn(|request| async {
        read_elsewhere(request);
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
    });
    let (mut sender, body) = Upload::new(1);
    let request = Request::post(UNIFIED).body(body).unwrap();
    let call = tokio::spawn(layer(()).client_layer().layer(client).oneshot(request));
    sender.send_data(r#"{"model":"grok/grok-4","#.into()).await.unwrap();
    settle().await;
    sender.send_data(r#""model":"x"}"#.into()).await.unwrap();
    let response = tokio::time::timeout(std::time::Duration::from_secs(10), call)
        .await
        .expect("nobody woke it");
    assert_eq!(response.unwrap().unwrap().status(), 400);
}

#[tokio::test]
async fn a_late_refusal_wakes_who_reads_the_response() {
    let client = service_fn(|request| async {
        read_elsewhere(request);
        let silent = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, Infallible>,
        >());
        Ok::<_, Infallible>(Response::new(silent))
    });
    let (mut sender, body) = Upload::new(1);
    sender.send_data(r#"{"model":"grok/grok-4","#.into()).await.unwrap();
    let request = Request::post(UNIFIED).body(body).unwrap();
    let mut body =
        layer(()).client_layer().layer(client).oneshot(request).await.unwrap().into_body();
    let read = tokio::spawn(async move { body.frame().await });
    settle().await;
    sender.send_data(r#""model":"x"}"#.into()).await.unwrap();
    let frame = tokio::time::timeout(std::time::Duration::from_secs(10), read)
        .await
        .expect("nobody woke it");
    assert!(frame.unwrap().unwrap().is_err());
}

/// A panic payload that panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("planted in drop");
        }
    }
}

#[tokio::test]
async fn a_panic_that_panics_again_harms_nobody_either() {
    let hook = |_: &EndEvent<'_>| std::panic::panic_any(Bomb);
    let response = exchange(hook, Upstream::ok(&[Step::Data("a")]), post(NATIVE, "{}")).await;
    assert_eq!(response.body().as_deref(), Some(&b"a"[..]));
}
