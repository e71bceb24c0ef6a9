//! A gateway with spans, and a provider.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use tower_ai_gateway::Provider;
use tower_ai_gateway::otel::SpanHook;

use crate::support::collector::{Collector, flush};
use crate::support::ends::Ends;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, STREAM_HEAD, chunk, request, response};
use crate::support::raw_upstream::Recorder;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const PROMPT: &str = "the prompt of this request";
pub(crate) const COMPLETION: &str = "the text of this response";

/// A gateway that exports spans to a collector.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) collector: Collector,
    tracing: SdkTracerProvider,
    ends: Ends<Duration>,
}

impl Scene {
    pub(crate) async fn new(base: String) -> Self {
        let collector = Collector::start().await;
        let tracing = collector.provider(|provider| provider);
        Self::with(base, collector, tracing).await
    }

    pub(crate) async fn with(
        base: String,
        collector: Collector,
        tracing: SdkTracerProvider,
    ) -> Self {
        let (reported, ends) = Ends::by(|end| end.timings.total);
        let hook = SpanHook::from_provider(&tracing);
        let setup = Setup::universal(base).provider(Provider::custom("acme", "http://[::1]:1/"));
        // In this order: when the end is signalled, the span was exported.
        let setup = setup.layer(|layer| layer.metrics_hook(hook).metrics_hook(reported));
        Self { gateway: setup.start().await, collector, tracing, ends }
    }

    /// Waits until an exchange has ended, and returns its duration.
    pub(crate) async fn ended(&mut self) -> Duration {
        self.ends.next().await
    }

    /// The answer to a request, after its exchange has ended.
    pub(crate) async fn answer(&mut self, headers: &[&str], body: &str) -> Message {
        let answer = self.gateway.answer(request(CHAT, headers, body.as_bytes())).await;
        self.ended().await;
        answer
    }

    pub(crate) async fn spans(&self) -> Vec<Span> {
        flush(&self.tracing).await;
        self.collector.spans().into_iter().map(|(_, span)| span).collect()
    }

    pub(crate) async fn only_span(&self) -> Span {
        let spans = self.spans().await;
        assert_eq!(spans.len(), 1, "one span per exchange: {spans:#?}");
        spans.into_iter().next().unwrap()
    }
}

pub(crate) fn event_stream(events: &[&str]) -> Vec<u8> {
    let chunks = events.iter().map(|event| chunk(format!("data: {event}\n\n").as_bytes()));
    [STREAM_HEAD.to_vec(), chunks.collect::<Vec<_>>().concat(), chunk(b"")].concat()
}

pub(crate) fn json_response(status: &str, body: &str) -> Vec<u8> {
    response(status, &["content-type: application/json"], body.as_bytes())
}

/// A provider that streams an answer with usage.
pub(crate) async fn streaming() -> Recorder {
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

pub(crate) fn chat_body() -> String {
    json!({
        "model": "grok-4",
        "stream": true,
        "messages": [{"role": "user", "content": PROMPT}],
    })
    .to_string()
}
