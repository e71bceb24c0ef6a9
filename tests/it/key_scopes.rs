//! Keys that depend on an extension of the request: a key fetched for one tenant is never used for
//! another.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::middleware::{Next, from_fn};
use http::Extensions;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::{BoxError, ServiceBuilder};
use tower_ai_gateway::control::{
    ControlLayer, FetchedKey, KeyLayer, KeyQuery, KeyScope, KeySource,
};
use tower_ai_gateway::settings::{GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};

use crate::support::message::{Message, ok, request};
use crate::support::polling::eventually;
use crate::support::raw_upstream::Recorder;
use crate::support::wire::Wire;

/// An extension set by the host's middleware.
#[derive(Clone)]
struct Tenant(String);

type Asked = Arc<Mutex<Vec<KeyQuery>>>;
type Scope = fn(&Extensions) -> KeyScope;

/// Returns the tenant's own key, if the query names the tenant.
struct Vault {
    scope: Scope,
    asked: Asked,
    gate: Arc<Semaphore>,
}

impl KeySource for Vault {
    fn scope(&self, extensions: &Extensions) -> KeyScope {
        (self.scope)(extensions)
    }

    async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        self.asked.lock().unwrap().push(query.clone());
        let _passed = self.gate.acquire().await?;
        let own = query.extensions().and_then(|own| own.get::<Tenant>());
        let own = own.map(|tenant| tenant.0.as_str()).or(query.scope.as_deref());
        let key = Secret::new(format!("sk-LEAK-of-{}", own.unwrap_or("everybody")))?;
        Ok(Some(FetchedKey::new(key, Duration::from_secs(3600))))
    }
}

fn named(extensions: &Extensions) -> KeyScope {
    let tenant = extensions.get::<Tenant>();
    tenant.map_or(KeyScope::Shared, |tenant| KeyScope::named(tenant.0.as_str()))
}

struct Scene {
    addr: SocketAddr,
    provider: Recorder,
    asked: Asked,
    gate: Arc<Semaphore>,
}

impl Scene {
    async fn new(scope: Scope) -> Self {
        let provider = Recorder::answering(|_| ok(b"{}")).await;
        let (asked, gate) = (Asked::default(), Arc::new(Semaphore::new(1000)));
        let vault = Vault { scope, asked: asked.clone(), gate: gate.clone() };
        let settings = GatewaySettings::builder().authenticated_elsewhere().keys_from_layer();
        let gateway = GatewayLayer::builder()
            .provider(Provider::xai().base_url(provider.base("/v1")))
            .settings(Arc::new(settings.build().unwrap()))
            .build()
            .unwrap();
        let upstream = ServiceBuilder::new()
            .layer(ControlLayer::new())
            .layer(KeyLayer::new(vault))
            .service(HttpClient::new().unwrap());
        let tell = async |mut request: axum::extract::Request, next: Next| {
            if let Some(name) = request.headers_mut().remove("x-tenant") {
                request.extensions_mut().insert(Tenant(name.to_str().unwrap().to_owned()));
            }
            next.run(request).await
        };
        let app = Router::new().layer(gateway.upstream(upstream)).layer(from_fn(tell));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, provider, asked, gate }
    }

    /// The key of the provider's call.
    async fn key(&self, tenant: &str) -> String {
        let answer = ask(self.addr, tenant).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let requests = self.provider.requests();
        let own = requests.iter().rfind(|sent| sent.head.get("x-marker") == Some(tenant)).unwrap();
        own.head.get("authorization").unwrap().to_owned()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn ask(addr: SocketAddr, tenant: &str) -> Message {
    let headers = [format!("x-tenant: {tenant}"), format!("x-marker: {tenant}")];
    let mut wire = Wire::connect(addr).await;
    let line = "POST /v1/acct/gw/grok/v1/chat/completions";
    wire.send(request(line, &headers.each_ref().map(|text| &**text), b"{}")).await;
    wire.read_message().await
}

#[tokio::test]
async fn a_key_of_a_named_scope_is_cached_only_for_that_name() {
    let scene = Scene::new(named).await;
    for tenant in ["red", "blue", "red", "blue", "red"] {
        assert_eq!(scene.key(tenant).await, format!("Bearer sk-LEAK-of-{tenant}"));
    }
    assert_eq!(scene.asked(), 2, "each once: what was fetched is kept");
    for query in &*scene.asked.lock().unwrap() {
        assert!(query.extensions().is_none(), "there is nothing to see beyond the name");
        assert!(query.scope.is_some());
    }
}

#[tokio::test]
async fn concurrent_tenants_get_their_own_keys() {
    let scene = Scene::new(named).await;
    scene.gate.forget_permits(1000);
    let tenants = ["red", "blue", "green", "red", "blue", "green"];
    let asking = futures_util::future::join_all(tenants.map(|tenant| ask(scene.addr, tenant)));
    let opening = async {
        eventually("all are asked for", async || scene.asked() == 3).await;
        scene.gate.add_permits(1000);
    };
    let (answers, ()) = tokio::join!(asking, opening);
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert_eq!(scene.asked(), 3);
    for sent in scene.provider.requests() {
        let whose = sent.head.get("x-marker").unwrap();
        assert_eq!(sent.head.get("authorization").unwrap(), format!("Bearer sk-LEAK-of-{whose}"));
    }
}

#[tokio::test]
async fn a_key_of_one_request_is_neither_cached_nor_shared() {
    let scene = Scene::new(|_| KeyScope::Request).await;
    for tenant in ["red", "blue", "red", "red"] {
        assert_eq!(scene.key(tenant).await, format!("Bearer sk-LEAK-of-{tenant}"));
    }
    assert_eq!(scene.asked(), 4, "each on its own");
    let asked = scene.asked.lock().unwrap();
    assert!(asked.iter().all(|query| query.scope.is_none() && query.extensions().is_some()));
    assert!(asked[0] != asked[2], "no such query is another's, for all that it looks like it");
    assert!(!format!("{:?}", asked[0]).contains("Tenant"));
}

#[tokio::test]
async fn without_a_scope_a_source_sees_no_extensions() {
    let scene = Scene::new(|_| KeyScope::Shared).await;
    for tenant in ["red", "blue"] {
        assert_eq!(scene.key(tenant).await, "Bearer sk-LEAK-of-everybody");
    }
    assert_eq!(scene.asked(), 1);
    let query = scene.asked.lock().unwrap().pop().unwrap();
    assert!(query.extensions().is_none() && query.scope.is_none());
}

#[tokio::test]
async fn a_scope_that_panics_fails_only_its_request() {
    let scene = Scene::new(|extensions| match extensions.get::<Tenant>() {
        Some(Tenant(name)) if name == "bad" => panic!("no such tenant"),
        _ => named(extensions),
    })
    .await;
    let answer = ask(scene.addr, "bad").await;
    assert!(answer.status() >= 500, "{}", answer.text());
    assert_eq!(scene.key("red").await, "Bearer sk-LEAK-of-red");
}
