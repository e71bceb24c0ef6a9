//! The host: sessions, an identity for each, and a gateway with all hooks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::{BoxError, ServiceBuilder};
use tower_ai_gateway::control::{ControlLayer, FetchedKey, KeyLayer, KeyQuery, KeySource};
use tower_ai_gateway::log::{LogHook, LogStore};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::otel::SpanHook;
use tower_ai_gateway::settings::route::{Condition, DynamicRoute, Field, Node};
use tower_ai_gateway::settings::{GatewaySettings, Secret, SettingsQuery};
use tower_ai_gateway::{GatewayLayer, HttpClient, Identity, Provider};

use crate::support::collector::{Collector, flush};
use crate::support::ends::Ends;
use crate::support::message::{Message, ok, request};
use crate::support::raw_upstream::Recorder;
use crate::support::scrape::Page;
use crate::support::wire::Wire;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
pub(crate) const RED: &str = "x-session: red-1";
pub(crate) const BLUE: &str = "x-session: blue-1";

/// Headers with which a client might impersonate another.
pub(crate) const HOSTILE: [&str; 10] = [
    r#"cf-aig-metadata: {"subject":"red/alice","identity.subject":"red/alice","plan":"paid"}"#,
    "cf-aig-identity: red/alice",
    "cf-aig-subject: red/alice",
    "cf_aig_subject: red/alice",
    "x-identity: red/alice",
    "x-user-id: red/alice",
    "x-forwarded-user: red/alice",
    "remote-user: red/alice",
    "enduser.id: red/alice",
    "from: red/alice",
];

/// The identities of the host's sessions.
fn identity_of(session: &str) -> Option<Identity> {
    let (subject, team, plan) = match session {
        "red-1" => ("red/alice", "red", "paid"),
        "red-2" => ("red/anna", "red", "paid"),
        "blue-1" => ("blue/bob", "blue", "free"),
        _ => return None,
    };
    let identity = Identity::builder(subject).group(team).label("team", team);
    Some(identity.metric_label("plan", plan).build().unwrap())
}

async fn identify(mut request: Request, next: Next) -> axum::response::Response {
    let session = request.headers_mut().remove("x-session");
    let identity = session.and_then(|session| identity_of(session.to_str().ok()?));
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    next.run(request).await
}

/// The tenants' settings, by identity only. Anonymous callers have their own gateway.
fn settings(query: &SettingsQuery<'_>) -> Option<Arc<GatewaySettings>> {
    let team = query.identity.and_then(|identity| identity.label("team"));
    let route = DynamicRoute::builder("best")
        .start("plan")
        .node("plan", Node::when(paid(), "big", "small"))
        .node("big", Node::model("grok", "grok-4"))
        .node("small", Node::model("grok", "grok-3-mini"))
        .build();
    let split = |name: &str, by: Field| {
        DynamicRoute::builder(name)
            .start("split")
            .node("split", Node::split_by(by, [(70, "big")], "small"))
            .node("big", Node::model("grok", "grok-4"))
            .node("small", Node::model("grok", "grok-3-mini"))
            .build()
    };
    let settings = GatewaySettings::builder()
        .authenticated_elsewhere()
        .keys_from_layer()
        .default_metadata("settings", team.unwrap_or("anonymous"))
        .metadata("tenant", team.unwrap_or("anonymous"))
        .route(route.ok()?)
        .route(split("by-subject", Field::identity_subject()).ok()?)
        .route(split("by-team", Field::identity_label("team")).ok()?)
        .route(split("by-claim", Field::metadata("subject")).ok()?);
    Some(Arc::new(settings.build().ok()?))
}

fn paid() -> Condition {
    Condition::all([
        Field::identity_label("plan").equals("paid"),
        Field::identity_group().equals("red"),
        Field::identity_subject().starts_with("red/"),
    ])
}

/// A key source with a key for each subject, which records its queries.
#[derive(Default)]
struct Vault {
    shared: bool,
    asked: Arc<Mutex<Vec<KeyQuery>>>,
}

impl KeySource for Vault {
    async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        let subject = query.identity.as_ref().map_or("nobody", Identity::subject).to_owned();
        self.asked.lock().unwrap().push(query);
        let key = Secret::new(format!("sk-LEAK-of-{subject}"))?;
        Ok(Some(FetchedKey::new(key, Duration::from_secs(60))))
    }

    fn depends_on_identity(&self) -> bool {
        !self.shared
    }
}

pub(crate) struct Scene {
    addr: SocketAddr,
    pub(crate) provider: Recorder,
    pub(crate) asked: Arc<Mutex<Vec<KeyQuery>>>,
    pub(crate) store: LogStore,
    log: LogHook,
    ends: Ends<(Option<Identity>, String)>,
    handle: PrometheusHandle,
    tracing: SdkTracerProvider,
    collector: Collector,
    _directory: TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Vault::default()).await
    }

    /// A key source with the same key for everybody.
    pub(crate) async fn with_shared_keys() -> Self {
        Self::with(Vault { shared: true, ..Vault::default() }).await
    }

    async fn with(vault: Vault) -> Self {
        let provider = Recorder::answering(|_| ok(b"{}")).await;
        let directory = tempfile::tempdir().unwrap();
        let store = LogStore::open(directory.path().join("log.db")).unwrap();
        let log = LogHook::builder(store.sink()).build().unwrap();
        let recorder = PrometheusBuilder::new().with_recommended_naming(true).build_recorder();
        let handle = recorder.handle();
        let collector = Collector::start().await;
        let tracing = collector.provider(|provider| provider);
        let (reported, ends) = Ends::by(|end| {
            let settings = end.context.metadata().get("settings").map(ToString::to_string);
            (end.context.identity().cloned(), settings.unwrap_or_default())
        });
        let gateway = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")).zero_data_retention(true))
            .settings(settings)
            .metrics_hook(log.clone())
            .metrics_hook(Metrics::new().recorder(recorder).max_identities(2))
            .metrics_hook(SpanHook::from_provider(&tracing))
            .metrics_hook(reported)
            .build()
            .unwrap();
        let asked = vault.asked.clone();
        let upstream = ServiceBuilder::new()
            .layer(ControlLayer::new())
            .layer(KeyLayer::new(vault))
            .service(HttpClient::new().unwrap());
        let app = Router::new().layer(gateway.upstream(upstream)).layer(from_fn(identify));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            addr,
            provider,
            asked,
            store,
            log,
            ends,
            handle,
            tracing,
            collector,
            _directory: directory,
        }
    }

    /// Runs an exchange to its end: the answer, its identity, and the owner of its settings.
    pub(crate) async fn ask(
        &mut self,
        line: &str,
        headers: &[&str],
        model: &str,
    ) -> (Message, Option<Identity>, String) {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let headers = [&["content-type: application/json"], headers].concat();
        let mut wire = Wire::connect(self.addr).await;
        wire.send(request(line, &headers, body.as_bytes())).await;
        let answer = wire.read_message().await;
        let (identity, settings) = self.ends.next().await;
        (answer, identity, settings)
    }

    /// The key of the provider's last call.
    #[track_caller]
    pub(crate) fn key(&self) -> String {
        let requests = self.provider.requests();
        requests.last().unwrap().head.get("authorization").unwrap_or_default().to_owned()
    }

    /// Waits until all records are in the store.
    pub(crate) async fn written(&self) {
        let log = self.log.clone();
        let flush = tokio::task::spawn_blocking(move || log.flush(Duration::from_secs(30)));
        assert!(flush.await.unwrap().is_complete());
    }

    pub(crate) fn page(&self) -> Page {
        Page::parse(&self.handle.render())
    }

    pub(crate) async fn spans(&self) -> Vec<Span> {
        flush(&self.tracing).await;
        self.collector.spans().into_iter().map(|(_, span)| span).collect()
    }
}
