//! Secrets in wrong places of a request never appear in log lines, spans or labels.

use std::convert::Infallible;
#[cfg(feature = "otel")]
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::guard::{GuardRequest, Verdict};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Guard, Provider, RequestBody};

use crate::support::every_thread;
use crate::support::written::Written;

type Body = Full<Bytes>;

const SECRET: &str = "sk-LEAK0123456789abcdef";
/// The value of metadata that is named like a credential.
const NUMBER: u32 = 19_191_919;

/// Labels requests with what it found in them.
struct Quoting;

impl Guard for Quoting {
    async fn check(&self, _: GuardRequest<'_>) -> Verdict {
        Verdict::flag(format!("found {SECRET}"))
    }
}

/// A key in the account, the gateway and the model, which the provider repeats as an error code, as
/// its model and as its request id, and a guard in a flag.
async fn exchanges(observe: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) {
    let layer = GatewayLayer::builder().provider(Provider::xai()).guard(Quoting);
    let layer = observe(layer).build().unwrap();
    let provider = service_fn(async |request: Request<RequestBody<Body>>| {
        let is_failing = request.headers().contains_key("x-fail");
        request.into_body().collect().await.ok();
        let body = if is_failing {
            format!(r#"{{"error":{{"code":"{SECRET}","message":"no"}}}}"#)
        } else {
            format!(r#"{{"model":"{SECRET}","usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#)
        };
        let answer = Response::builder()
            .status(if is_failing { 400 } else { 200 })
            .header("content-type", "application/json")
            .header("x-request-id", SECRET);
        Ok::<_, Infallible>(answer.body(Body::from(body)).unwrap())
    });
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let gateway = layer.upstream(provider).layer(app);
    let method = Method::from_bytes(SECRET.as_bytes()).unwrap();
    for (method, is_failing) in [(Method::POST, false), (Method::POST, true), (method, false)] {
        let path = format!("/v1/{SECRET}/{SECRET}/grok/v1/chat/completions");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .header("user-agent", SECRET)
            .header("cf-aig-event-id", SECRET)
            .header(
                "cf-aig-metadata",
                format!(r#"{{"{SECRET}":"{SECRET}","api_key":"LEAK","pwd":{NUMBER}}}"#),
            );
        if is_failing {
            request = request.header("x-fail", "1");
        }
        let body = format!(r#"{{"model":"{SECRET}","messages":[]}}"#);
        let answer =
            gateway.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
}

#[tokio::test]
async fn tracing_contains_no_key() {
    use tracing::instrument::WithSubscriber as _;
    use tracing_subscriber::fmt::format::FmtSpan;

    every_thread::may_log();
    let text = Written::default();
    let writer = text.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    exchanges(|layer| layer).with_subscriber(subscriber).await;
    let text = text.all();
    assert_eq!(text.matches("exchange ended").count(), 3, "{text}");
    for field in ["account", "gateway", "model", "response_model", "provider_error", "method"] {
        let shown = format!("\"{field}\":\"[REDACTED]\"");
        assert!(text.contains(&shown), "{field}: {text}");
    }
    assert!(text.contains("\"flags\":\"found [REDACTED]\""), "{text}");
    assert!(!text.contains("LEAK"), "{text}");
}

#[cfg(feature = "otel")]
#[tokio::test]
async fn opentelemetry_spans_contain_no_key() {
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
    use tower_ai_gateway::otel::SpanHook;

    #[derive(Clone, Debug, Default)]
    struct Spans(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Spans {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    let spans = Spans::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    exchanges(|layer| layer.metrics_hook(SpanHook::from_provider(&provider))).await;
    let spans = spans.0.lock().unwrap();
    assert_eq!(spans.len(), 3);
    let shown = format!("{spans:?}");
    assert!(shown.contains("chat [REDACTED]") && shown.contains("metadata.[REDACTED]"), "{shown}");
    assert!(shown.contains("found [REDACTED]"), "{shown}");
    assert!(!shown.contains("LEAK") && !shown.contains(&NUMBER.to_string()), "{shown}");
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn no_key_is_a_label() {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tower_ai_gateway::metrics::Metrics;

    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let hook = Metrics::new().recorder(recorder).label_gateways(10);
    exchanges(|layer| layer.metrics_hook(hook)).await;
    let page = page.render();
    assert!(page.contains("gen_ai_response_model=\"other\""), "{page}");
    assert!(!page.contains("LEAK"), "{page}");
}
