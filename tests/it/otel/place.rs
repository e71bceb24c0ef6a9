//! The trace of a span, and its tracer provider.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use serde_json::{Value, json};
use tower_ai_gateway::otel::{SpanHook, requested_trace_id};

use crate::otel::scene::Scene;
use crate::support::collector::{Collector, flush, object};
use crate::support::ends::Ends;
use crate::support::gateway::Setup;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The trace id and the parent's id of the span of one request.
async fn place(scene: &mut Scene, headers: &[&str]) -> (String, String, Value) {
    let known = scene.spans().await.len();
    scene.answer(headers, "{}").await;
    let spans = scene.spans().await;
    assert_eq!(spans.len(), known + 1);
    let span = &spans[known];
    let requested = object(&span.attributes).remove("ai_gateway.requested_trace_id");
    (hex(&span.trace_id), hex(&span.parent_span_id), requested.unwrap_or_default())
}

#[tokio::test]
async fn the_client_chooses_the_parent_of_a_span() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    let own_trace = format!("cf-aig-otel-trace-id: {TRACE}");
    let own_parent = format!("cf-aig-otel-parent-span-id: {PARENT}");
    let other = format!("traceparent: 00-{}-{}-00", "a".repeat(32), "b".repeat(16));

    let in_trace = (TRACE.to_owned(), PARENT.to_owned(), json!(null));
    assert_eq!(place(&mut scene, &[&traceparent]).await, in_trace);
    assert_eq!(place(&mut scene, &[&own_trace, &own_parent]).await, in_trace);
    assert_eq!(place(&mut scene, &[&other, &own_trace, &own_parent]).await, in_trace);

    let (first, parent, requested) = place(&mut scene, &[]).await;
    assert_eq!((first.len(), &parent[..], requested), (32, "", json!(null)));
    let (second, ..) = place(&mut scene, &[]).await;
    assert_ne!(first, second, "each request begins a trace");

    // No parent is invented. Without a suitable generator, the requested id is an attribute.
    let (trace, parent, requested) = place(&mut scene, &[&own_trace]).await;
    assert_ne!(trace, TRACE);
    assert_eq!((&parent[..], requested), ("", json!(TRACE)));
}

#[tokio::test]
async fn an_entry_of_a_universal_request_chooses_its_parent() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let headers = json!({
        "authorization": "Bearer k", "cf-aig-otel-trace-id": TRACE, "cf-aig-otel-parent-span-id": PARENT,
    });
    let entry = json!({ "provider": "grok", "endpoint": "x", "headers": headers, "query": {} });
    let body = json!([entry]).to_string();
    let other = format!("traceparent: 00-{}-{}-00", "a".repeat(32), "b".repeat(16));
    scene.gateway.answer(request("POST /v1/a/g", &[&other], body.as_bytes())).await;
    scene.ended().await;
    let span = scene.only_span().await;
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
}

#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        requested_trace_id().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

#[tokio::test]
async fn an_id_generator_can_use_the_requested_trace_id() {
    let provider = Recorder::start().await;
    let collector = Collector::start().await;
    let tracing = collector.provider(|provider| provider.with_id_generator(Ids::default()));
    let mut scene = Scene::with(provider.base("/v1"), collector, tracing).await;
    let own_trace = format!("cf-aig-otel-trace-id: {TRACE}");
    let root = (TRACE.to_owned(), String::new(), json!(null));
    assert_eq!(place(&mut scene, &[&own_trace]).await, root);
    let (trace, ..) = place(&mut scene, &[]).await;
    assert_ne!(trace, TRACE, "the wish is forgotten with its request");
}

#[tokio::test]
async fn a_trace_that_the_client_does_not_sample_is_not_exported() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let unsampled = format!("traceparent: 00-{TRACE}-{PARENT}-00");
    scene.answer(&[&unsampled], "{}").await;
    let sampled = format!("traceparent: 00-{TRACE}-{}-01", "c".repeat(16));
    scene.answer(&[&sampled], "{}").await;
    assert_eq!(hex(&scene.only_span().await.parent_span_id), "c".repeat(16));
}

#[tokio::test]
async fn the_global_provider_is_the_default() {
    let collector = Collector::start().await;
    let tracing = collector.provider(|provider| provider);
    opentelemetry::global::set_tracer_provider(tracing.clone());
    let provider = Recorder::start().await;
    let (reported, mut ends) = Ends::by(|_| ());
    let setup = Setup::new(provider.base("/v1"));
    let setup = setup.layer(|layer| layer.metrics_hook(SpanHook::global()).metrics_hook(reported));
    setup.start().await.answer(request("GET /ai/grok/v1/models", &[], b"")).await;
    ends.next().await;
    flush(&tracing).await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!((&spans[0].0.name[..], &spans[0].1.name[..]), ("tower-ai-gateway", "models"));
}
