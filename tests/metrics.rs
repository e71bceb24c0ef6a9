//! The `metrics` hook: exact numbers, gauges that come back to zero, and labels that stay few.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod scrape;
mod support;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::TcpListener;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scrape::Page;
use support::gateway::{Gateway, Setup};
use support::guard;
use support::message::{Message, chunk, request};
use support::raw_upstream::{RawUpstream, Recorder};
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::{CacheStatus, EndEvent, GatewayLayer, Provider};

const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
const USAGE: &str = r#""usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":290},"cost_in_usd_ticks":1234567}"#;

fn recorder() -> (Metrics, PrometheusHandle) {
    let recorder = builder().build_recorder();
    let handle = recorder.handle();
    (Metrics::new().recorder(recorder), handle)
}

fn builder() -> PrometheusBuilder {
    PrometheusBuilder::new().with_recommended_naming(true).set_buckets(&[0.1, 10.0]).unwrap()
}

fn page(handle: &PrometheusHandle) -> Page {
    Page::parse(&handle.render())
}

/// A gateway that is measured, between clients and a provider that answers by the model.
struct Scene {
    gateway: Gateway,
    handle: PrometheusHandle,
    /// One word for each exchange whose end has been measured.
    ended: mpsc::UnboundedReceiver<()>,
    raw: RawUpstream,
}

impl Scene {
    async fn new(change: impl FnOnce(Metrics) -> Metrics) -> Self {
        let upstream = Recorder::answering(provider).await;
        let raw = RawUpstream::start().await;
        let (metrics, handle) = recorder();
        let (sender, ended) = mpsc::unbounded_channel();
        let gateway = Setup::new(upstream.base("/v1"))
            .provider(Provider::custom("raw", raw.base("/v1")))
            .provider(Provider::custom("gone", unreachable()))
            .layer(|layer| layer.metrics_hook(change(metrics)))
            .layer(|layer| {
                layer.metrics_hook(move |_: &EndEvent<'_>| {
                    let _ = sender.send(());
                })
            })
            .start()
            .await;
        Self { gateway, handle, ended, raw }
    }

    /// One exchange, to its end.
    async fn send(&mut self, line: &str, headers: &[&str], body: &str) -> Message {
        let headers = [&["content-type: application/json"], headers].concat();
        let answer = self.gateway.answer(request(line, &headers, body.as_bytes())).await;
        self.end().await;
        answer
    }

    async fn chat(&mut self, model: &str) -> Message {
        self.send(CHAT, &[], &format!(r#"{{"model":"{model}"}}"#)).await
    }

    async fn end(&mut self) {
        guard("an exchange to be measured", self.ended.recv()).await.unwrap();
    }

    fn page(&self) -> Page {
        page(&self.handle)
    }
}

/// Where nobody listens.
fn unreachable() -> String {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{addr}/v1")
}

fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What the model `X` of the request brings: `missing-X` a 404 that repeats it, `echo-X` a response
/// that repeats it, and so on.
fn provider(message: &Message) -> Vec<u8> {
    let asked: serde_json::Value = serde_json::from_slice(&message.content.bytes).unwrap();
    let model = asked["model"].as_str().unwrap();
    let json = |body: &str| answer("200 OK", "application/json", body);
    match model.split('-').next().unwrap() {
        "grok" => json(&format!(r#"{{"model":"{model}","choices":[],{USAGE}}}"#)),
        "stream" => answer("200 OK", "text/event-stream", &stream()),
        "busy" => answer("429 Too Many Requests", "application/json", r#"{"error":"busy"}"#),
        "error" => json(r#"{"error":{"code":"overloaded","message":"no"}}"#),
        "missing" => {
            let body = format!(r#"{{"error":"no such model","model":"{model}"}}"#);
            answer("404 Not Found", "application/json", &body)
        }
        "priced" => json(
            r#"{"model":"grok-4.3","usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110}}"#,
        ),
        "messages" => json(
            r#"{"model":"claude","usage":{"input_tokens":9,"cache_creation_input_tokens":3,"cache_read_input_tokens":100,"output_tokens":32}}"#,
        ),
        _ => json(&format!(
            r#"{{"model":"{model}","usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}}"#
        )),
    }
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn content() -> String {
    event(r#"{"model":"grok-4.7","choices":[{"delta":{"content":"hello"}}]}"#)
}

fn stream() -> String {
    let usage = event(&format!(r#"{{"model":"grok-4.7","choices":[],{USAGE}}}"#));
    [content(), content(), content(), usage, event("[DONE]")].concat()
}

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A stream that has begun: the client's end of it, and the provider's.
async fn begin_stream(scene: &mut Scene) -> (support::wire::Wire, support::wire::Wire) {
    let mut client = scene.gateway.connect().await;
    let line = "POST /v1/acct/gw/custom-raw/v1/chat/completions";
    client.send(request(line, &[], br#"{"model":"grok-4.7","stream":true}"#)).await;
    let mut provider = scene.raw.accept().await;
    provider.read_message().await;
    provider.send(STREAM_HEAD).await;
    provider.send(chunk(content().as_bytes())).await;
    client.read_head().await;
    client.read_chunked_bytes(content().len()).await;
    (client, provider)
}

#[tokio::test]
async fn every_exchange_is_counted_to_the_unit() {
    let mut scene = Scene::new(|metrics| metrics).await;
    for _ in 0..3 {
        assert_eq!(scene.chat("grok-4.3").await.status(), 200);
    }
    for _ in 0..2 {
        assert_eq!(scene.chat("stream").await.body(), stream().as_bytes());
    }
    assert_eq!(scene.chat("busy").await.status(), 429);
    assert_eq!(scene.chat("error").await.status(), 200);
    let unified = "POST /v1/acct/gw/compat/chat/completions";
    assert_eq!(scene.send(unified, &[], "{}").await.status(), 400);
    let body = r#"{"model":"grok/grok-4.3"}"#;
    assert_eq!(scene.send(unified, &[], body).await.status(), 200);
    let gone = "POST /v1/acct/gw/custom-gone/v1/chat/completions";
    assert_eq!(scene.send(gone, &[], r#"{"model":"grok-4.3"}"#).await.status(), 502);
    let cost = r#"cf-aig-custom-cost: {"total_cost":0.5}"#;
    scene.send(CHAT, &[cost], r#"{"model":"grok-4.3"}"#).await;
    scene.chat("priced").await;
    scene.chat("unpriced").await;
    let messages = "POST /v1/acct/gw/grok/v1/messages";
    scene.send(messages, &[], r#"{"model":"messages"}"#).await;

    let (client, provider) = begin_stream(&mut scene).await;
    let live = scene.page();
    assert_eq!(live.sum("ai_gateway_streams_active", &[]), 1);
    assert_eq!(live.sum("ai_gateway_requests_active", &[]), 1);
    drop(provider);
    scene.end().await;
    drop(client);
    let (client, mut provider) = begin_stream(&mut scene).await;
    drop(client);
    guard("the provider's connection to end", provider.ended()).await;
    scene.end().await;

    let page = scene.page();
    assert_eq!(page.sum("ai_gateway_requests_started_total", &[]), 16);
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &[]), 16);
    for gauge in ["ai_gateway_requests_active", "ai_gateway_streams_active"] {
        assert_eq!((page.sum(gauge, &[]), page.has(gauge)), (0, true), "{gauge}");
    }
    for (outcome, error, count) in [
        ("complete", None, 10),
        ("complete", Some("429"), 1),
        ("complete", Some("provider"), 1),
        ("rejected", Some("400"), 1),
        ("failed", Some("connect"), 1),
        ("broken", None, 0),
        ("cancelled", Some("cancelled"), 1),
    ] {
        let labels = [("ai_gateway_outcome", Some(outcome)), ("error_type", error)];
        assert_eq!(page.exact("ai_gateway_requests_ended_total", &labels), count, "{labels:?}");
    }
    let broken = [("ai_gateway_outcome", Some("broken"))];
    assert_eq!(page.exact("ai_gateway_requests_ended_total", &broken), 1);

    // Five chats and two streams have the same usage; the rest has its own.
    for (kind, tokens) in [
        ("input", 7 * 12 + 100 + 1 + 112),
        ("output", 7 * 291 + 10 + 1 + 32),
        ("cache_read", 7 * 4 + 100),
        ("cache_write", 3),
        ("reasoning", 7 * 290),
    ] {
        let kind = [("ai_gateway_token_kind", kind)];
        assert_eq!(page.sum("ai_gateway_tokens_total", &kind), tokens, "{kind:?}");
    }
    for (source, ticks) in [
        ("reported", 6 * 1_234_567),
        ("custom", 5_000_000_000),
        // 1.25 and 2.50 USD per million.
        ("table", 100 * 12_500 + 10 * 25_000),
    ] {
        let source = [("ai_gateway_cost_source", source)];
        assert_eq!(page.sum("ai_gateway_cost_ticks_total", &source), ticks, "{source:?}");
    }
    // `unpriced`, `messages`, and the two streams that told no usage.
    assert_eq!(page.sum("ai_gateway_cost_unknown_total", &[]), 4);
    for (result, count) in [("complete", 12), ("partial", 2)] {
        let result = [("ai_gateway_metering_result", result)];
        assert_eq!(page.sum("ai_gateway_metering_total", &result), count, "{result:?}");
    }
    assert_eq!(page.sum("ai_gateway_metering_total", &[]), 14, "those that a provider answered");
    assert_eq!(page.sum("ai_gateway_attempts_total", &[]), 15);
    assert_eq!(page.sum("ai_gateway_attempts_total", &[("error_type", "429")]), 1);
    assert_eq!(page.sum("ai_gateway_attempts_total", &[("error_type", "connect")]), 1);

    assert_eq!(page.sum("gen_ai_client_operation_duration_seconds_count", &[]), 15);
    assert_eq!(page.sum("ai_gateway_overhead_seconds_count", &[]), 16);
    let first_chunk = "gen_ai_client_operation_time_to_first_chunk_seconds_count";
    assert_eq!(page.sum(first_chunk, &[]), 4, "of streams");
    let per_chunk = "gen_ai_client_operation_time_per_output_chunk_seconds_count";
    assert_eq!(page.sum(per_chunk, &[]), 2, "of whole streams");
    for (kind, tokens) in [("input", 297), ("output", 2080)] {
        let kind = [("gen_ai_token_type", kind)];
        assert_eq!(page.sum("gen_ai_client_token_usage_count", &kind), 10);
        assert_eq!(page.sum("gen_ai_client_token_usage_sum", &kind), tokens);
    }
}

#[tokio::test]
async fn bytes_are_counted_both_ways() {
    let mut scene = Scene::new(|metrics| metrics).await;
    let answer = scene.chat("grok-4.3").await;
    let page = scene.page();
    assert_eq!(
        page.sum("ai_gateway_request_bytes_total", &[]),
        r#"{"model":"grok-4.3"}"#.len() as u64
    );
    assert_eq!(page.sum("ai_gateway_response_bytes_total", &[]), answer.body().len() as u64);
}

#[tokio::test]
async fn labels_are_opentelemetrys() {
    let mut scene = Scene::new(|metrics| metrics).await;
    scene.send("POST /v1/acct/gw/grok/v1/responses", &[], r#"{"model":"grok-4.7"}"#).await;
    scene.send("POST /v1/acct/gw/grok/v1/completions", &[], r#"{"model":"grok-4.7"}"#).await;
    scene.send("POST /only/nosuch/v1/chat", &[], "{}").await;
    let page = scene.page();
    let duration = "gen_ai_client_operation_duration_seconds_count";
    for operation in ["chat", "text_completion"] {
        let labels = [
            ("gen_ai_operation_name", Some(operation)),
            ("gen_ai_provider_name", Some("x_ai")),
            ("gen_ai_request_model", Some("grok-4.7")),
            ("gen_ai_response_model", Some("grok-4.7")),
            ("error_type", None),
            ("ai_gateway_gateway", None),
        ];
        assert_eq!(page.exact(duration, &labels), 1, "{operation}");
    }
    assert_eq!(page.sum(duration, &[]), 2, "what was sent to nobody has no duration");
}

#[tokio::test]
async fn a_hostile_client_mints_no_series() {
    let mut scene = Scene::new(|metrics| metrics).await;
    scene.chat("missing-0").await;
    let page = scene.page();
    assert_eq!(page.values("gen_ai_request_model"), ["other"]);
    assert_eq!(page.values("gen_ai_response_model"), ["other"]);
    let before = page.samples.len();
    for number in 1..300 {
        scene.chat(&format!("missing-{number}")).await;
    }
    let page = scene.page();
    assert_eq!(page.samples.len(), before);
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &[("error_type", "404")]), 300);
}

#[tokio::test]
async fn models_are_labels_where_they_are_known() {
    let mut scene = Scene::new(|metrics| metrics.max_models(2).models(["missing-mine"])).await;
    for model in ["missing-mine", "missing-grok", "grok-4.3", "echo-a", "echo-b", "echo-c"] {
        scene.chat(model).await;
    }
    let page = scene.page();
    let known = ["echo-a", "echo-b", "grok-4.3", "missing-mine", "other"];
    assert_eq!(page.values("gen_ai_request_model"), known);
    assert_eq!(page.values("gen_ai_response_model"), known);
    let other = [("gen_ai_response_model", "other")];
    assert_eq!(page.sum("ai_gateway_requests_ended_total", &other), 2, "missing-grok and echo-c");
}

#[tokio::test]
async fn gateways_are_labels_where_the_host_wants_it_and_as_many_as_it_wants() {
    let mut scene = Scene::new(|metrics| metrics.label_gateways(2)).await;
    for (gateway, model) in
        [("bad", "missing"), ("a", "grok-4.3"), ("b", "grok-4.3"), ("c", "grok-4.3")]
    {
        let line = format!("POST /v1/acct/{gateway}/grok/v1/chat/completions");
        scene.send(&line, &[], &format!(r#"{{"model":"{model}"}}"#)).await;
    }
    let page = scene.page();
    assert_eq!(page.values("ai_gateway_gateway"), ["a", "b", "other"]);
    let gateway = [("ai_gateway_gateway", "a")];
    assert_eq!(page.sum("ai_gateway_cost_ticks_total", &gateway), 1_234_567);
}

/// A client that answers as a cache does.
async fn exchange(layer: &GatewayLayer, status: CacheStatus) {
    let client = service_fn(move |_: Request<_>| async move {
        let body = Full::new(Bytes::from(format!(r#"{{"model":"grok-4.3",{USAGE}}}"#)));
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.extension(status).body(body).unwrap())
    });
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = layer.layer(client).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn what_a_cache_did_is_counted_and_a_hit_costs_nothing() {
    let (metrics, handle) = recorder();
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(metrics);
    let layer = builder.build().unwrap();
    for status in [CacheStatus::Miss, CacheStatus::Hit, CacheStatus::Hit, CacheStatus::Bypass] {
        exchange(&layer, status).await;
    }
    let page = page(&handle);
    for (status, count) in [("hit", 2), ("miss", 1), ("bypass", 1)] {
        let status = [("ai_gateway_cache_status", status)];
        assert_eq!(page.sum("ai_gateway_cache_total", &status), count, "{status:?}");
    }
    assert_eq!(page.sum("ai_gateway_cost_ticks_total", &[]), 2 * 1_234_567);
    assert_eq!(page.sum("ai_gateway_cost_unknown_total", &[]), 0);
}

#[tokio::test]
async fn hooks_with_their_own_recorders_do_not_mix() {
    let installed = builder().install_recorder().unwrap();
    let ((one, first), (other, second)) = (recorder(), recorder());
    let layer = |hooks: Vec<Metrics>| {
        let builder = GatewayLayer::builder().provider(Provider::xai());
        let builder = hooks.into_iter().fold(builder, |builder, hook| builder.metrics_hook(hook));
        builder.build().unwrap()
    };
    let (alone, both) = (layer(vec![one]), layer(vec![other, Metrics::new()]));
    exchange(&alone, CacheStatus::Miss).await;
    for _ in 0..2 {
        exchange(&both, CacheStatus::Miss).await;
    }
    let ended = |handle| page(handle).sum("ai_gateway_requests_ended_total", &[]);
    assert_eq!([&first, &second, &installed].map(ended), [1, 2, 2]);
}

#[tokio::test]
async fn the_dashboard_and_the_documentation_name_what_there_is() {
    let mut scene = Scene::new(|metrics| metrics).await;
    for model in ["grok-4.3", "stream", "unpriced"] {
        scene.chat(model).await;
    }
    let (cached, handle) = recorder();
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(cached);
    exchange(&builder.build().unwrap(), CacheStatus::Hit).await;
    let mut scraped = scene.page().names();
    scraped.extend(page(&handle).names());
    assert!(scraped.len() > 17, "{scraped:?}");

    let dashboard = include_str!("../examples/grafana/tower-ai-gateway.json");
    let used = scrape::names_in_dashboard(dashboard);
    let unknown: BTreeSet<_> = used.difference(&scraped).collect();
    assert!(used.len() > 15 && unknown.is_empty(), "{unknown:?} of {used:?}");

    let documentation = include_str!("../src/hook/metrics/mod.rs");
    let documented = scrape::names_in_table(documentation);
    let families: BTreeSet<_> = scraped.iter().map(|name| scrape::family(name)).collect();
    assert_eq!(families, documented);
    let shown: BTreeSet<_> = used.iter().map(|name| scrape::family(name)).collect();
    assert_eq!(shown, documented, "the dashboard shows every metric");
}
