//! Spans of real exchanges, as a collector gets them over OTLP.
#![allow(clippy::unwrap_used)]

mod collector;
mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tower_ai_gateway::otel::{SpanHook, requested_trace_id};
use tower_ai_gateway::{EndEvent, Provider};

use collector::{Collector, flush, object};
use support::gateway::{Gateway, Setup};
use support::guard;
use support::message::{Message, chunk, request};
use support::raw_upstream::{RawUpstream, Recorder};

const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
const LEAK: &str = "sk-LEAK";
const PROMPT: &str = "the prompt of this request";
const COMPLETION: &str = "the text of this response";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A gateway whose exchanges become spans at a collector.
struct Scene {
    gateway: Gateway,
    collector: Collector,
    tracing: SdkTracerProvider,
    ends: mpsc::UnboundedReceiver<Duration>,
}

impl Scene {
    async fn new(base: String) -> Self {
        let collector = Collector::start().await;
        let tracing = collector.provider(|provider| provider);
        Self::with(base, collector, tracing).await
    }

    async fn with(base: String, collector: Collector, tracing: SdkTracerProvider) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        // The hooks are told in this order: after an end, its span has been handed over.
        let told = move |end: &EndEvent<'_>| sender.send(end.timings.total).unwrap();
        let hook = SpanHook::of(&tracing);
        let setup = Setup::new(base).provider(Provider::custom("acme", "http://[::1]:1/"));
        let setup = setup.layer(|layer| layer.metrics_hook(hook).metrics_hook(told));
        Self { gateway: setup.start().await, collector, tracing, ends }
    }

    /// Waits until an exchange is over, and says how long it took.
    async fn ended(&mut self) -> Duration {
        guard("the end event", self.ends.recv()).await.unwrap()
    }

    /// The answer to one request, once its exchange is over.
    async fn answer(&mut self, headers: &[&str], body: &str) -> Message {
        let answer = self.gateway.answer(request(CHAT, headers, body.as_bytes())).await;
        self.ended().await;
        answer
    }

    async fn spans(&self) -> Vec<Span> {
        flush(&self.tracing).await;
        self.collector.spans().into_iter().map(|(_, span)| span).collect()
    }

    async fn only_span(&self) -> Span {
        let spans = self.spans().await;
        assert_eq!(spans.len(), 1, "one span per exchange: {spans:#?}");
        spans.into_iter().next().unwrap()
    }
}

fn event_stream(events: &[&str]) -> Vec<u8> {
    let chunks = events.iter().map(|event| chunk(format!("data: {event}\n\n").as_bytes()));
    [STREAM_HEAD.to_vec(), chunks.collect::<Vec<_>>().concat(), chunk(b"")].concat()
}

fn json_response(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A provider that streams an answer with usage.
async fn streaming() -> Recorder {
    Recorder::answering(|_| {
        event_stream(&[
            &format!(
                r#"{{"model":"grok-4-0709","choices":[{{"index":0,"delta":{{"content":"{COMPLETION}"}}}}]}}"#
            ),
            r#"{"model":"grok-4-0709","choices":[{"index":0,"delta":{"content":"."}}]}"#,
            r#"{"model":"grok-4-0709","choices":[],"usage":{"prompt_tokens":120,
                "completion_tokens":9,"total_tokens":169,
                "prompt_tokens_details":{"cached_tokens":64},
                "completion_tokens_details":{"reasoning_tokens":40},
                "cost_in_usd_ticks":12500000}}"#
                .replace('\n', "")
                .as_str(),
            "[DONE]",
        ])
    })
    .await
}

fn chat_body() -> String {
    json!({
        "model": "grok-4",
        "stream": true,
        "messages": [{"role": "user", "content": PROMPT}],
    })
    .to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Removes a time in seconds, which must lie within the span.
#[track_caller]
fn take_seconds(attributes: &mut Map<String, Value>, key: &str, span: &Span) -> f64 {
    let seconds = attributes.remove(key).and_then(|value| value.as_f64());
    let seconds = seconds.unwrap_or_else(|| panic!("{key} is missing: {attributes:#?}"));
    let whole = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
    assert!(seconds > 0.0 && seconds <= whole, "{key}: {seconds} of {whole}");
    seconds
}

#[tokio::test]
async fn a_complete_stream_is_told_in_full() {
    let provider = streaming().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let before = nanoseconds(SystemTime::now());
    let metadata = r#"cf-aig-metadata: {"team":"a","n":1.5,"beta":true,"gen_ai.usage.cost":"x"}"#;
    let headers = ["cf-aig-event-id: mine", metadata];
    let answer = scene.gateway.answer(request(CHAT, &headers, chat_body().as_bytes())).await;
    let total = scene.ended().await;
    let after = nanoseconds(SystemTime::now());
    assert_eq!(answer.status(), 200);

    let span = scene.only_span().await;
    let (scope, _) = scene.collector.spans().remove(0);
    assert_eq!(scope.name, "tower-ai-gateway");
    assert_eq!(scope.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(span.name, "chat grok-4");
    assert_eq!(span.kind, SpanKind::Client as i32);
    assert_eq!(span.status.clone().unwrap_or_default(), Status::default());
    assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
    assert_eq!((span.dropped_attributes_count, span.links.len()), (0, 0));

    // Times: start ≤ head ≤ first token ≤ end, all within the test.
    let events: Vec<_> = span.events.iter().map(|event| &event.name[..]).collect();
    assert_eq!(events, ["ai_gateway.response_head", "ai_gateway.first_token"]);
    let mut times = vec![before, span.start_time_unix_nano];
    times.extend(span.events.iter().map(|event| event.time_unix_nano));
    times.extend([span.end_time_unix_nano, after]);
    assert!(times.is_sorted(), "{times:?}");
    assert!(span.start_time_unix_nano < span.events[0].time_unix_nano);
    let length = span.end_time_unix_nano - span.start_time_unix_nano;
    assert_eq!(u128::from(length), total.as_nanos(), "the span is as long as the exchange");

    let mut attributes = object(&span.attributes);
    let log_id = attributes.remove("ai_gateway.log_id").unwrap();
    assert_eq!(log_id, answer.head.get("cf-aig-log-id").unwrap());
    take_seconds(&mut attributes, "ai_gateway.overhead", &span);
    take_seconds(&mut attributes, "gen_ai.response.time_to_first_chunk", &span);
    let token = take_seconds(&mut attributes, "ai_gateway.time_to_first_token", &span);
    let event = span.events[1].time_unix_nano - span.start_time_unix_nano;
    assert!((token - event as f64 / 1e9).abs() < 1e-6, "{token} {event}");
    assert_eq!(
        Value::from(attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "x_ai",
            "gen_ai.request.model": "grok-4",
            "gen_ai.request.stream": true,
            "gen_ai.response.model": "grok-4-0709",
            "gen_ai.usage.input_tokens": 120,
            "gen_ai.usage.output_tokens": 49,
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.reasoning.output_tokens": 40,
            "gen_ai.usage.cost": 0.00125,
            "server.address": "127.0.0.1",
            "server.port": provider.addr().port(),
            "http.response.status_code": 200,
            "ai_gateway.event_id": "mine",
            "ai_gateway.account": "acct",
            "ai_gateway.gateway": "gw",
            "ai_gateway.operation": "chat",
            "ai_gateway.outcome": "complete",
            "ai_gateway.metering": "complete",
            "ai_gateway.cost.ticks": 12_500_000,
            "ai_gateway.cost.usd": 0.00125,
            "ai_gateway.cost.source": "reported",
            "ai_gateway.stream": true,
            "ai_gateway.step": 0,
            "ai_gateway.attempts": 1,
            "ai_gateway.metadata.team": "a",
            "ai_gateway.metadata.n": 1.5,
            "ai_gateway.metadata.beta": true,
            "ai_gateway.metadata.gen_ai.usage.cost": "x",
        })
    );
}

#[tokio::test]
async fn messages_tell_what_was_written_to_the_cache() {
    let provider = Recorder::answering(|_| {
        json_response(
            "200 OK",
            r#"{"type":"message","model":"claude-x","content":[{"type":"text","text":"hi"}],
                "usage":{"input_tokens":9,"cache_creation_input_tokens":3,
                "cache_read_input_tokens":100,"output_tokens":32}}"#,
        )
    })
    .await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let body = br#"{"model":"claude-x"}"#;
    scene.gateway.answer(request("POST /ai/grok/v1/messages", &[], body)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(span.name, "chat claude-x");
    assert_eq!(attributes["gen_ai.usage.input_tokens"], 112);
    assert_eq!(attributes["gen_ai.usage.cache_creation.input_tokens"], 3);
    assert_eq!(attributes["gen_ai.usage.cache_read.input_tokens"], 100);
    assert_eq!(attributes["gen_ai.usage.output_tokens"], 32);
    for absent in [
        "gen_ai.request.stream",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.cost",
        "ai_gateway.account",
        "ai_gateway.cost.ticks",
        "ai_gateway.time_to_first_token",
        "ai_gateway.requested_trace_id",
        "error.type",
    ] {
        assert!(!attributes.contains_key(absent), "{absent}: {attributes:#?}");
    }
    assert_eq!(span.events.len(), 1, "no first token of what is no stream");
}

/// What a span says of how an exchange ended.
#[track_caller]
fn ending(span: &Span) -> (String, Value, Value, String) {
    let attributes = object(&span.attributes);
    let status = span.status.clone().unwrap_or_default();
    let error_type = attributes.get("error.type").cloned().unwrap_or_default();
    let is_error = status.code == StatusCode::Error as i32;
    assert_eq!(is_error, !error_type.is_null(), "{attributes:#?}");
    assert!(is_error || status == Status::default(), "{status:?}");
    let http = attributes.get("http.response.status_code").cloned().unwrap_or_default();
    let outcome = attributes["ai_gateway.outcome"].as_str().unwrap().to_owned();
    (outcome, http, error_type, status.message)
}

#[tokio::test]
async fn what_the_provider_answers_decides_the_status() {
    let error = r#"{"error":{"code":"rate_limited","message":"slow down"}}"#;
    let delta = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let reported = "the provider reported an error";
    for (answer, outcome, status, error_type, message) in [
        (json_response("200 OK", "{}"), "complete", 200, json!(null), ""),
        (json_response("304 Not Modified", ""), "complete", 304, json!(null), ""),
        (json_response("429 Too Many", error), "complete", 429, json!("rate_limited"), reported),
        (json_response("503 Busy", ""), "complete", 503, json!("503"), reported),
        (json_response("200 OK", error), "complete", 200, json!("rate_limited"), reported),
        (
            json_response("200 OK", r#"{"error":{"message":"no code"}}"#),
            "complete",
            200,
            json!("_OTHER"),
            reported,
        ),
        (event_stream(&[delta]), "broken", 200, json!("unfinished"), "the response broke off"),
    ] {
        let provider = Recorder::answering(move |_| answer.clone()).await;
        let mut scene = Scene::new(provider.base("/v1")).await;
        scene.answer(&[], &chat_body()).await;
        assert_eq!(
            ending(&scene.only_span().await),
            (outcome.to_owned(), json!(status), error_type, message.to_owned())
        );
    }
}

#[tokio::test]
async fn a_refused_request_has_a_span() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let body = br#"{"model":"nosuch/model"}"#;
    let line = "POST /v1/acct/gw/compat/chat/completions";
    scene.gateway.answer(request(line, &[], body)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(
        ending(&span),
        ("rejected".into(), json!(400), json!("400"), "the gateway refused the request".into())
    );
    assert!(attributes["ai_gateway.code"].as_u64().unwrap() >= 2000, "{attributes:#?}");
    assert_eq!(attributes["ai_gateway.attempts"], 0);
    assert_eq!(attributes["gen_ai.operation.name"], "chat");
    assert!(!attributes.contains_key("gen_ai.provider.name"), "none was found");
    assert!(!attributes.contains_key("server.address"), "none was found");
    assert!(span.events.is_empty(), "no head came");
    assert_eq!(span.kind, SpanKind::Client as i32);
    provider.assert_untouched("the provider is unknown");
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_has_a_span() {
    let mut scene = Scene::new("http://127.0.0.1:1/v1".to_owned()).await;
    scene.gateway.answer(request("POST /ai/acme/embeddings", &[], br#"{"model":"m"}"#)).await;
    scene.ended().await;
    let span = scene.only_span().await;
    let attributes = object(&span.attributes);
    assert_eq!(span.name, "embeddings", "nobody read the body, and so the model");
    assert_eq!(
        ending(&span),
        (
            "failed".into(),
            json!(502),
            json!("connect"),
            "no response came from the provider".into()
        )
    );
    assert_eq!(attributes["gen_ai.provider.name"], "custom-acme");
    assert_eq!(
        (&attributes["server.address"], &attributes["server.port"]),
        (&json!("::1"), &json!(1))
    );
    assert!(span.events.is_empty(), "no head came");
}

#[tokio::test]
async fn a_client_that_leaves_is_no_error() {
    let mut upstream = RawUpstream::start().await;
    let mut scene = Scene::new(upstream.base("/v1")).await;
    let mut client = scene.gateway.connect().await;
    client.send(request(CHAT, &[], chat_body().as_bytes())).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    let delta = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    provider.send([STREAM_HEAD, &chunk(delta)].concat()).await;
    client.read_head().await;
    client.read_chunk().await.unwrap();
    drop(client);
    scene.ended().await;
    let span = scene.only_span().await;
    assert_eq!(ending(&span), ("cancelled".into(), json!(200), json!(null), String::new()));
    let attributes = object(&span.attributes);
    assert_eq!(attributes["ai_gateway.metering"], "partial");
    assert_eq!(span.events.len(), 2, "the head and the first token had come");
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
async fn the_client_says_where_a_span_belongs() {
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

    // No parent is made up. Without a generator that asks, the wish stands in an attribute.
    let (trace, parent, requested) = place(&mut scene, &[&own_trace]).await;
    assert_ne!(trace, TRACE);
    assert_eq!((&parent[..], requested), ("", json!(TRACE)));
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
async fn an_id_generator_can_grant_the_trace_id() {
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
async fn what_the_client_does_not_sample_is_not_exported() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let unsampled = format!("traceparent: 00-{TRACE}-{PARENT}-00");
    scene.answer(&[&unsampled], "{}").await;
    let sampled = format!("traceparent: 00-{TRACE}-{}-01", "c".repeat(16));
    scene.answer(&[&sampled], "{}").await;
    assert_eq!(hex(&scene.only_span().await.parent_span_id), "c".repeat(16));
}

#[tokio::test]
async fn no_secret_and_no_text_is_exported() {
    let provider = streaming().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let bearer = format!("Bearer {LEAK}");
    let secret: Vec<_> = [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cf-aig-authorization",
        "cookie",
    ]
    .map(|name| format!("{name}: {bearer}"))
    .into();
    let headers: Vec<_> = secret.iter().map(String::as_str).collect();
    for line in [
        format!("{CHAT}?key={LEAK}"),
        format!("POST /v1/acct/gw/compat/chat/completions?key={LEAK}"),
        format!("POST /only/nosuch/x?key={LEAK}"),
    ] {
        scene.gateway.answer(request(&line, &headers, chat_body().as_bytes())).await;
        scene.ended().await;
    }
    assert_eq!(scene.spans().await.len(), 3);
    assert_eq!(provider.requests().len(), 1, "one of them was relayed, and answered in full");
    let bytes = scene.collector.bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("grok-4-0709"), "texts are looked for as they are encoded");
    for text in [LEAK, PROMPT, COMPLETION, "Bearer", "key=", "slow down"] {
        assert!(!holds(text), "{text} was exported");
    }
}

#[tokio::test]
async fn what_a_client_writes_is_bounded() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let model = "é".repeat(300);
    let metadata = format!(
        r#"cf-aig-metadata: {{"{}":"{}","b":1,"c":1,"d":1,"e":1,"f":1}}"#,
        "k".repeat(2000),
        "v".repeat(2000)
    );
    scene.answer(&[&metadata], &json!({ "model": model }).to_string()).await;
    let span = scene.only_span().await;
    assert_eq!(span.name, format!("chat {}", "é".repeat(64)));
    let attributes = object(&span.attributes);
    assert_eq!(attributes["gen_ai.request.model"], model);
    let long = format!("ai_gateway.metadata.{}", "k".repeat(1024));
    assert_eq!(attributes[&long], "v".repeat(1024));
    let entries = attributes.keys().filter(|key| key.starts_with("ai_gateway.metadata."));
    assert_eq!(entries.count(), 5);
}

#[tokio::test]
async fn the_global_provider_is_used_where_none_is_given() {
    let collector = Collector::start().await;
    let tracing = collector.provider(|provider| provider);
    opentelemetry::global::set_tracer_provider(tracing.clone());
    let provider = Recorder::start().await;
    let (sender, mut ends) = mpsc::unbounded_channel();
    let told = move |_: &EndEvent<'_>| sender.send(()).unwrap();
    let setup = Setup::new(provider.base("/v1"));
    let setup = setup.layer(|layer| layer.metrics_hook(SpanHook::global()).metrics_hook(told));
    setup.start().await.answer(request("GET /ai/grok/v1/models", &[], b"")).await;
    guard("the end event", ends.recv()).await.unwrap();
    flush(&tracing).await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!((&spans[0].0.name[..], &spans[0].1.name[..]), ("tower-ai-gateway", "models"));
}
