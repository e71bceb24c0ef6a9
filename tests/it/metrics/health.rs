//! Metrics of upstream health, and gauges of requests whose provider is known late.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::PrometheusHandle;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::metrics::scene::{CHAT, page, recorder};
use crate::support::scrape::Page;

/// A gateway whose provider answers with the current status.
pub(crate) struct Upstream {
    layer: GatewayLayer,
    control: ControlLayer,
    health: HealthLayer,
    status: Arc<AtomicU16>,
    handle: PrometheusHandle,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let (metrics, handle) = recorder();
        let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(metrics);
        let layer = builder.mount(Mount::hosted().universal()).build().unwrap();
        let health = HealthLayer::new().breaker(breaker(2)).cool_down(CoolDownSettings::default());
        let control = ControlLayer::new().health(health.clone());
        Self { layer, control, health, status: Arc::default(), handle }
    }

    pub(crate) fn page(&self) -> Page {
        page(&self.handle)
    }

    /// Runs an exchange. Returns the status, and the metrics before its body was read.
    async fn send(&self, path: &str, body: &'static str, status: u16) -> (u16, Page) {
        self.status.store(status, Ordering::Relaxed);
        let status = self.status.clone();
        let client = service_fn(move |_: Request<_>| {
            let response = Response::builder().status(status.load(Ordering::Relaxed));
            let response = response.header("retry-after", "3");
            std::future::ready(Ok::<_, Infallible>(
                response.body(Full::from(Bytes::from("{}"))).unwrap(),
            ))
        });
        let service = self.layer.clone().client_layer().layer(self.control.layer(client));
        let request = Request::post(path).body(Full::<Bytes>::from(body)).unwrap();
        match service.oneshot(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                let page = self.page();
                response.into_body().collect().await.unwrap();
                (status, page)
            }
            // Nothing was sent.
            Err(_) => (503, self.page()),
        }
    }

    pub(crate) async fn ask(&self, status: u16) -> u16 {
        self.send(CHAT.strip_prefix("POST ").unwrap(), "", status).await.0
    }
}

fn breaker(failures: u32) -> BreakerSettings {
    BreakerSettings::default().failures_in_a_row(failures)
}

const PLACE: [(&str, &str); 2] =
    [("gen_ai_provider_name", "x_ai"), ("ai_gateway_upstream", "https://api.x.ai/v1")];

/// The rendered gauge, and the number of changes to each state.
fn state(page: &Page) -> (Option<String>, [u64; 4]) {
    let gauge = page.samples.iter().find(|sample| sample.name == "ai_gateway_circuit_open");
    let value = gauge.map(|gauge| {
        assert!(PLACE.iter().all(|(name, value)| gauge.labels[*name] == *value), "{gauge:?}");
        assert_eq!(gauge.labels.len(), 2);
        gauge.value.clone()
    });
    let changes = ["open", "half_open", "closed", "cooling_down"].map(|state| {
        let labels = [PLACE[0], PLACE[1], ("ai_gateway_health_state", state)];
        page.sum("ai_gateway_health_changes_total", &labels)
    });
    assert_eq!(page.sum("ai_gateway_health_changes_total", &[]), changes.iter().sum::<u64>());
    (value, changes)
}

#[tokio::test(start_paused = true)]
async fn a_circuit_and_its_changes_are_rendered() {
    let upstream = Upstream::new();
    let state = || state(&upstream.page());
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(upstream.ask(500).await, 500);
    assert_eq!(state(), (None, [0; 4]), "nothing has changed yet");
    assert_eq!([upstream.ask(500).await, upstream.ask(200).await], [500, 503]);
    assert_eq!(state(), (text("1"), [1, 0, 0, 0]));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(upstream.ask(504).await, 504);
    assert_eq!(state(), (text("1"), [2, 1, 0, 0]));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(upstream.ask(200).await, 200);
    assert_eq!(state(), (text("0"), [2, 2, 1, 0]));
    // A cooling key is not a circuit.
    assert_eq!([upstream.ask(429).await, upstream.ask(200).await], [429, 503]);
    assert_eq!(state(), (text("0"), [2, 2, 1, 1]));
    assert_eq!(upstream.page().sum("ai_gateway_requests_active", &[]), 0);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_new_settings_end_is_rendered_as_closed() {
    for settings in [Some(breaker(3)), None] {
        let upstream = Upstream::new();
        upstream.ask(500).await;
        upstream.ask(500).await;
        assert_eq!(state(&upstream.page()), (Some("1".to_owned()), [1, 0, 0, 0]));
        upstream.health.reconfigure(Some(breaker(2)), None);
        assert_eq!(state(&upstream.page()), (Some("1".to_owned()), [1, 0, 0, 0]), "as before");
        upstream.health.reconfigure(settings, None);
        assert_eq!(state(&upstream.page()), (Some("0".to_owned()), [1, 0, 1, 0]));
        assert_eq!(upstream.ask(200).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_is_half_open_during_its_probe() {
    let upstream = Upstream::new();
    upstream.ask(500).await;
    upstream.ask(500).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    let client = service_fn(|_: Request<_>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let service = upstream.layer.clone().client_layer().layer(upstream.control.layer(client));
    let request = Request::post(CHAT.strip_prefix("POST ").unwrap()).body(Full::<Bytes>::default());
    let mut probe = Box::pin(service.oneshot(request.unwrap()));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(probe.as_mut(), &mut cx).is_pending());
    assert_eq!(state(&upstream.page()), (Some("0.5".to_owned()), [1, 1, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn model_routed_requests_leave_the_gauge_that_they_entered() {
    let upstream = Upstream::new();
    let entries = r#"[{"provider":"grok","endpoint":"v1/chat/completions","query":{"model":"m"}},
        {"provider":"grok","endpoint":"v1/responses","query":{"model":"m"}}]"#;
    for (path, body, status, expected) in [
        ("/v1/acct/gw", entries, 200, 200),
        ("/v1/acct/gw/", entries, 400, 400),
        ("/v1/acct/gw", "[]", 200, 400),
        ("/v1/acct/gw", "no JSON", 200, 400),
        ("/v1/acct/gw/compat/chat/completions", r#"{"model":"grok/m"}"#, 200, 200),
        ("/v1/acct/gw/compat/chat/completions", r#"{"model":"nobody/m"}"#, 200, 400),
        // The first entry fails, so the end has the second one's operation.
        ("/v1/acct/gw", entries, 429, 429),
    ] {
        let (status, during) = upstream.send(path, body, status).await;
        assert_eq!(status, expected, "{path} {body}");
        // The gateway's own answers end at once.
        let is_relayed = status != 400 || body == entries;
        assert_eq!(during.sum("ai_gateway_requests_active", &[]), u64::from(is_relayed));
        let page = upstream.page();
        let active =
            page.samples.iter().filter(|sample| sample.name == "ai_gateway_requests_active");
        assert!(active.clone().count() > 0);
        assert!(
            active.clone().all(|sample| sample.value == "0"),
            "{:?}",
            active.collect::<Vec<_>>()
        );
    }
    let page = upstream.page();
    let all = |name| page.sum(name, &[]);
    assert_eq!(all("ai_gateway_requests_started_total"), 7);
    assert_eq!(all("ai_gateway_requests_ended_total"), 7);
}
