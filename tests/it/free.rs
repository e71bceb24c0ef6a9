//! Free responses have no cost, no unknown cost and no repeated usage: in events, the log and
//! metrics. Responses that only look free are billed.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::Value;
use tower::{Layer, ServiceExt};
use tower_ai_gateway::log::LogRecord;
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::settings::{ClientControl, GatewaySettings};
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider};

use crate::support::scripted::{Reply, Step, Upstream};

/// A part of the end event.
#[derive(Clone, Debug, PartialEq)]
struct Reported {
    operation: &'static str,
    metering: Metering,
    has_usage: bool,
    cost: Option<u64>,
    is_cost_unknown: bool,
    record: LogRecord,
}

struct Scene {
    layer: GatewayLayer,
    reported: Arc<Mutex<Vec<Reported>>>,
    metrics: PrometheusHandle,
}

impl Scene {
    fn new() -> Self {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let ends = reported.clone();
        let hook = move |end: &EndEvent<'_>| {
            ends.lock().unwrap().push(Reported {
                operation: end.context.operation().as_str(),
                metering: end.metering,
                has_usage: end.usage.is_some(),
                cost: end.cost.map(|cost| cost.ticks),
                is_cost_unknown: end.is_cost_unknown(),
                record: LogRecord::new(end),
            });
        };
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let settings = GatewaySettings::builder().client_controls([ClientControl::CustomCost]);
        let layer = GatewayLayer::builder()
            .providers(Provider::all())
            .settings(Arc::new(settings.build().unwrap()))
            .metrics_hook(hook)
            .metrics_hook(Metrics::new().recorder(recorder))
            .build()
            .unwrap();
        Self { layer, reported, metrics }
    }

    async fn ask(&self, line: &str, answer: &'static str) -> Reported {
        self.ask_for(line, StatusCode::OK, answer).await
    }

    async fn ask_for(&self, line: &str, status: StatusCode, answer: &'static str) -> Reported {
        let (method, path) = line.split_once(' ').unwrap();
        let reply = Reply::status(status.as_u16()).header("content-type", "application/json");
        let upstream = Upstream::always(reply.steps(&[Step::Data(answer)]));
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("/v1/acct/gw/{path}"))
            .header("cf-aig-custom-cost", r#"{"per_token_in":1,"per_token_out":1}"#)
            .body(Full::<Bytes>::default());
        let response =
            self.layer.client_layer().layer(upstream).oneshot(request.unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
        self.reported.lock().unwrap().last().unwrap().clone()
    }
}

const COUNT: &str = r#"{"input_tokens":14,"usage":{"prompt_tokens":14,"completion_tokens":1}}"#;

#[tokio::test]
async fn free_calls_are_free_in_every_output() {
    let scene = Scene::new();
    let free = [
        ("POST anthropic/v1/messages/count_tokens", "count_tokens"),
        ("POST openai/v1/responses/input_tokens", "count_tokens"),
        ("POST google-ai-studio/v1beta/models/gemini-3-pro:countTokens", "count_tokens"),
        ("POST cohere/v1/tokenize", "count_tokens"),
        ("POST cohere/v1/detokenize", "count_tokens"),
        ("POST cohere/v1/check-api-key", "other"),
        ("POST grok/v1/tokenize-text", "count_tokens"),
        ("POST openai/v1/moderations", "moderations"),
        ("GET grok/v1/models", "models"),
        ("GET openrouter/api/v1/models", "models"),
        ("GET openrouter/generation?id=g_1", "other"),
        ("GET openrouter/key", "other"),
        ("GET deepseek/user/balance", "other"),
        ("GET cerebras/v1/tcp_warming", "other"),
        ("GET openai/v1/files/f_1", "files"),
        ("POST openai/v1/files", "files"),
        ("DELETE openai/v1/files/f_1", "files"),
        ("DELETE openai/v1/responses/resp_1", "responses"),
        ("GET grok/v1/chat/completions/c_1", "chat"),
        ("POST openai/v1/responses/resp_1/cancel", "responses"),
        ("POST openai/v1/batches", "batches"),
        ("POST openai/v1/batches/b_1/cancel", "batches"),
        ("GET anthropic/v1/messages/batches/b_1/results", "batches"),
        ("GET google-ai-studio/v1beta/cachedContents/c_1", "cached_contents"),
    ];
    for (line, operation) in free {
        let reported = scene.ask(line, COUNT).await;
        assert_eq!((reported.operation, reported.metering), (operation, Metering::Free), "{line}");
        assert_eq!(
            (reported.has_usage, reported.cost, reported.is_cost_unknown),
            (false, None, false),
            "{line}"
        );
        let record = reported.record;
        assert_eq!((&*record.model_type, &*record.metering), (operation, "free"), "{line}");
        assert_eq!((record.cost_ticks, record.cost_unknown), (None, false), "{line}");
        assert_eq!((record.tokens_in, record.usage_metadata), (None, None), "{line}");
    }
    let page = scene.metrics.render();
    for absent in ["cost_unknown", "cost_ticks", "ai_gateway_tokens", "repeated"] {
        let line = page.lines().find(|line| line.contains(absent) && !line.starts_with('#'));
        assert_eq!(line, None);
    }
    let free_of = |operation: &str| {
        let is_of = |line: &&str| {
            line.starts_with("ai_gateway_metering{")
                && line.contains("ai_gateway_metering_result=\"free\"")
                && line.contains(&format!("ai_gateway_operation=\"{operation}\""))
        };
        let count = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap();
        page.lines().filter(is_of).map(count).sum::<usize>()
    };
    for operation in ["count_tokens", "moderations", "models", "batches", "files", "responses"] {
        let expected = free.iter().filter(|(_, own)| *own == operation).count();
        assert_eq!(free_of(operation), expected, "{operation}: {page}");
    }
}

#[tokio::test]
async fn deferred_work_is_free_until_it_reports_its_cost() {
    let scene = Scene::new();
    let begun = scene.ask("POST grok/v1/videos/generations", r#"{"request_id":"v1"}"#).await;
    let pending = scene.ask("GET grok/v1/videos/v1", r#"{"status":"pending"}"#).await;
    let deferred = "GET grok/v1/chat/deferred-completion/d1";
    let not_yet = scene.ask_for(deferred, StatusCode::ACCEPTED, "").await;
    for reported in [begun, pending, not_yet] {
        assert_eq!(
            (reported.metering, reported.is_cost_unknown),
            (Metering::Free, false),
            "{reported:?}"
        );
    }
    let done = r#"{"status":"done","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let billed = scene.ask("GET grok/v1/videos/v1", done).await;
    assert_eq!((billed.cost, billed.operation), (Some(30_000_000_000), "video"));
    let again = scene.ask("GET grok/v1/videos/v1", done).await;
    assert_eq!((again.metering, again.cost), (Metering::Free, None));
}

#[tokio::test]
async fn calls_that_only_look_free_are_billed() {
    const USED: &str =
        r#"{"usage":{"prompt_tokens":2,"completion_tokens":1,"input_tokens":2,"output_tokens":1}}"#;
    let scene = Scene::new();
    for (line, operation) in [
        ("POST mistral/v1/moderations", "moderations"),
        ("POST mistral/v1/chat/moderations", "moderations"),
        ("POST openai/v1/responses/compact", "compact"),
    ] {
        let reported = scene.ask(line, USED).await;
        assert_eq!(
            (reported.operation, reported.metering),
            (operation, Metering::Complete),
            "{line}"
        );
        assert_eq!((reported.has_usage, reported.cost), (true, Some(30_000_000_000)), "{line}");
    }
    // An unreported cost is unknown, and not free.
    for (line, operation) in [
        ("POST mistral/v1/moderations", "moderations"),
        ("POST openai/v1/containers", "other"),
        ("POST google-ai-studio/v1beta/models/veo-3:predictLongRunning", "video"),
    ] {
        let reported = scene.ask(line, "{}").await;
        assert_eq!((reported.operation, reported.is_cost_unknown), (operation, true), "{line}");
    }
    // Tokens billed per hour are not tokens of a call.
    let line = "POST google-ai-studio/v1beta/cachedContents";
    let reported = scene.ask(line, USED).await;
    assert_eq!(
        (reported.operation, reported.has_usage, reported.cost),
        ("cached_contents", false, None)
    );
    assert!(reported.is_cost_unknown);
}

#[tokio::test]
async fn the_providers_error_code_is_in_event_log_and_metrics() {
    let scene = Scene::new();
    let in_band = r#"{"error":{"message":"full","code":"over_capacity"}}"#;
    let reported = scene.ask("POST groq/openai/v1/chat/completions", in_band).await;
    assert_eq!(reported.record.provider_error.as_deref(), Some("over_capacity"));
    assert!(!reported.record.success && !reported.is_cost_unknown);
    let sentence = r#"{"error":{"message":"full","code":"what a pity 1"}}"#;
    scene.ask("POST groq/openai/v1/chat/completions", sentence).await;
    let limited = r#"{"error":{"message":"slow down","code":"own_code"}}"#;
    let status = StatusCode::TOO_MANY_REQUESTS;
    scene.ask_for("POST groq/openai/v1/chat/completions", status, limited).await;
    let page = scene.metrics.render();
    for (error_type, code) in
        [("provider", "over_capacity"), ("provider", "other"), ("429", "own_code")]
    {
        let line = page.lines().find(|line| {
            line.starts_with("ai_gateway_requests_ended{")
                && line.contains(&format!("error_type=\"{error_type}\""))
                && line.contains(&format!("ai_gateway_provider_error=\"{code}\""))
        });
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{code}: {page}");
    }
}

/// Checks the record only; hooks and files have their own tests.
#[tokio::test]
async fn a_free_exchange_is_read_back_as_free() {
    let scene = Scene::new();
    let reported = scene.ask("GET grok/v1/models", "{}").await;
    let json: Value = serde_json::to_value(&reported.record).unwrap();
    assert_eq!(json["metering"], "free");
    assert_eq!(serde_json::from_value::<LogRecord>(json).unwrap(), reported.record);
}
