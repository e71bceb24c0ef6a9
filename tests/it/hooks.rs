//! Each request on a gateway path causes one `on_request` and exactly one `on_end`.

mod body_ends;
mod end_event;
mod late_refusals;
mod panics;

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

use crate::support::memory::{self, Recorder, Seen};
use crate::support::scripted::steps::Steps;
use crate::support::scripted::{Reply, Step, Upstream};

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
async fn every_ending_is_reported_once() {
    let data = [Step::Data("a"), Step::Pending, Step::Data("b")];
    let ok = Upstream::steps(&data);
    let trailers = Upstream::steps(&[Step::Data("a"), Step::Trailers]);
    let broken = Upstream::steps(&[Step::Data("a"), Step::Error]);
    let refused = Upstream::always(Reply::status(400).steps(&data));
    let switched = Upstream::always(Reply::status(101).steps(&data));
    let unified = r#"{"model":"grok/grok-4"}"#;
    for (name, upstream, request, outcome, status, order) in [
        ("complete", &ok, post(NATIVE, "{}"), Outcome::Complete, 200, "request attempt head end"),
        (
            "no body",
            &Upstream::steps(&[]),
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
            &Upstream::refused(),
            post(NATIVE, "{}"),
            Outcome::Failed,
            502,
            "request attempt end",
        ),
        (
            "unified failed",
            &Upstream::refused(),
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
    let service = layer(recorder.clone()).client_layer().layer(Upstream::refused());
    let error = service.oneshot(post(NATIVE, "{}")).await.unwrap_err();
    assert!(error.downcast_ref::<std::io::Error>().is_some(), "the client's own error: {error:?}");
    let end = recorder.end();
    assert_eq!(
        (end.outcome, end.failure, end.status),
        (Outcome::Failed, Some(Failure::Connect), None)
    );
}

#[tokio::test]
async fn a_request_for_the_app_is_not_reported() {
    let recorder = Recorder::default();
    let request = Request::get("/health").body(Full::default()).unwrap();
    let response = exchange(recorder.clone(), Upstream::refused(), request).await;
    assert_eq!(response.body().as_deref(), Some(&b"app"[..]));
    assert!(response.headers().is_empty());
    assert_eq!(recorder.order(), "");
}

#[tokio::test]
async fn a_model_routed_request_is_reported_with_its_provider_and_model() {
    let recorder = Recorder::default();
    let body = r#"{"messages":[],"model":"xai/grok-4","stream":true}"#;
    let response = exchange(recorder.clone(), Upstream::steps(&[]), post(UNIFIED, body)).await;
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
fn a_client_that_leaves_at_any_time_is_reported_once() {
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
            let upstream = Upstream::always(Reply::status(200).steps(&body).after_polls(2));
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
    let service = layer.upstream(Upstream::steps(&[])).layer(service_fn(memory::app));
    service.oneshot(post(NATIVE, "{}")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(recorder.end().outcome, Outcome::Complete);
}
