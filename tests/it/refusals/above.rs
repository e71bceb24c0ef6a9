//! A layer above the gateway refuses a request with an extension.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tower::{Layer, service_fn};
use tower_ai_gateway::settings::{GatewaySettings, GatewayToken, Settings, SettingsTable};
use tower_ai_gateway::{HttpClient, Refusal};

use crate::refusals::scene::{CHAT, FORBIDDEN, MODEL, Scene, page};

async fn refuse(mut request: Request, next: Next) -> Response {
    if request.headers_mut().remove("x-blocked").is_some() {
        request.extensions_mut().insert(Refusal::forbidden("Not you."));
    }
    next.run(request).await
}

#[tokio::test]
async fn a_layer_above_can_refuse_by_extension() {
    let mut scene = Scene::new(
        |layer| layer,
        |gateway| {
            let app = Router::new().fallback(async || "the app");
            app.layer(gateway.upstream(HttpClient::new().unwrap())).layer(from_fn(refuse))
        },
    )
    .await;
    scene.refuses(&["x-blocked: 1"], &FORBIDDEN).await;
    scene.provider.assert_untouched("a layer above has refused");
    scene.hooks.are_all_rejected(3, 0).await;
    assert_eq!(scene.ask(CHAT, &[], MODEL).await.status(), 200);
    // The gateway does not refuse the app's requests.
    let answer = scene.ask("GET /", &["x-blocked: 1"], b"").await;
    assert_eq!((answer.status(), answer.body()), (200, &b"the app"[..]));
}

#[tokio::test]
async fn a_refusal_from_above_precedes_the_gateways_checks() {
    let settings = GatewaySettings::builder().token(GatewayToken::new("the-token")).build();
    let table = SettingsTable::new().serve_unknown(settings.unwrap());
    let mut scene = Scene::new(
        |layer| layer.settings(Settings::new(table)),
        |gateway| {
            let app = gateway.upstream(HttpClient::new().unwrap()).layer(service_fn(page));
            Router::new().fallback_service(app).layer(from_fn(refuse))
        },
    )
    .await;
    for headers in [
        &["x-blocked: 1"][..],
        &["x-blocked: 1", "cf-aig-authorization: Bearer the-token"],
        &["x-blocked: 1", "cf-aig-max-attempts: 99"],
        &["x-blocked: 1", "cf-aig-refusal: none", "cf-aig-metadata: {\"refusal\":null}"],
    ] {
        scene.refuses(headers, &FORBIDDEN).await;
    }
    scene.provider.assert_untouched("a layer above has refused");
    scene.hooks.are_all_rejected(12, 0).await;
}
