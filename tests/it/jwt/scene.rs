//! A gateway behind the layer, observed from both sides.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_ai_gateway::jwt::{Jwks, JwtLayer, JwtVerifier, JwtVerifierBuilder};
use tower_ai_gateway::log::{LogHook, LogStore};
use tower_ai_gateway::settings::{ClientCredentials, GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, HttpClient, Identity, Provider};

use crate::support::ends::Ends;
use crate::support::issuer::{AUDIENCE, ISSUER};
use crate::support::message::{Message, ok, request};
use crate::support::raw_upstream::Recorder;
use crate::support::wire::Wire;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
const CHAT_BODY: &[u8] = br#"{"model":"grok-4","messages":[{"role":"user","content":"hi"}]}"#;
/// The gateway's stored key for the provider.
pub(crate) const STORED: &str = "Bearer sk-LEAK-stored";

/// A verifier that maps all claims of the tests' tokens.
pub(crate) fn builder(jwks: Jwks) -> JwtVerifierBuilder {
    JwtVerifier::builder(jwks)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .groups_claim("groups")
        .label("team", "/custom/team")
        .metric_label("plan", "plan")
}

pub(crate) fn verifier(jwks: Jwks) -> JwtVerifier {
    builder(jwks).build().unwrap()
}

pub(crate) struct Scene {
    pub(crate) addr: SocketAddr,
    pub(crate) provider: Recorder,
    ends: Ends<Option<Identity>>,
    pub(crate) store: LogStore,
    pub(crate) log: LogHook,
    _directory: TempDir,
}

/// Sets the identity that the host's own middleware determined.
async fn identify(mut request: Request, next: Next) -> axum::response::Response {
    if let Some(name) = request.headers_mut().remove("x-session") {
        let identity = Identity::new(name.to_str().unwrap()).unwrap();
        request.extensions_mut().insert(identity);
    }
    next.run(request).await
}

impl Scene {
    pub(crate) async fn new(layer: JwtLayer) -> Self {
        let provider = Recorder::answering(|_| ok(b"{}")).await;
        let directory = tempfile::tempdir().unwrap();
        let store = LogStore::open(directory.path().join("log.db")).unwrap();
        let log = LogHook::builder(store.sink()).build().unwrap();
        let (hook, ends) = Ends::by(|end| end.context.identity().cloned());
        let settings = GatewaySettings::builder()
            .authenticated_elsewhere()
            .client_credentials(ClientCredentials::Pass)
            .key("grok", Secret::new("sk-LEAK-stored").unwrap())
            .build()
            .unwrap();
        let gateway = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")))
            .settings(Arc::new(settings))
            .metrics_hook(log.clone())
            .metrics_hook(hook)
            .build()
            .unwrap();
        let app = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .layer(gateway.upstream(HttpClient::new().unwrap()))
            .layer(layer)
            .layer(from_fn(identify));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, provider, ends, store, log, _directory: directory }
    }

    /// An answer from the layer, the gateway or the provider.
    pub(crate) async fn answer(&self, line: &str, headers: &[&str]) -> Message {
        answer(self.addr, line, headers).await
    }

    /// An exchange with the provider: its identity, and the provider's request.
    pub(crate) async fn ask(&mut self, headers: &[&str]) -> (Option<Identity>, Message) {
        let answer = self.answer(CHAT, headers).await;
        assert_eq!(answer.status(), 200, "{headers:?}: {}", answer.text());
        let identity = self.ends.next().await;
        (identity, self.provider.requests().pop().unwrap())
    }
}

pub(crate) async fn answer(addr: SocketAddr, line: &str, headers: &[&str]) -> Message {
    let headers = [&["content-type: application/json"], headers].concat();
    let mut wire = Wire::connect(addr).await;
    wire.send(request(line, &headers, CHAT_BODY)).await;
    wire.read_message().await
}
