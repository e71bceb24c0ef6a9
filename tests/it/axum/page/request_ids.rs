use axum::Router;
use axum::http::{HeaderName, Request};
use tower::ServiceBuilder;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::trace::TraceLayer;

fn with_ids(gateway: GatewayLayer) -> Result<Router, ClientError> {
    let id = HeaderName::from_static("cf-aig-event-id");
    let span = |request: &Request<_>| {
        let id = request.extensions().get::<RequestId>();
        let id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
        tracing::info_span!("request", id)
    };
    Ok(Router::new().layer(gateway.upstream(HttpClient::new()?)).layer(
        // In a `ServiceBuilder` the first layer is the outermost.
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(span))
            .layer(PropagateRequestIdLayer::new(id)),
    ))
}

// ===== what the page says of this =====

use super::{layer_to, post, provider};
use crate::support::message::response;
use crate::support::raw_upstream::Recorder;
use crate::support::written::Written;
use axum::body::Body;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use tower_ai_gateway::{EndEvent, Provider};

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

#[tokio::test]
async fn host_client_hooks_and_log_share_one_id() {
    let (lines, _guard) = Written::capture();
    let provider = provider().await;
    let reported = Arc::<Mutex<Vec<String>>>::default();
    let hook = {
        let reported = reported.clone();
        move |end: &EndEvent<'_>| {
            reported.lock().unwrap().push(end.context.event_id().to_str().unwrap().to_owned());
        }
    };
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.base("/v1")))
        .metrics_hook(hook)
        .build()
        .unwrap();
    let app = with_ids(gateway).unwrap();
    let mut own = post(NATIVE);
    own.headers_mut().insert("cf-aig-event-id", "the-clients-own".parse().unwrap());
    for request in [post(NATIVE), own] {
        let given = request.headers().get("cf-aig-event-id").cloned();
        let response = app.clone().oneshot(request).await.unwrap();
        let id = response.headers()["cf-aig-event-id"].clone();
        assert!(given.is_none_or(|given| given == id), "the client's own is kept");
        let id = id.to_str().unwrap().to_owned();
        axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        let ended =
            lines.lines().into_iter().rfind(|line| line.contains("exchange ended")).unwrap();
        assert!(ended.contains(&format!("request{{id=\"{id}\"}}")), "the host's span: {ended}");
        assert!(ended.contains(&format!("event_id=\"{id}\"")), "the gateway's line: {ended}");
        assert_eq!(reported.lock().unwrap().pop(), Some(id));
    }
    let page = Request::get("/").body(Body::empty()).unwrap();
    let page = app.oneshot(page).await.unwrap();
    assert!(page.headers().contains_key("cf-aig-event-id"), "the app's own answers have one too");
    assert!(provider.requests().iter().all(|request| !request.head.has("cf-aig-event-id")));
}

#[tokio::test]
async fn the_providers_x_request_id_overrides_the_hosts() {
    let provider =
        Recorder::answering(|_| response("200 OK", &["x-request-id: of-grok"], b"grok")).await;
    let app = Router::new()
        .layer(layer_to(provider.base("/v1")).upstream(HttpClient::new().unwrap()))
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                .layer(PropagateRequestIdLayer::x_request_id()),
        );
    let response = app.oneshot(post(NATIVE)).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "of-grok");
    assert_ne!(provider.only().head.get("x-request-id"), None, "the host's goes to the provider");
}
