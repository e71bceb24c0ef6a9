//! A gateway with metrics.

use std::net::TcpListener;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tower_ai_gateway::Provider;
use tower_ai_gateway::metrics::Metrics;

use crate::metrics::provider::provider;
use crate::support::ends::Ends;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::scrape::Page;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";

pub(crate) fn recorder() -> (Metrics, PrometheusHandle) {
    let recorder = builder().build_recorder();
    let handle = recorder.handle();
    (Metrics::new().recorder(recorder), handle)
}

pub(crate) fn builder() -> PrometheusBuilder {
    PrometheusBuilder::new().with_recommended_naming(true).set_buckets(&[0.1, 10.0]).unwrap()
}

pub(crate) fn page(handle: &PrometheusHandle) -> Page {
    Page::parse(&handle.render())
}

/// A gateway with metrics, and a provider whose answer depends on the model.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    handle: PrometheusHandle,
    /// Signalled after the end of an exchange was measured.
    ends: Ends<()>,
    pub(crate) raw: RawUpstream,
}

impl Scene {
    pub(crate) async fn new(change: impl FnOnce(Metrics) -> Metrics) -> Self {
        let upstream = Recorder::answering(provider).await;
        let raw = RawUpstream::start().await;
        let (metrics, handle) = recorder();
        let (reported, ends) = Ends::by(|_| ());
        let gateway = Setup::new(upstream.base("/v1"))
            .provider(Provider::custom("raw", raw.base("/v1")))
            .provider(Provider::custom("gone", unreachable()))
            .all_controls()
            .layer(|layer| layer.metrics_hook(change(metrics)).metrics_hook(reported))
            .start()
            .await;
        Self { gateway, handle, ends, raw }
    }

    /// Runs an exchange to its end.
    pub(crate) async fn send(&mut self, line: &str, headers: &[&str], body: &str) -> Message {
        let headers = [&["content-type: application/json"], headers].concat();
        let answer = self.gateway.answer(request(line, &headers, body.as_bytes())).await;
        self.end().await;
        answer
    }

    pub(crate) async fn chat(&mut self, model: &str) -> Message {
        self.send(CHAT, &[], &format!(r#"{{"model":"{model}"}}"#)).await
    }

    pub(crate) async fn end(&mut self) {
        self.ends.next().await;
    }

    pub(crate) fn page(&self) -> Page {
        page(&self.handle)
    }
}

/// An address where nobody listens.
fn unreachable() -> String {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{addr}/v1")
}
