use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tower::Layer;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};
use tower_http::timeout::TimeoutLayer;

/// `head` and `idle` are for providers, `all` is for everything until a response begins.
fn timed(
    gateway: GatewayLayer,
    head: Duration,
    idle: Duration,
    all: Duration,
) -> Result<Router, ClientError> {
    let timeouts = Timeouts::default().head(head).idle(idle);
    let client = ControlLayer::new().timeouts(timeouts).layer(HttpClient::new()?);
    Ok(Router::new()
        .layer(gateway.upstream(client))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, all)))
}

// ===== what the page says of this =====

use super::{layer_to, post};
use crate::support::message::{STREAM_HEAD, chunk};
use crate::support::raw_upstream::RawUpstream;
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use tower_ai_gateway::{EndEvent, Outcome, Provider};

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_gateways_own_timeout_is_an_error_for_the_client() {
    let mut upstream = RawUpstream::start().await;
    let app = timed(layer_to(upstream.base("/v1")), SHORT, LONG, LONG).unwrap();
    let (response, _held) = tokio::join!(app.oneshot(post(NATIVE)), upstream.accept());
    let response = response.unwrap();
    assert_eq!(response.status(), 504);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["gateway"]["code"], 2504);
}

#[tokio::test]
async fn a_timeout_above_is_an_empty_response_and_a_cancelled_exchange() {
    let ends = Arc::<Mutex<Vec<Outcome>>>::default();
    let hook = {
        let ends = ends.clone();
        move |end: &EndEvent<'_>| ends.lock().unwrap().push(end.outcome)
    };
    let mut upstream = RawUpstream::start().await;
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(upstream.base("/v1")))
        .metrics_hook(hook)
        .build()
        .unwrap();
    let app = timed(gateway, LONG, LONG, SHORT).unwrap();
    let (response, _held) = tokio::join!(app.oneshot(post(NATIVE)), upstream.accept());
    let response = response.unwrap();
    assert_eq!(response.status(), 504);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(ends.lock().unwrap()[..], [Outcome::Cancelled]);
}

#[tokio::test]
async fn a_timeout_above_does_not_end_a_stream_and_idle_does() {
    // Enough for a head, and for an event after that time, on a busy machine.
    let (all, idle) = (Duration::from_secs(2), Duration::from_secs(6));
    let mut upstream = RawUpstream::start().await;
    let app = timed(layer_to(upstream.base("/v1")), LONG, idle, all).unwrap();
    let provider = async {
        let mut provider = upstream.accept().await;
        provider.read_message().await;
        provider.send(STREAM_HEAD).await;
        provider.send(chunk(b"data: {}\n\n")).await;
        provider
    };
    let (response, mut provider) = tokio::join!(app.oneshot(post(NATIVE)), provider);
    let mut body = response.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    // The time itself is tested: longer than the layer above allows.
    tokio::time::sleep(all).await;
    provider.send(chunk(b"data: {}\n\n")).await;
    assert!(body.frame().await.unwrap().is_ok(), "the stream goes on");
    assert!(body.frame().await.unwrap().is_err(), "the provider has fallen silent");
}
