use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::routing::get;
use tower::{BoxError, Service, ServiceExt};
use tower_ai_gateway::testing::{Answer, ScriptedProvider};
use tower_ai_gateway::{GatewayLayer, HttpClient, Provider, RequestBody};

/// Your app, for any client.
fn app<C, R>(client: C) -> Result<Router, BoxError>
where
    C: Service<Request<RequestBody<Body>>, Response = axum::http::Response<R>>,
    C: Service<Request<RequestBody<Body>>, Error: Into<BoxError>, Future: Send>,
    C: Clone + Send + Sync + 'static,
    R: axum::body::HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
    Ok(Router::new()
        .route("/", get(|| async { "the app's own page" }))
        .layer(gateway.upstream(client)))
}

fn for_real() -> Result<Router, BoxError> {
    app(HttpClient::new()?)
}

async fn a_stream_reaches_the_client() -> Result<(), BoxError> {
    let provider = ScriptedProvider::new();
    provider.answer(Answer::sse([r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, "[DONE]"]));

    let request = Request::post("/v1/acct/gw/grok/chat/completions")
        .header("authorization", "Bearer the-callers-key")
        .body(Body::from(r#"{"model":"grok-4","stream":true}"#))?;
    let response = app(provider.clone())?.oneshot(request).await?;
    let body = axum::body::to_bytes(response.into_body(), 1024).await?;
    assert!(body.ends_with(b"data: [DONE]\n\n"));

    let sent = &provider.requests()[0];
    assert_eq!(sent.uri(), "https://api.x.ai/v1/chat/completions");
    assert_eq!(sent.headers()["authorization"], "Bearer the-callers-key");
    Ok(())
}

// ===== what the page says of this =====

use super::{answer, post};
use crate::support::guard;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::Instant;

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

#[tokio::test]
async fn the_test_on_the_page_passes() {
    guard("the test of the page", a_stream_reaches_the_client()).await.unwrap();
    let page = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(answer(&for_real().unwrap(), page).await.0, 200);
}

#[tokio::test]
async fn scripted_answers_come_in_order_and_failures_are_502() {
    let provider = ScriptedProvider::new();
    provider
        .answer(
            Answer::json(r#"{"error":{"message":"busy"}}"#).status(429).header("retry-after", "7"),
        )
        .answer(Answer::no_connection())
        .answer(Answer::reset());
    assert_eq!(provider.unused(), 3);
    let app = app(provider.clone()).unwrap();
    let response = app.clone().oneshot(post(NATIVE)).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    for expected in ["No connection", "closed the connection", "could not be reached"] {
        let (status, body) = answer(&app, post(NATIVE)).await;
        assert_eq!(status, 502);
        assert!(body.contains(expected), "{body}");
    }
    assert_eq!((provider.unused(), provider.requests().len()), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn delays_use_the_clock_and_each_event_is_a_frame() {
    let minute = Duration::from_secs(60);
    let provider = ScriptedProvider::new();
    provider.answer(Answer::sse(["1", "2"]).pace(minute).delay(minute).truncated());
    let began = Instant::now();
    let response = app(provider).unwrap().oneshot(post(NATIVE)).await.unwrap();
    assert_eq!(began.elapsed(), minute);
    let mut body = response.into_body();
    for (minutes, event) in [(2, "data: 1\n\n"), (3, "data: 2\n\n")] {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), event);
        assert_eq!(began.elapsed(), minute * minutes);
    }
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn debug_of_the_scripted_provider_shows_no_key() {
    let provider = ScriptedProvider::new();
    provider.answer(Answer::json("{}"));
    answer(&app(provider.clone()).unwrap(), post(NATIVE)).await;
    let shown = format!("{provider:?} {:?}", Answer::json("the-secret-text"));
    assert!(!shown.contains("test-key") && !shown.contains("the-secret-text"), "{shown}");
}
