use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tower_ai_gateway::{ClientError, GatewayLayer, HttpClient};

async fn auth(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    // Headers that stay go to the provider, so what is for you alone is taken out here.
    match request.headers_mut().remove("x-session") {
        Some(session) if session == "one-of-a-user" => Ok(next.run(request).await),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

fn covered(gateway: GatewayLayer) -> Result<Router, ClientError> {
    Ok(Router::new()
        .route("/", get(|| async { "the app's own page" }))
        .layer(gateway.upstream(HttpClient::new()?))
        .layer(middleware::from_fn(auth))) // added last, so it is outermost: it runs first
}

/// Do not do this: `auth` guards the page, and the gateway is open to everybody.
fn uncovered(gateway: GatewayLayer) -> Result<Router, ClientError> {
    Ok(Router::new()
        .route("/", get(|| async { "the app's own page" }))
        .layer(middleware::from_fn(auth))
        .layer(gateway.upstream(HttpClient::new()?)))
}

// ===== what the page says of this =====

use super::{answer, layer, post, provider};
use crate::support::raw_upstream::Recorder;
use axum::body::Body;
use tower_ai_gateway::{GatewayContext, Refusal};

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

async fn statuses(app: Router, session: &str) -> [u16; 2] {
    let page = Request::get("/").header("x-session", session).body(Body::empty()).unwrap();
    let mut call = post(NATIVE);
    call.headers_mut().insert("x-session", session.parse().unwrap());
    [answer(&app, page).await.0, answer(&app, call).await.0]
}

#[tokio::test]
async fn authentication_added_after_the_gateway_covers_it() {
    let provider = provider().await;
    assert_eq!(statuses(covered(layer(&provider)).unwrap(), "nobody's").await, [401, 401]);
    provider.assert_untouched("who has no session has no provider");
    assert_eq!(statuses(covered(layer(&provider)).unwrap(), "one-of-a-user").await, [200, 200]);
    assert!(!provider.only().head.has("x-session"), "what the middleware takes stays here");
}

#[tokio::test]
async fn authentication_added_before_the_gateway_does_not_cover_it() {
    let provider = provider().await;
    assert_eq!(statuses(uncovered(layer(&provider)).unwrap(), "nobody's").await, [401, 200]);
    assert_eq!(provider.only().head.get("x-session"), Some("nobody's"));
}

#[tokio::test]
async fn a_layer_outside_sees_the_clients_request_and_the_context_of_the_response() {
    async fn watch(request: Request, next: Next) -> Response {
        assert_eq!(request.uri(), NATIVE);
        let response = next.run(request).await;
        let context = response.extensions().get::<GatewayContext>().unwrap();
        assert_eq!(context.provider(), Some("grok"));
        assert_eq!(response.headers()["cf-aig-log-id"], context.log_id().to_string());
        response
    }
    async fn unseen(_: Request, _: Next) -> Response {
        panic!("a layer inside sees the app's own requests alone");
    }
    let provider: Recorder = provider().await;
    let app = Router::new()
        .layer(middleware::from_fn(unseen))
        .layer(layer(&provider).upstream(HttpClient::new().unwrap()))
        .layer(middleware::from_fn(watch));
    assert_eq!(answer(&app, post(NATIVE)).await.0, 200);
}

#[tokio::test]
async fn the_listed_headers_are_dropped_and_others_forwarded() {
    let staying = [
        "cookie",
        "cf-aig-metadata",
        "connection",
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "fastly-client-ip",
        "cf-access-jwt-assertion",
    ];
    let provider = provider().await;
    let app = Router::new().layer(layer(&provider).upstream(HttpClient::new().unwrap()));
    let mut call = post(NATIVE);
    for name in staying.into_iter().chain(["x-session", "x-request-id"]) {
        call.headers_mut().insert(name, "{}".parse().unwrap());
    }
    assert_eq!(answer(&app, call).await.0, 200);
    let sent = provider.only().head;
    assert_eq!(staying.map(|name| sent.get(name)), staying.map(|_| None));
    assert!(sent.has("x-session") && sent.has("x-request-id"));
}

#[tokio::test]
async fn a_layer_above_can_refuse_by_route() {
    let provider = provider().await;
    let gateway = layer(&provider);
    let routes = gateway.clone();
    let refuse = move |mut request: Request, next: Next| {
        if routes.route_of(&request).is_some_and(|route| route.provider() == Some("grok")) {
            request.extensions_mut().insert(Refusal::forbidden("Not today."));
        }
        next.run(request)
    };
    let app = Router::new()
        .route("/", get(|| async { "the app's own page" }))
        .layer(gateway.upstream(HttpClient::new().unwrap()))
        .layer(middleware::from_fn(refuse));
    let (status, body) = answer(&app, post(NATIVE)).await;
    assert_eq!(status, 403);
    assert!(body.contains("Not today.") && body.contains("2403"), "{body}");
    let page = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(answer(&app, page).await.0, 200);
    provider.assert_untouched("it was refused above the gateway");
}
