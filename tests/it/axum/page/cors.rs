use axum::Router;
use axum::http::{HeaderValue, Method, header};
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};
use tower_http::cors::CorsLayer;

fn for_pages(gateway: GatewayLayer) -> Result<Router, ClientError> {
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example"))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
    Ok(Router::new().layer(gateway.upstream(HttpClient::new()?)).layer(cors))
}

// ===== what the page says of this =====

use super::{layer, post, provider};
use crate::support::message::response;
use crate::support::raw_upstream::Recorder;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use tower::ServiceExt;

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

fn preflight() -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri(NATIVE)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .unwrap()
}

async fn heads(app: Router) -> [HeaderMap; 2] {
    let mut call = post(NATIVE);
    call.headers_mut().insert("origin", HeaderValue::from_static("https://app.example"));
    let preflight = app.clone().oneshot(preflight()).await.unwrap();
    assert_eq!(preflight.status(), 200);
    [preflight.headers().clone(), app.oneshot(call).await.unwrap().headers().clone()]
}

fn origins(headers: &HeaderMap) -> usize {
    headers.get_all("access-control-allow-origin").iter().count()
}

#[tokio::test]
async fn cors_above_the_gateway_answers_preflights_and_marks_responses() {
    let provider = provider().await;
    let heads = heads(for_pages(layer(&provider)).unwrap()).await;
    assert_eq!([origins(&heads[0]), origins(&heads[1])], [1, 1]);
    assert_eq!(heads[0]["access-control-allow-headers"], "authorization,content-type");
    assert_eq!(provider.only().head.target(), "/v1/chat/completions", "no preflight came here");
}

#[tokio::test]
async fn cors_below_the_gateway_answers_preflights_but_marks_no_responses() {
    let provider = provider().await;
    let cors = CorsLayer::permissive();
    let gateway = layer(&provider).upstream(HttpClient::new().unwrap());
    let heads = heads(Router::new().layer(cors).layer(gateway)).await;
    assert_eq!([origins(&heads[0]), origins(&heads[1])], [1, 0]);
}

#[tokio::test]
async fn a_providers_cors_headers_are_replaced() {
    let head = &["access-control-allow-origin: *"];
    let provider = Recorder::answering(|_| response("200 OK", head, b"grok")).await;
    let [_, answer] = heads(for_pages(layer(&provider)).unwrap()).await;
    assert_eq!(origins(&answer), 1);
    assert_eq!(answer["access-control-allow-origin"], "https://app.example");
}
