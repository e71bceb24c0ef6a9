//! Settings that a layer above the gateway awaits.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tower::{Layer, ServiceBuilder, service_fn};
use tower_ai_gateway::settings::{
    GatewaySettings, GatewayToken, OwnedSettingsQuery, SettingsSource,
};
use tower_ai_gateway::{
    ConfigError, GatewayLayer, GatewayLayerBuilder, HttpClient, Identity, Provider, Refusal,
};

use crate::refusals::scene::{CHAT, Expected, FORBIDDEN, MODEL, Scene, UNIFIED, page};
use crate::support::message::request;
use crate::support::polling::eventually;

/// There are no settings, for whatever reason.
const UNSET: Expected = Expected {
    status: 500,
    code: 2500,
    kinds: ("api_error", "api_error"),
    name: "gateway_error",
    message: "The gateway could not find its settings; nothing was sent.",
    retry: None,
    retry_after: None,
};

/// Rows of a slow database.
#[derive(Clone, Default)]
struct Database {
    asked: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl SettingsSource for Database {
    async fn find(&self, query: OwnedSettingsQuery) -> Result<Arc<GatewaySettings>, Refusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _dropped = OnDrop(self.dropped.clone());
        tokio::task::yield_now().await;
        match query.identity.as_ref().map_or("", Identity::subject) {
            "alice" if query.account.as_deref() == Some("acct") && &*query.gateway == "gw" => {
                let token = GatewayToken::new("of-alice");
                Ok(Arc::new(GatewaySettings::builder().token(token).build().unwrap()))
            }
            "bob" => Err(Refusal::forbidden("Not you.")),
            "slow" => pending().await,
            "buggy" => panic!("as a test of panics"),
            _ => Err(Refusal::unknown_gateway(&query.gateway)),
        }
    }
}

async fn identify(mut request: Request, next: Next) -> Response {
    if let Some(subject) = request.headers_mut().remove("x-session") {
        let identity = Identity::builder(subject.to_str().unwrap()).build().unwrap();
        request.extensions_mut().insert(identity);
    }
    next.run(request).await
}

fn from_above(layer: GatewayLayerBuilder) -> GatewayLayerBuilder {
    layer.settings_from_extensions()
}

async fn scene(database: &Database, deadline: Option<Duration>) -> Scene {
    let database = database.clone();
    Scene::new(from_above, |gateway| {
        let mut settings = gateway.settings_layer(database).unwrap();
        if let Some(deadline) = deadline {
            settings = settings.deadline(deadline);
        }
        let app = Router::new().fallback(async || "the app");
        app.layer(gateway.upstream(HttpClient::new().unwrap()))
            .layer(settings)
            .layer(from_fn(identify))
    })
    .await
}

#[tokio::test]
async fn settings_are_awaited_only_for_gateway_requests() {
    let database = Database::default();
    let scene = scene(&database, None).await;
    let token = "cf-aig-authorization: of-alice";
    assert_eq!(scene.ask(CHAT, &["x-session: alice", token], MODEL).await.status(), 200);
    assert_eq!(scene.ask(CHAT, &["x-session: alice"], MODEL).await.status(), 401);
    let elsewhere = "POST /v1/acct/other/grok/v1/chat/completions";
    scene.ask(elsewhere, &["x-session: alice", token], MODEL).await.gateway_error(400, 2001);
    assert_eq!(database.asked.load(Ordering::SeqCst), 3);
    let answer = scene.ask("GET /v1/users/42/posts", &["x-session: bob"], b"").await;
    assert_eq!((answer.status(), answer.body()), (200, &b"the app"[..]));
    // The ids are malformed, so there is nothing to look up.
    scene.ask("POST /v1/a%20b/gw/grok/x", &["x-session: bob"], b"").await.gateway_error(400, 2400);
    assert_eq!(database.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_source_may_refuse_take_too_long_or_panic() {
    let database = Database::default();
    let mut scene = scene(&database, Some(Duration::from_millis(50))).await;
    scene.refuses(&["x-session: bob"], &FORBIDDEN).await;
    let late = Expected {
        status: 503,
        code: 2503,
        kinds: ("api_error", "overloaded_error"),
        name: "unavailable",
        message: "The gateway could not find its settings in time; nothing was sent. Try again.",
        retry: Some("true"),
        retry_after: None,
    };
    scene.refuses(&["x-session: slow"], &late).await;
    scene.refuses(&["x-session: buggy"], &UNSET).await;
    scene.provider.assert_untouched("the source has refused");
    scene.hooks.are_all_rejected(9, 0).await;
    assert_eq!(database.dropped.load(Ordering::SeqCst), 9, "what is late is not kept");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_lookup() {
    let database = Database::default();
    let scene = scene(&database, Some(Duration::from_secs(3600))).await;
    let mut wire = scene.connect().await;
    wire.send(request(CHAT, &["x-session: slow"], MODEL)).await;
    let counts = |counter: &AtomicUsize| counter.load(Ordering::SeqCst) > 0;
    eventually("the look-up", async || counts(&database.asked)).await;
    drop(wire);
    eventually("the end of the look-up", async || counts(&database.dropped)).await;
}

#[tokio::test]
async fn without_settings_or_a_refusal_a_request_is_not_served() {
    // The settings layer is missing, or below the gateway.
    let mut scene = Scene::new(from_above, |gateway| {
        let below = gateway.settings_layer(Database::default()).unwrap();
        let app = ServiceBuilder::new().layer(below).service(service_fn(page));
        gateway.upstream(HttpClient::new().unwrap()).layer(app)
    })
    .await;
    scene.refuses(&[], &UNSET).await;
    scene.refuses(&["x-session: alice", "authorization: Bearer sk-x"], &UNSET).await;
    scene.provider.assert_untouched("there are no settings");
    scene.hooks.are_all_rejected(6, 0).await;
}

#[tokio::test]
async fn custom_middleware_can_insert_settings_or_a_refusal() {
    let mut scene = Scene::new(from_above, |gateway| {
        let router = gateway.clone();
        let find = from_fn(move |mut request: Request, next: Next| {
            let route = router.route_of(&request);
            async move {
                if let Some(route) = route {
                    match route.gateway() {
                        "gw" => {
                            let refusal = Refusal::forbidden("Not you.");
                            request.extensions_mut().insert(refusal);
                        }
                        _ => {
                            request.extensions_mut().insert(Arc::<GatewaySettings>::default());
                        }
                    }
                }
                next.run(request).await
            }
        });
        let app = Router::new().fallback(async || "the app");
        app.layer(gateway.upstream(HttpClient::new().unwrap())).layer(find)
    })
    .await;
    scene.refuses(&[], &FORBIDDEN).await;
    scene.hooks.are_all_rejected(3, 0).await;
    let other = UNIFIED.replace("/gw/", "/other/");
    assert_eq!(scene.ask(&other, &[], MODEL).await.status(), 200);
}

#[test]
fn a_settings_layer_that_the_gateway_would_ignore_is_refused() {
    let gateway = GatewayLayer::builder().provider(Provider::xai());
    let gateway = gateway.settings_from_extensions().settings(Arc::<GatewaySettings>::default());
    let error = gateway.build().unwrap().settings_layer(Database::default()).unwrap_err();
    assert_eq!(error, ConfigError::SettingsNotFromExtensions);
    let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    assert!(gateway.upstream(()).gateway().settings_layer(Database::default()).is_err());
}
