use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "no such page")
}

fn api() -> Router {
    Router::new().route("/health", get(|| async { "well" }))
}

/// The whole app below the layer: all that is nested, merged and routed before it.
fn around_all(gateway: GatewayLayer) -> Result<Router, ClientError> {
    Ok(Router::new()
        .route("/v1/users/{id}/posts", get(|| async { "posts" }))
        .nest("/api", api())
        .merge(Router::new().route("/", get(|| async { "page" })))
        .fallback(not_found)
        .layer(gateway.upstream(HttpClient::new()?)))
}

/// The gateway as a service of its own, below a prefix.
fn nested_service(gateway: GatewayLayer) -> Result<Router, ClientError> {
    let gateway = Router::new().layer(gateway.upstream(HttpClient::new()?));
    Ok(api().nest_service("/ai", gateway))
}

/// The same with `nest`, where the inner router must have a fallback of its own.
fn nested(gateway: GatewayLayer) -> Result<Router, ClientError> {
    let gateway = Router::new().fallback(not_found).layer(gateway.upstream(HttpClient::new()?));
    Ok(api().nest("/ai", gateway))
}

/// Only what no route of the app's takes.
fn as_fallback(gateway: GatewayLayer) -> Result<Router, ClientError> {
    let gateway = Router::new().layer(gateway.upstream(HttpClient::new()?));
    Ok(api().fallback_service(gateway))
}

// ===== what the page says of this =====

use super::{answer, layer, layer_at, post, provider};
use axum::http::Request;

const BELOW: &str = "/v1/acct/gw/grok/chat/completions";

async fn status(app: Router, path: &str) -> u16 {
    answer(&app, post(path)).await.0
}

async fn page(app: &Router, path: &str) -> (u16, String) {
    answer(app, Request::get(path).body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn around_the_router_the_gateway_sees_every_path_and_passes_the_apps_own() {
    let provider = provider().await;
    let app = around_all(layer(&provider)).unwrap();
    assert_eq!(status(app.clone(), BELOW).await, 200);
    for (path, text) in [("/v1/users/42/posts", "posts"), ("/api/health", "well"), ("/", "page")] {
        assert_eq!(page(&app, path).await, (200, text.to_owned()), "{path}");
    }
    assert_eq!(page(&app, "/nowhere").await, (404, "no such page".to_owned()));
    assert_eq!(provider.only().head.target(), "/v1/chat/completions");
}

#[tokio::test]
async fn as_a_nested_service_the_gateway_sees_the_path_without_the_prefix() {
    let provider = provider().await;
    let app = nested_service(layer(&provider)).unwrap();
    assert_eq!(status(app.clone(), &format!("/ai{BELOW}")).await, 200);
    assert_eq!(status(app.clone(), BELOW).await, 404);
    assert_eq!(page(&app, "/health").await.0, 200);
    assert_eq!(provider.only().head.target(), "/v1/chat/completions");
}

#[tokio::test]
async fn in_a_nested_router_with_a_fallback_the_gateway_sees_the_path_without_the_prefix() {
    let provider = provider().await;
    let app = nested(layer(&provider)).unwrap();
    assert_eq!(status(app.clone(), &format!("/ai{BELOW}")).await, 200);
    assert_eq!(page(&app, "/ai/nowhere").await, (404, "no such page".to_owned()));
}

#[tokio::test]
async fn as_a_fallback_the_gateway_sees_unrouted_paths() {
    let provider = provider().await;
    let app = as_fallback(layer(&provider)).unwrap();
    assert_eq!(status(app.clone(), BELOW).await, 200);
    assert_eq!(page(&app, "/health").await.0, 200);
    assert_eq!(page(&app, "/nowhere").await.0, 404);
}

#[tokio::test]
async fn a_mount_is_a_prefix_of_the_path_that_the_layer_sees() {
    let provider = provider().await;
    let client = || HttpClient::new().unwrap();
    let direct = api().layer(layer_at(&provider, "/ai").upstream(client()));
    assert_eq!(status(direct, "/ai/grok/chat/completions").await, 200);
    // `nest` has removed `/ai` already, so no path is below the mount.
    let inner = || Router::new().fallback(not_found);
    let twice = api().nest("/ai", inner().layer(layer_at(&provider, "/ai").upstream(client())));
    assert_eq!(status(twice, "/ai/grok/chat/completions").await, 404);
    let root = api().nest("/ai", inner().layer(layer_at(&provider, "").upstream(client())));
    assert_eq!(status(root, "/ai/grok/chat/completions").await, 200);
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn some_placements_compile_and_never_match() {
    let provider = provider().await;
    let gateway = || layer(&provider).upstream(HttpClient::new().unwrap());
    // The gateway's paths are not routes of the app.
    assert_eq!(status(api().route_layer(gateway()), BELOW).await, 404);
    // Routes added after the layer are outside of it.
    assert_eq!(status(Router::new().layer(gateway()).fallback(not_found), BELOW).await, 404);
    let late = get(|| async { "a page" });
    let late = Router::new().layer(gateway()).route("/v1/{*rest}", late);
    assert_eq!(status(late, BELOW).await, 405);
    // The nested router has no fallback, so axum uses that of the outer one.
    let nested = api().nest("/ai", api().layer(gateway()));
    assert_eq!(status(nested, &format!("/ai{BELOW}")).await, 404);
    // The fallback of the other router takes precedence over the one below the layer.
    let merged = Router::new().fallback(not_found).merge(api().layer(gateway()));
    assert_eq!(status(merged, BELOW).await, 404);
    provider.assert_untouched("none of these is a gateway");
}
