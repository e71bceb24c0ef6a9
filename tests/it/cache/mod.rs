//! The cache: stored answers, and answers shared by concurrent requests. The provider is in memory
//! and controlled by the test.

mod attempts;
mod charged;
mod coded;
mod continued;
mod faults;
mod flagged;
mod flights;
mod hits;
mod kept;
mod limits;
mod memory_cache;
mod oracle;
mod provider;
mod room;
mod shown;
mod stale;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::cache::CacheHandle;
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::settings::{ClientControl, GatewaySettingsBuilder, Settings, SettingsTable};
use tower_ai_gateway::{BodyBudget, GatewayLayer, GatewayLayerBuilder, Provider, RequestBody};

pub use self::provider::{Asked, Feed};
use crate::support::controlled::settings;
use crate::support::guard;
use crate::support::memory::{self, Recorder};
use crate::support::polling::eventually;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const CHAT: &str = "/v1/acct/main/grok/v1/chat/completions";
pub const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
pub const EVENTS: &[(&str, &str)] = &[("content-type", "text/event-stream")];

/// An answer as received by the client.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A client's request.
pub type Sent = UnsyncBoxBody<Bytes, io::Error>;

/// How many calls the client of a gateway is ready for at a time.
pub const READY_FOR: u32 = 1 << 20;

/// A gateway with a cache, and its provider.
pub struct Stage {
    service: BoxCloneSyncService<Request<Sent>, Answer, Infallible>,
    asked: Mutex<mpsc::UnboundedReceiver<Asked>>,
    calls: Arc<AtomicUsize>,
    /// The client is not ready without a permit.
    pub ready: Arc<Semaphore>,
    pub cache: CacheHandle,
    pub budget: BodyBudget,
    pub recorder: Recorder,
    pub settings: Settings,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(ControlLayer::new(), |set| set.cache(CacheSettings::new(HOUR)))
    }

    pub fn with(
        control: ControlLayer,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
    ) -> Self {
        Self::build(control, BodyBudget::default(), set, |layer| layer)
    }

    #[expect(clippy::needless_pass_by_value, reason = "each test makes one for this")]
    pub fn build(
        control: ControlLayer,
        budget: BodyBudget,
        set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
        build: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder,
    ) -> Self {
        let recorder = Recorder::default();
        let settings = Settings::new(table(set));
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url("http://provider.test"))
            .body_budget(budget.clone())
            .settings(settings.clone())
            .metrics_hook(recorder.clone());
        let layer = build(layer).build().unwrap();
        let (sender, asked) = mpsc::unbounded_channel();
        let calls = Arc::<AtomicUsize>::default();
        let count = calls.clone();
        let client = service_fn(move |request: Request<ReplayBody<RequestBody<Sent>>>| {
            count.fetch_add(1, Ordering::SeqCst);
            let sender = sender.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                let (answer, answered) = oneshot::channel();
                let _ = sender.send(Asked { headers: head.headers, body, answer });
                answered.await.map_err(io::Error::other)?
            }
        });
        let ready = Arc::new(Semaphore::new(READY_FOR as usize));
        let client = GlobalConcurrencyLimitLayer::with_semaphore(ready.clone()).layer(client);
        let cache = control.cache_handle();
        let service = layer.upstream(control.layer(client)).layer(service_fn(memory::app));
        let service = service.map_response(|response: Response<_>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        let service = BoxCloneSyncService::new(service);
        let asked = Mutex::new(asked);
        Self { service, asked, calls, ready, cache, budget, recorder, settings }
    }

    /// Waits for the next call at the provider.
    pub async fn asked(&self) -> Asked {
        guard("a call to the provider", async { self.asked.lock().await.recv().await.unwrap() })
            .await
    }

    /// The number of calls at the provider.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Answer> + Send + 'static {
        self.send_any(request.map(|body| body.map_err(|never| match never {}).boxed_unsync()))
    }

    pub fn send_any(
        &self,
        request: Request<Sent>,
    ) -> impl Future<Output = Answer> + Send + 'static {
        let service = self.service.clone();
        async move { guard("the head", service.oneshot(request)).await.unwrap() }
    }

    /// Sends the request from its own task.
    pub fn spawn(&self, request: Request<Full<Bytes>>) -> tokio::task::JoinHandle<Answer> {
        tokio::spawn(self.send(request))
    }

    /// Sends the request without a time limit.
    pub fn spawn_patiently(
        &self,
        request: Request<Full<Bytes>>,
    ) -> tokio::task::JoinHandle<Answer> {
        let service = self.service.clone();
        let request = request.map(|body| body.map_err(|never| match never {}).boxed_unsync());
        tokio::spawn(async move { service.oneshot(request).await.unwrap() })
    }

    /// Sends a request that the provider answers with a whole body.
    pub async fn fill(&self, body: &'static str, answer: &str) -> Answer {
        let response = self.spawn(ask(body));
        self.asked().await.answer_whole(JSON, answer);
        response.await.unwrap()
    }

    /// Checks that nothing is left: no request, no task and no memory.
    pub async fn finish(self) {
        let Self { cache, budget, service, asked, recorder, .. } = self;
        drop((service, asked, recorder));
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        eventually("all tasks end", async || tasks() == 0).await;
        let stats = cache.stats();
        assert_eq!((stats.followers, stats.flights), (0, 0));
        drop(cache);
        assert_eq!(budget.used(), 0, "bytes are left");
    }

    /// Waits until the condition holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        eventually(what, async || holds(self)).await;
    }
}

/// Uses these settings for all gateways, and lets clients use all headers.
pub fn table(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> SettingsTable {
    let settings = settings(|builder| set(builder.client_controls(ClientControl::ALL)));
    SettingsTable::new().serve_unknown(settings)
}

pub fn ask(body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(CHAT).header("host", "gateway.test");
    let request = request.header("authorization", "Bearer sk-own");
    request.header("content-type", "application/json").body(Full::from(body)).unwrap()
}

pub fn status(answer: &Answer) -> &'static str {
    let status = answer.headers().get("cf-aig-cache-status");
    let known = ["HIT", "STALE", "MISS", "BYPASS"];
    let known = known.into_iter().find(|known| status.is_some_and(|status| status == known));
    assert_eq!(known.is_some(), status.is_some());
    known.unwrap_or("none")
}

/// The whole body, which must end properly.
pub async fn text(answer: Answer) -> String {
    let body = guard("the body", answer.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// The next frame, which must be data.
pub async fn next(answer: &mut Answer) -> String {
    let frame = guard("a frame", answer.body_mut().frame()).await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

/// The data before a body broke off.
pub async fn broken(answer: Answer) -> String {
    let mut body = answer.into_body();
    let mut text = String::new();
    while let Some(frame) = guard("the body", body.frame()).await {
        match frame {
            Ok(frame) => text.push_str(str::from_utf8(frame.data_ref().unwrap()).unwrap()),
            Err(_) => return text,
        }
    }
    panic!("it has ended well: {text}");
}

/// An event of a chat.
pub fn event(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

pub const DONE: &str = "data: [DONE]\n\n";

/// A request, and its answers.
pub const QUESTION: &str = r#"{"model":"grok-4","messages":[{"role":"user","content":"hi"}]}"#;
pub const TEXT: &str = r#"{"choices":[{"message":{"content":"hello"}}]}"#;

/// Whether the provider is asked for an answer once more.
pub async fn is_kept(stage: &Stage) -> bool {
    let calls = stage.calls();
    let answer = stage.spawn(ask(QUESTION));
    tokio::select! {
        answer = answer => {
            let answer = answer.unwrap();
            assert_eq!((status(&answer), stage.calls()), ("HIT", calls));
            true
        }
        _ = stage.asked() => false,
    }
}
