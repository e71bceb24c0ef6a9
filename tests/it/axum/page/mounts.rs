use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The clients' base URL is `…/ai/grok`.
fn at_a_prefix(provider: Provider) -> Result<Router, BoxError> {
    let gateway = GatewayLayer::builder().provider(provider).mount(Mount::at("/ai")).build()?;
    Ok(Router::new()
        .route("/", get(|| async { "the app's own page" }))
        .layer(gateway.upstream(HttpClient::new()?)))
}

/// The same paths with `nest`, which removes the prefix.
fn below_nest(provider: Provider) -> Result<Router, BoxError> {
    let gateway = GatewayLayer::builder().provider(provider).mount(Mount::at("")).build()?;
    let gateway = Router::new()
        .fallback(|| async { StatusCode::NOT_FOUND }) // it must have one of its own
        .layer(gateway.upstream(HttpClient::new()?));
    Ok(Router::new().route("/", get(|| async { "the app's own page" })).nest("/ai", gateway))
}

// ===== what the page says of this =====

use super::{answer, post, provider};
use crate::support::raw_upstream::Recorder;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;
use tower_ai_gateway::GatewayContext;

fn to(provider: &Recorder) -> Provider {
    Provider::xai().base_url(provider.base("/v1"))
}

#[tokio::test]
async fn a_prefix_precedes_the_provider_and_needs_no_ids() {
    let provider = provider().await;
    for app in [at_a_prefix, below_nest] {
        let app = app(to(&provider)).unwrap();
        assert_eq!(answer(&app, post("/ai/grok/chat/completions")).await.0, 200);
        let mut routed = post("/ai/compat/chat/completions");
        *routed.body_mut() = Body::from(r#"{"model":"grok/grok-4"}"#);
        assert_eq!(answer(&app, routed).await.0, 200);
        let page = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(answer(&app, page).await, (200, "the app's own page".to_owned()));
        for path in ["/v1/acct/gw/grok/chat/completions", "/ai/nobody/files", "/grok/files"] {
            assert_eq!(answer(&app, post(path)).await.0, 404, "{path}");
        }
    }
    let requests = provider.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.head.target() == "/v1/chat/completions"));
}

#[tokio::test]
async fn below_a_prefix_the_gateway_is_the_default_one() {
    let app = at_a_prefix(to(&provider().await)).unwrap();
    let response = app.oneshot(post("/ai/grok/chat/completions")).await.unwrap();
    let context = response.extensions().get::<GatewayContext>().unwrap();
    assert_eq!((context.account(), context.gateway()), (None, "default"));
}

#[tokio::test]
async fn an_exclusive_mount_has_every_path_below_it() {
    let provider = provider().await;
    let gateway = GatewayLayer::builder()
        .provider(to(&provider))
        .mount(Mount::at("/ai").exclusive())
        .build()
        .unwrap()
        .upstream(HttpClient::new().unwrap());
    let app = Router::new().route("/ai/nobody/files", get(|| async { "unseen" })).layer(gateway);
    let (status, body) = answer(&app, post("/ai/nobody/files")).await;
    assert_eq!(status, 400);
    assert!(body.contains("nobody") && body.contains("gateway"), "{body}");
}
