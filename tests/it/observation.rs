//! Headers about a client's own requests, and bodies in hooks.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::context::TraceParent;
use tower_ai_gateway::hook::CacheStatus;
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{EndEvent, GatewayContext, GatewayLayer, MetricsHook, Provider};

use crate::support;
use crate::support::gateway::{Setup, all_controls};
use crate::support::memory::{End, Recorder};
use crate::support::message::request;
use crate::support::metered::{CHAT, CHAT_USAGE, Scene, get, json, post};
use crate::support::raw_upstream;

const TRACE_ID: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A hook that requests bodies.
struct Payloads {
    limit: usize,
    ends: Mutex<UnboundedSender<End>>,
}

impl Payloads {
    fn new(limit: usize) -> (Self, UnboundedReceiver<End>) {
        let (sender, ends) = unbounded_channel();
        (Self { limit, ends: Mutex::new(sender) }, ends)
    }
}

impl MetricsHook for Payloads {
    fn on_end(&self, end: &EndEvent<'_>) {
        let _ = self.ends.lock().unwrap().send(End::of(end));
    }

    fn payload_limit(&self, context: &GatewayContext) -> usize {
        let wanted = context.directives().and_then(|directives| directives.collect_log_payload);
        if wanted == Some(true) { self.limit } else { 0 }
    }
}

#[tokio::test]
async fn observation_headers_reach_events_and_not_the_provider() {
    let mut scene = Scene::with(|layer| layer.settings(all_controls())).await;
    let headers = [
        "content-type: application/json; charset=utf-8",
        "user-agent: OpenAI/Python 3.54.0",
        "cf-aig-event-id: my-event",
        r#"cf-aig-metadata: {"team":"a","paid":true}"#,
        "cf-aig-collect-log: true",
        "cf-aig-collect-log-payload: false",
        &format!("cf-aig-otel-trace-id: {TRACE}"),
        "cf-aig-otel-parent-span-id: 00f067aa0ba902b7",
    ];
    let mut client = scene.gateway.connect().await;
    client.send(request(&format!("POST {CHAT}"), &headers, b"{}")).await;
    let mut provider = scene.provider.accept().await;
    let sent = provider.read_message().await;
    assert!(!sent.head.text().to_lowercase().contains("cf-aig"), "{}", sent.head.text());
    provider.send(json("200 OK", "{}")).await;
    let message = client.read_message().await;
    assert_eq!(message.head.get("cf-aig-event-id"), Some("my-event"));
    assert_eq!(message.head.get("cf-aig-step"), Some("0"));
    let end = scene.end().await;
    assert_eq!(message.head.get("cf-aig-log-id"), Some(&end.log_id[..]));
    assert_eq!(end.event_id, "my-event");
    assert_eq!(end.metadata, [("team".into(), "a".into()), ("paid".into(), "true".into())]);
    assert_eq!(end.request_content_type.as_deref(), Some("application/json; charset=utf-8"));
    assert_eq!(end.response_content_type.as_deref(), Some("application/json"));
    assert_eq!(end.user_agent.as_deref(), Some("OpenAI/Python 3.54.0"));
    let TraceParent { trace_id, parent_span_id, is_sampled, .. } = end.trace.unwrap();
    assert_eq!((trace_id, parent_span_id), (TRACE_ID, Some(0x00f0_67aa_0ba9_02b7)));
    assert!(is_sampled);
}

#[tokio::test]
async fn traceparent_is_the_trace_unless_the_client_sets_another() {
    let mut scene = Scene::new().await;
    let standard = format!("traceparent: 00-{TRACE}-00f067aa0ba902b7-00");
    let mut of = async |headers: &[&str]| {
        let request = request("GET /v1/acct/gw/grok/v1/models", headers, b"");
        let (_, end) = scene.exchange(&request, &json("200 OK", "{}")).await;
        end.trace.map(|trace| (trace.trace_id, trace.parent_span_id, trace.is_sampled))
    };
    assert_eq!(of(&[]).await, None);
    assert_eq!(of(&[&standard]).await, Some((TRACE_ID, Some(0x00f0_67aa_0ba9_02b7), false)));
    let own = format!("cf-aig-otel-trace-id: {}", "0".repeat(31) + "9");
    assert_eq!(of(&[&standard, &own]).await, Some((9, None, true)));
    assert_eq!(of(&["traceparent: nonsense"]).await, None);
    assert_eq!(of(&[&standard, &standard]).await, None);
}

#[tokio::test]
async fn observation_headers_out_of_range_are_refused_by_name() {
    let upstream = raw_upstream::Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).all_controls().start().await;
    let long = format!("cf-aig-event-id: {}", "e".repeat(65));
    for header in [
        "cf-aig-collect-log: yes",
        "cf-aig-collect-log-payload: 1",
        "cf-aig-metadata: [1]",
        "cf-aig-otel-trace-id: 123",
        "cf-aig-otel-trace-id: 00000000000000000000000000000000",
        "cf-aig-otel-parent-span-id: xyz",
        r#"cf-aig-custom-cost: {"total_cost":-1}"#,
        r#"cf-aig-custom-cost: {"total_cost":1,"per_token_in":1}"#,
        &long,
    ] {
        let request = request(&format!("POST {CHAT}"), &[header], b"{}");
        let error = gateway.answer(request).await.gateway_error(400, 2400);
        let name = header.split(':').next().unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains(name), "{error}");
    }
    upstream.assert_untouched("a directive that makes no sense");
}

#[tokio::test]
async fn hooks_see_bodies_up_to_their_limit() {
    let upstream = raw_upstream::Recorder::answering(|_| json("200 OK", "0123456789")).await;
    let (hook, mut ends) = Payloads::new(10);
    let setup = Setup::new(upstream.base("/v1")).all_controls();
    let gateway = setup.layer(|l| l.metrics_hook(hook)).start().await;
    let with = "cf-aig-collect-log-payload: true";
    for (header, body, request_payload, response_payload) in [
        ("a: b", &b"{}"[..], None, None),
        (with, b"{}", Some((b"{}".to_vec(), true)), Some((b"0123456789".to_vec(), true))),
        (
            with,
            b"{\"a\":\"too long\"}",
            Some((b"{\"a\":\"too ".to_vec(), false)),
            Some((b"0123456789".to_vec(), true)),
        ),
    ] {
        gateway.answer(request(&format!("POST {CHAT}"), &[header], body)).await;
        let end = support::guard("the end event", ends.recv()).await.unwrap();
        assert_eq!(
            (end.request_payload, end.response_payload),
            (request_payload, response_payload)
        );
    }
    // The body as the client sent it, although the provider gets it without the prefix.
    let body = br#"{"model":"grok/grok-4","messages":[]}"#;
    let (hook, mut ends) = Payloads::new(1000);
    let setup = Setup::new(upstream.base("/v1")).all_controls();
    let gateway = setup.layer(|l| l.metrics_hook(hook)).start().await;
    gateway.answer(request("POST /v1/acct/gw/compat/chat/completions", &[with], body)).await;
    let end = support::guard("the end event", ends.recv()).await.unwrap();
    assert_eq!(end.request_payload, Some((body.to_vec(), true)));
    assert_eq!(end.request_bytes, body.len() as u64);
}

/// A client with its own cache below the gateway.
async fn cached(status: Option<CacheStatus>) -> (Response<Bytes>, End) {
    let recorder = Recorder::default();
    let builder = GatewayLayer::builder().provider(Provider::xai());
    let layer = builder.metrics_hook(recorder.clone()).build().unwrap();
    let client = service_fn(move |_: Request<_>| async move {
        let body = format!(r#"{{"model":"grok-4.3","usage":{CHAT_USAGE}}}"#);
        let mut response = Response::new(Full::<Bytes>::from(body));
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        response.headers_mut().insert("cf-aig-cache-status", "FORGED".parse().unwrap());
        response.extensions_mut().extend(
            status
                .map(|status| {
                    let mut extensions = http::Extensions::new();
                    extensions.insert(status);
                    extensions
                })
                .unwrap_or_default(),
        );
        Ok::<_, std::convert::Infallible>(response)
    });
    let request = Request::post(CHAT).body(Full::<Bytes>::from("{}")).unwrap();
    let response = layer.client_layer().layer(client).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, body), recorder.end())
}

#[tokio::test]
async fn a_cache_in_the_upstream_stack_is_reported() {
    for (status, header, ticks, metering) in [
        (None, None, Some(2_244_800), Metering::Complete),
        (Some(CacheStatus::Miss), Some("MISS"), Some(2_244_800), Metering::Complete),
        (Some(CacheStatus::Bypass), Some("BYPASS"), Some(2_244_800), Metering::Complete),
        (Some(CacheStatus::Hit), Some("HIT"), Some(0), Metering::Repeated),
    ] {
        let (response, end) = cached(status).await;
        let reported = response.headers().get("cf-aig-cache-status");
        assert_eq!(reported.map(|value| value.to_str().unwrap()), header);
        assert_eq!((end.cache, end.metering), (status, metering));
        assert_eq!(end.cost.map(|cost| cost.ticks), ticks);
    }
}

#[tokio::test]
async fn responses_of_models_chosen_by_the_gateway_name_them() {
    let mut scene = Scene::new().await;
    let unified = post("/v1/acct/gw/compat/chat/completions", br#"{"model":"xai/grok-4"}"#);
    let (message, end) = scene.exchange(&unified, &json("200 OK", "{}")).await;
    assert_eq!(message.head.get("cf-aig-provider"), Some("grok"));
    assert_eq!(message.head.get("cf-aig-model"), Some("grok-4"));
    assert_eq!(end.request_model.as_deref(), Some("grok-4"));
    let (message, _) =
        scene.exchange(&get("/v1/acct/gw/grok/v1/models"), &json("200 OK", "{}")).await;
    assert!(!message.head.has("cf-aig-provider") && !message.head.has("cf-aig-model"));
}
