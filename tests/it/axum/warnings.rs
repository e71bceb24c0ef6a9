//! Setups that compile but cannot work are logged once; correct ones are not.

mod settings;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Html;
use axum::routing::get;
use http::{Request, StatusCode};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_ai_gateway::control::{ControlLayer, DeadlineLayer, TimeoutLayer};
use tower_ai_gateway::settings::{
    ClientCredentials, ConcurrencyLimit, FallbackChain, GatewaySettings, Secret, Settings,
    SettingsTable, Timeouts,
};
use tower_ai_gateway::testing::{Answer, ScriptedProvider};
use tower_ai_gateway::usage::{Price, PriceTable, Prices};
use tower_ai_gateway::{
    ClientLayer, GatewayLayer, GatewayLayerBuilder, Mount, Provider, RequestBody,
};

use crate::support::written::Written;

const NATIVE: &str = "/v1/acct/gw/grok/chat/completions";

fn xai() -> GatewayLayerBuilder {
    GatewayLayer::builder().provider(Provider::xai())
}

fn post(path: &str) -> Request<Body> {
    Request::post(path).body(Body::from(r#"{"model":"grok/grok-4"}"#)).unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> StatusCode {
    app.clone().oneshot(request).await.unwrap().status()
}

/// The only warning, which must contain all of these texts.
#[track_caller]
fn only(lines: &Written, parts: &[&str]) {
    let warnings = lines.warnings();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.contains("tower_ai_gateway"), "{warning}");
    for part in parts {
        assert!(warning.contains(part), "{part}: {warning}");
    }
}

// ===== without an upstream =====

#[tokio::test]
async fn a_router_in_place_of_a_client_is_reported_at_the_first_request() {
    async fn page() -> Html<&'static str> {
        Html("<p>an app of one page</p>")
    }
    let own = || Router::new().route("/", get(page));
    let apps: [fn(Router, ClientLayer) -> Router; 7] = [
        |own, gateway| own.layer(gateway),
        |own, gateway| own.fallback(|| async { (StatusCode::NOT_FOUND, "nowhere") }).layer(gateway),
        // Like most apps that serve an API.
        |own, gateway| own.fallback(|| json(StatusCode::NOT_FOUND)).layer(gateway),
        |own, gateway| own.fallback(|| json(StatusCode::METHOD_NOT_ALLOWED)).layer(gateway),
        |own, gateway| own.fallback(get(page)).layer(gateway),
        |own, gateway| own.fallback(page).layer(gateway),
        |own, gateway| {
            own.layer(
                ServiceBuilder::new()
                    .layer(gateway)
                    .layer(tower_http::trace::TraceLayer::new_for_http()),
            )
        },
    ];
    for (number, app) in apps.into_iter().enumerate() {
        for path in [NATIVE, "/v1/acct/gw/compat/chat/completions"] {
            let (lines, _guard) = Written::capture();
            let app = app(own(), xai().build().unwrap().client_layer());
            assert_eq!(ask(&app, Request::get("/").body(Body::empty()).unwrap()).await, 200);
            assert_eq!(lines.warnings(), [""; 0], "{number}: the app's own pages are as ever");
            for _ in 0..3 {
                ask(&app, post(path)).await;
            }
            let doubt = "not meant to stand for a provider";
            only(&lines, &["no upstream", doubt, "gateway.upstream(HttpClient::new()?)"]);
        }
    }
}

async fn json(status: StatusCode) -> (StatusCode, axum::Json<serde_json::Value>) {
    (status, axum::Json(serde_json::json!({"error": 1})))
}

#[tokio::test]
async fn no_warning_about_a_router_that_is_the_provider_or_a_providers_404() {
    let (lines, _guard) = Written::capture();
    for status in [200, 400, 401, 429, 500].map(|status| StatusCode::from_u16(status).unwrap()) {
        let mock = Router::new().fallback(move || json(status));
        let around_mock = xai().build().unwrap().client_layer().layer(mock);
        let answer = around_mock.oneshot(post(NATIVE).map(RequestBody::new)).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let client = tower::service_fn(|_: Request<RequestBody<Body>>| async {
        let response = http::Response::builder().status(404).body(Body::empty());
        Ok::<_, Infallible>(response.unwrap())
    });
    let answer =
        xai().build().unwrap().client_layer().layer(client).oneshot(post(NATIVE)).await.unwrap();
    assert_eq!(answer.status(), 404);
    let app = Router::new().layer(xai().build().unwrap().upstream(client));
    assert_eq!(ask(&app, post(NATIVE)).await, 404);
    assert_eq!(lines.warnings(), [""; 0]);
}

// ===== paths that are not taken =====

fn answered(answers: usize) -> ScriptedProvider {
    let provider = ScriptedProvider::new();
    for _ in 0..answers {
        provider.answer(Answer::json("{}"));
    }
    provider
}

#[tokio::test]
async fn the_first_call_below_no_mount_is_reported_with_the_expected_paths() {
    let nowhere = || async { StatusCode::NOT_FOUND };
    let at_ai = || xai().mount(Mount::at("/ai"));
    type Nest = fn(Router) -> Router;
    let as_it_is: Nest = |inner| inner;
    let nested: Nest = |inner| Router::new().nest("/ai", inner);
    let cases = [
        // The prefix was removed before the layer sees the path.
        (
            at_ai(),
            nested,
            "/ai/grok/chat/completions",
            "path=\"/grok/chat/completions\" mounts=\"/ai/{provider}/…\"",
        ),
        // Not nested at all, although clients use the prefix.
        (xai(), as_it_is, "/ai/v1/acct/gw/grok/v1/chat/completions", "providers=\"grok\""),
        // A provider that was not added.
        (
            xai(),
            as_it_is,
            "/v1/acct/gw/openai/chat/completions",
            "/v1/{account}/{gateway}/{provider}/…",
        ),
        (at_ai(), as_it_is, "/ai/anthropic/v1/messages", "/ai/anthropic/v1/messages"),
        (xai(), as_it_is, "/ai/compat/chat/completions", "/ai/compat/chat/completions"),
        // The prefix was removed, and the end is a common one: the provider's name decides.
        (at_ai(), nested, "/ai/grok/responses", "path=\"/grok/responses\""),
        (at_ai(), nested, "/ai/grok/completions", "path=\"/grok/completions\""),
    ];
    for (builder, outer, path, part) in cases {
        let (lines, _guard) = Written::capture();
        let gateway = builder.build().unwrap().upstream(answered(0));
        let app = outer(Router::new().fallback(nowhere).layer(gateway));
        for _ in 0..3 {
            assert_eq!(ask(&app, post(path)).await, 404);
        }
        only(&lines, &["not taken", "`nest`", part]);
    }
}

fn ask_for(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::from("{}")).unwrap()
}

#[tokio::test]
async fn calls_to_a_provider_that_was_not_added_are_reported() {
    let hosted = "/v1/acct/gw";
    let calls = [
        ("POST", "openai/responses"),
        ("POST", "openai/v1/responses"),
        ("POST", "openai/completions"),
        ("POST", "openai/embeddings"),
        ("POST", "openai/moderations"),
        ("POST", "openai/images/generations"),
        ("POST", "openai/images/edits"),
        ("POST", "openai/audio/speech"),
        ("POST", "openai/audio/transcriptions"),
        ("POST", "anthropic/v1/messages"),
        ("POST", "anthropic/v1/messages/count_tokens"),
        ("POST", "cohere/rerank"),
        ("POST", "cohere/v2/chat"),
        ("POST", "google-ai-studio/v1beta/models/gemini-2.5-pro:generateContent"),
        ("POST", "google-ai-studio/v1beta/models/gemini-2.5-pro:streamGenerateContent"),
        ("POST", "azure-openai/resource/deployment/chat/completions"),
        ("POST", "aws-bedrock/model/some.model/converse"),
        ("GET", "openai/models"),
        ("GET", "openai/v1/models"),
        ("GET", "mistral/models"),
        // For any provider.
        ("POST", "acme/chat/completions"),
        ("POST", "acme/v1/responses"),
        ("POST", "acme/v1/completions"),
        ("POST", "acme/embeddings"),
        ("POST", "acme/rerank"),
        ("POST", "acme/images/generations"),
        ("POST", "acme/audio/speech"),
        ("POST", "acme/audio/transcriptions"),
        ("POST", "acme/models/gemini:generateContent"),
        ("POST", "acme/models/gemini:streamGenerateContent"),
    ];
    for (mounted, prefix) in
        [(Mount::hosted(), hosted), (Mount::at("/ai"), "/ai"), (Mount::at(""), "")]
    {
        for (method, call) in calls {
            let (lines, _guard) = Written::capture();
            let gateway = xai().mount(mounted.clone()).build().unwrap().upstream(answered(0));
            let app = Router::new().layer(gateway);
            let path = format!("{prefix}/{call}");
            assert_eq!(ask(&app, ask_for(method, &path)).await, 404);
            only(&lines, &["not taken", &path, "providers=\"grok\""]);
        }
    }
}

#[tokio::test]
async fn no_warning_about_the_apps_own_paths() {
    let (lines, _guard) = Written::capture();
    let gateway = xai().mount(Mount::hosted()).mount(Mount::at("/ai")).build().unwrap();
    let own = || async { "the app's" };
    let app = Router::new().fallback(own).layer(gateway.upstream(answered(2)));
    for path in [
        "/v1/users/42/posts",
        "/v1/users/42/inbox/messages",
        "/v1/chat/completions",
        "/v1/messages",
        "/embeddings",
        "/api/embeddings",
        "/v1/embeddings",
        "/v1/acct/gw/unknown/files",
        "/grok",
        // Paths that look like a mount and end like a call.
        "/v1/forms/42/survey/responses",
        "/v1/users/42/tasks/completions",
        "/v1/users/42/inbox/search",
        "/ai/forms/responses",
        // Paths with a provider's name in another position, or without a call after it.
        "/forms/openai/responses",
        "/v1/forms/openai/responses",
        "/api/openai/chat/completions",
        "/v1/users/42/openai/posts",
        "/v1/users/42/together/posts",
        "/v1/users/grok/posts",
        "/ai/openai",
        "/openai/images",
    ] {
        assert_eq!(ask(&app, post(path)).await, 200, "{path}");
        assert_eq!(lines.warnings(), [""; 0], "{path}");
    }
    for (method, path) in [
        ("GET", "/models"),
        ("GET", "/v1/models"),
        ("GET", "/api/openai/models"),
        ("GET", "/v1/openai/models"),
        ("GET", "/v1/shops/3/cars/models"),
        ("GET", "/ai/cars/models"),
        ("GET", "/v1/users/42/openai/posts"),
        ("PUT", "/v1/acct/gw/openai/responses"),
        ("DELETE", "/v1/acct/gw/openai/models"),
    ] {
        assert_eq!(ask(&app, ask_for(method, path)).await, 200, "{path}");
        assert_eq!(lines.warnings(), [""; 0], "{method} {path}");
    }
    for path in [NATIVE, "/ai/grok/chat/completions"] {
        let preflight = Request::options(path).header("access-control-request-method", "POST");
        assert_eq!(ask(&app, preflight.body(Body::empty()).unwrap()).await, 200);
        assert_eq!(ask(&app, post(path)).await, 200);
    }
    assert_eq!(lines.warnings(), [""; 0]);
}

// ===== settings that nobody acts on =====

// ===== prices =====

#[test]
fn build_warns_of_prices_for_none_of_the_providers() {
    let (lines, _guard) = Written::capture();
    let acme = || Provider::custom("acme", "http://127.0.0.1:9/v1");
    let acme = || GatewayLayer::builder().provider(acme());
    let built_in = || Prices::new(PriceTable::builtin());
    acme().build().unwrap();
    acme().provider(Provider::xai()).prices(built_in()).build().unwrap();
    acme().provider(Provider::xai().with_slug("xai-eu")).prices(built_in()).build().unwrap();
    acme().prices(Prices::new(PriceTable::empty(PriceTable::builtin().as_of()))).build().unwrap();
    for row in ["custom-acme/model", "model", "some/model"] {
        let prices = built_in();
        prices.insert(row, Price::default());
        acme().prices(prices).build().unwrap();
    }
    assert_eq!(lines.warnings(), [""; 0]);
    acme().prices(built_in()).build().unwrap();
    only(&lines, &["no price", "providers=\"custom-acme\""]);
}
