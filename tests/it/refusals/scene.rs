//! A host with all hooks around a gateway, and their records.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::Service;
use tower_ai_gateway::log::{LogHook, LogQuery, LogStore};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::otel::SpanHook;
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Outcome, Provider};

use crate::support::collector::{Collector, flush, object};
use crate::support::ends::Ends;
use crate::support::message::{Message, ok, request};
use crate::support::raw_upstream::Recorder;
use crate::support::scrape::Page;
use crate::support::wire::Wire;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const MESSAGES: &str = "POST /v1/acct/gw/anthropic/v1/messages";
pub(crate) const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
pub(crate) const MODEL: &[u8] = br#"{"model":"grok/grok-4"}"#;

/// The fields of an end event that must not mention a provider.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) code: Option<u16>,
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    pub(crate) is_booked: bool,
}

/// All hooks and their records.
pub(crate) struct Hooks {
    store: LogStore,
    log: LogHook,
    ends: Ends<Ended>,
    handle: PrometheusHandle,
    tracing: SdkTracerProvider,
    collector: Collector,
    _directory: TempDir,
}

impl Hooks {
    pub(crate) async fn new() -> (Self, impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) {
        let directory = tempfile::tempdir().unwrap();
        let store = LogStore::open(directory.path().join("log.db")).unwrap();
        let log = LogHook::builder(store.sink()).build().unwrap();
        let recorder = PrometheusBuilder::new().with_recommended_naming(true).build_recorder();
        let handle = recorder.handle();
        let collector = Collector::start().await;
        let tracing = collector.provider(|provider| provider);
        let (reported, ends) = Ends::by(|end| Ended {
            outcome: end.outcome,
            code: end.gateway_code,
            status: end.status.map(|status| status.as_u16()),
            attempts: end.attempts,
            is_booked: end.cost.is_some()
                || end.usage.is_some()
                || end.metering != Metering::None
                || end.failure.is_some()
                || end.provider_error.is_some()
                || end.response_model.is_some()
                || end.timings.to_head.is_some(),
        });
        let hooks =
            (log.clone(), Metrics::new().recorder(recorder), SpanHook::from_provider(&tracing));
        let add = |builder: GatewayLayerBuilder| {
            let (log, metrics, spans) = hooks;
            builder
                .metrics_hook(log)
                .metrics_hook(metrics)
                .metrics_hook(spans)
                .metrics_hook(reported)
        };
        (Self { store, log, ends, handle, tracing, collector, _directory: directory }, add)
    }

    /// Checks that the next exchange ended as a refusal with this status and code, after this many
    /// provider calls.
    #[track_caller]
    pub(crate) fn next_is(
        &mut self,
        status: u16,
        code: u16,
        attempts: u32,
    ) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let (status, code) = (Some(status), Some(code));
            let outcome = Outcome::Rejected;
            let expected = Ended { outcome, code, status, attempts, is_booked: false };
            assert_eq!(self.ends.next().await, expected, "{caller}");
        }
    }

    /// Checks that each hook has recorded this many rejected exchanges, and nothing else.
    pub(crate) async fn are_all_rejected(&self, count: u64, calls: u64) {
        assert!(self.ends.is_empty(), "one end for each exchange");
        let log = self.log.clone();
        let flush_log = tokio::task::spawn_blocking(move || log.flush(Duration::from_secs(30)));
        assert!(flush_log.await.unwrap().is_complete());
        let rows = self.store.query(&LogQuery::default()).unwrap().logs;
        assert_eq!(rows.len() as u64, count);
        for row in &rows {
            let row = serde_json::to_value(row).unwrap();
            assert_eq!(row["outcome"], "rejected", "{row}");
            assert!(row["gateway_code"].is_u64(), "{row}");
            for nothing in ["cost", "cost_ticks", "usage_metadata", "provider_error", "failure"] {
                assert_eq!(row[nothing], Value::Null, "{nothing} of {row}");
            }
            assert_eq!((&row["cost_unknown"], &row["success"]), (&false.into(), &false.into()));
        }
        let page = Page::parse(&self.handle.render());
        let ended = "ai_gateway_requests_ended_total";
        let outcome = |outcome| page.sum(ended, &[("ai_gateway_outcome", outcome)]);
        assert_eq!((page.sum(ended, &[]), outcome("rejected")), (count, count), "{page:?}");
        assert_eq!(page.sum("ai_gateway_attempts_total", &[]), calls, "{page:?}");
        flush(&self.tracing).await;
        let spans = self.collector.spans();
        assert_eq!(spans.len() as u64, count);
        for (_, span) in spans {
            let attributes = object(&span.attributes);
            assert_eq!(attributes["ai_gateway.outcome"], "rejected", "{attributes:?}");
        }
    }
}

/// A served app with its gateway.
pub(crate) struct Scene {
    addr: SocketAddr,
    pub(crate) provider: Recorder,
    pub(crate) hooks: Hooks,
}

impl Scene {
    /// `app` builds the service from a gateway with hooks and providers.
    pub(crate) async fn new<S>(
        build: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
        app: impl FnOnce(GatewayLayer) -> S,
    ) -> Self
    where
        S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send,
    {
        let provider = Recorder::answering(|_| ok(b"{}")).await;
        let (hooks, add) = Hooks::new().await;
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")))
            .provider(Provider::anthropic().base_url(provider.base("/v1")));
        let app = app(build(add(layer)).build().unwrap());
        let app: Router = Router::new().fallback_service(app);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, provider, hooks }
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.addr).await
    }

    pub(crate) async fn ask(&self, line: &str, headers: &[&str], body: &[u8]) -> Message {
        let mut wire = Wire::connect(self.addr).await;
        wire.send(request(line, headers, body)).await;
        wire.read_message().await
    }

    /// Checks that all three routes refuse with this, in their callers' format.
    pub(crate) async fn refuses(&mut self, headers: &[&str], expected: &Expected) {
        for line in [CHAT, MESSAGES, UNIFIED] {
            let answer = self.ask(line, headers, MODEL).await;
            expected.is(&answer, line == MESSAGES);
            self.hooks.next_is(expected.status, expected.code, 0).await;
        }
    }
}

/// The expected answer to a refusal.
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) code: u16,
    /// The error types of OpenAI and Anthropic.
    pub(crate) kinds: (&'static str, &'static str),
    pub(crate) name: &'static str,
    pub(crate) message: &'static str,
    pub(crate) retry: Option<&'static str>,
    pub(crate) retry_after: Option<&'static str>,
}

impl Expected {
    #[track_caller]
    pub(crate) fn is(&self, answer: &Message, is_of_messages: bool) {
        let json = answer.gateway_error(self.status, self.code);
        let error = &json["error"];
        assert_eq!(error["message"], self.message, "{json}");
        if is_of_messages {
            assert_eq!((&json["type"], &error["type"]), (&"error".into(), &self.kinds.1.into()));
        } else {
            assert_eq!((&error["type"], &error["code"]), (&self.kinds.0.into(), &self.name.into()));
        }
        assert_eq!(answer.head.get("x-should-retry"), self.retry);
        assert_eq!(answer.head.get("retry-after"), self.retry_after);
    }
}

pub(crate) const FORBIDDEN: Expected = Expected {
    status: 403,
    code: 2403,
    kinds: ("invalid_request_error", "permission_error"),
    name: "not_allowed",
    message: "Not you.",
    retry: Some("false"),
    retry_after: None,
};

/// The host's own page.
pub(crate) async fn page(_: Request) -> Result<Response, Infallible> {
    Ok(Response::new(Body::from("the app")))
}
