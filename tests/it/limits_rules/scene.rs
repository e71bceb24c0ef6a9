//! A gateway with its control layers over a scripted provider, with a clock that only the test
//! moves.

mod reply;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::limits::MemoryStore;
use tower_ai_gateway::hook::LimitReport;
use tower_ai_gateway::settings::limits::{Period, Window};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Settings, SettingsTable,
};
use tower_ai_gateway::{EndEvent, GatewayLayer, Mount, Outcome, Provider};

pub use self::reply::{Finish, Reply};
use crate::support::memory;
use crate::support::scripted::{self, AnswerBody, Call, Upstream};

pub type Answer = Response<AnswerBody>;

/// The end of an exchange.
#[derive(Clone, Debug)]
pub struct End {
    pub outcome: Outcome,
    pub code: Option<u16>,
    pub attempts: u32,
    pub step: u32,
    pub limits: Vec<LimitReport>,
    #[cfg(feature = "log")]
    pub logged: Vec<String>,
    pub tokens: u64,
    pub ticks: u64,
}

impl End {
    /// The rule's usage at that time.
    pub fn used(&self, rule: &str) -> u64 {
        self.of(rule).used
    }

    pub fn of(&self, rule: &str) -> &LimitReport {
        let found = self.limits.iter().find(|report| &*report.rule == rule);
        found.unwrap_or_else(|| panic!("nothing of {rule}: {self:?}"))
    }
}

pub struct Scene {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Answer, Infallible>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    upstream: Upstream,
    ends: Arc<Mutex<Vec<End>>>,
    clock: Arc<AtomicU64>,
    settings: Settings,
    /// The measure.
    #[cfg(feature = "metrics")]
    pub page: metrics_exporter_prometheus::PrometheusHandle,
}

/// 2026-11-29, noon, in milliseconds.
pub const NOON: u64 = 1_795_953_600_000;

pub fn fixed() -> Window {
    Window::Fixed(Period::Hour)
}

pub fn settings(
    set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
) -> GatewaySettings {
    set(GatewaySettings::builder().authenticated_elsewhere()).build().unwrap()
}

impl Scene {
    pub fn new(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Self {
        Self::with(SettingsTable::new().serve_unknown(settings(set)), |control| control)
    }

    pub fn with(table: SettingsTable, control: impl FnOnce(ControlLayer) -> ControlLayer) -> Self {
        let clock = Arc::new(AtomicU64::new(NOON));
        let now = clock.clone();
        let store = MemoryStore::new().with_clock(Arc::new(move || now.load(Ordering::Relaxed)));
        let control = control(ControlLayer::new().limits(store));
        let ends: Arc<Mutex<Vec<End>>> = Arc::default();
        let log = ends.clone();
        let settings = Settings::new(table);
        let builder = GatewayLayer::builder();
        #[cfg(feature = "metrics")]
        let (builder, page) = {
            let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
            let page = recorder.handle();
            let metrics = tower_ai_gateway::metrics::Metrics::new().recorder(recorder);
            (builder.metrics_hook(metrics), page)
        };
        let layer = builder
            .mount(Mount::hosted().universal())
            .providers([
                Provider::xai(),
                Provider::openai(),
                Provider::google_ai_studio(),
                Provider::perplexity(),
            ])
            .settings(settings.clone())
            .metrics_hook(move |end: &EndEvent<'_>| {
                log.lock().unwrap().push(End {
                    outcome: end.outcome,
                    code: end.gateway_code,
                    attempts: end.attempts,
                    step: end.step,
                    limits: end.limits.to_vec(),
                    #[cfg(feature = "log")]
                    logged: tower_ai_gateway::log::LogRecord::new(end).limits,
                    tokens: end.usage.and_then(|usage| usage.total()).unwrap_or(0),
                    ticks: end.cost.map_or(0, |cost| cost.ticks),
                });
            })
            .build()
            .unwrap();
        let replies: Arc<Mutex<VecDeque<Reply>>> = Arc::default();
        let script = replies.clone();
        let upstream = Upstream::new(move |_, _| {
            let reply = script.lock().unwrap().pop_front();
            scripted::Reply::from(reply.unwrap_or(Reply::used(1, 1)))
        });
        let client = control.layer(upstream.clone());
        let service = layer.upstream(client).layer(service_fn(memory::app));
        let service = service.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        let service = BoxCloneSyncService::new(service);
        Self {
            service,
            replies,
            upstream,
            ends,
            clock,
            settings,
            #[cfg(feature = "metrics")]
            page,
        }
    }

    /// Sets the provider's next reply.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// Replaces the settings of all gateways.
    pub fn replace(&self, set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) {
        self.settings.replace(SettingsTable::new().serve_unknown(settings(set)));
    }

    pub fn advance(&self, milliseconds: u64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.service.clone().oneshot(request).await.unwrap()
    }

    /// Runs an exchange to its end. Returns the status and the body.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> (u16, String) {
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let body = match response.into_body().collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            Err(error) => error.to_string(),
        };
        (status, body)
    }

    /// The statuses of this many requests.
    pub async fn statuses(
        &self,
        requests: impl IntoIterator<Item = Request<Full<Bytes>>>,
    ) -> Vec<u16> {
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(self.ask(request).await.0);
        }
        statuses
    }

    /// The provider's calls since the last call of this.
    pub fn sent(&self) -> Vec<Call> {
        self.upstream.take_calls()
    }

    /// The end of the last exchange.
    pub fn end(&self) -> End {
        self.ends.lock().unwrap().last().unwrap().clone()
    }
}

pub const GROK: &str = "/v1/acct/gw/grok/v1/chat/completions";

/// A chat request with its own key.
pub fn chat(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    post(GROK, body)
}

pub fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let body = body.into();
    Request::post(path)
        .header("host", "gateway.test")
        .header("authorization", "Bearer sk-test")
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Full::new(body))
        .unwrap()
}
