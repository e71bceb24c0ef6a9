use axum::Router;
use axum::routing::get;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};
use tower_http::compression::CompressionLayer;

fn compressed(gateway: GatewayLayer) -> Result<Router, ClientError> {
    Ok(Router::new()
        .route("/", get(|| async { "the app's own page".repeat(64) }))
        .layer(CompressionLayer::new()) // for the app's pages alone
        .layer(gateway.upstream(HttpClient::new()?)))
}

// ===== what the page says of this =====

use super::{layer, layer_to, post, provider};
use crate::support::raw_upstream::RawUpstream;
use http_body_util::BodyExt;
use tower::ServiceExt;

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

async fn coding(app: Router, mut request: axum::extract::Request) -> Option<String> {
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let response = app.oneshot(request).await.unwrap();
    response.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn below_the_gateway_only_the_apps_pages_are_compressed() {
    let provider = provider().await;
    let app = compressed(layer(&provider)).unwrap();
    let page = axum::extract::Request::get("/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(coding(app.clone(), page).await.as_deref(), Some("gzip"));
    assert_eq!(coding(app, post(NATIVE)).await, None);
}

#[tokio::test]
async fn above_the_gateway_json_is_compressed_and_events_pass_unchanged_at_once() {
    let gateway = |base| layer_to(base).upstream(HttpClient::new().unwrap());
    let recorder = provider().await;
    let app = Router::new().layer(gateway(recorder.base("/v1"))).layer(CompressionLayer::new());
    assert_eq!(coding(app, post(NATIVE)).await.as_deref(), Some("gzip"));

    let mut upstream = RawUpstream::start().await;
    let app = Router::new().layer(gateway(upstream.base("/v1"))).layer(CompressionLayer::new());
    let mut request = post(NATIVE);
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let provider = async {
        let mut provider = upstream.accept().await;
        provider.read_message().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
        provider.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
        provider.send("A\r\ndata: {}\n\n\r\n").await;
        provider
    };
    let (response, mut provider) = tokio::join!(app.oneshot(request), provider);
    let response = response.unwrap();
    assert!(!response.headers().contains_key("content-encoding"));
    let mut body = response.into_body();
    // The provider sends nothing more before this event arrives.
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "data: {}\n\n");
    provider.send("E\r\ndata: [DONE]\n\n\r\n0\r\n\r\n").await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "data: [DONE]\n\n");
}
