//! The route of a request, for layers above and below the gateway.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::{
    GatewayContext, GatewayLayer, Mount, Operation, Provider, RequestBody, RouteInfo,
};

const GEMINI: &str = "/v1/acct/gw/google-ai-studio/v1beta/models/gemini-2.5-pro:generateContent";
const BEDROCK: &str = "/v1/acct/gw/custom-bedrock/model/anthropic.claude-v2%3A1/invoke";
const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
const UNIFIED: &str = "/v1/acct/gw/compat/chat/completions";
const REST: &str = "/client/v4/accounts/acct/ai/v1/responses";

fn gateway(settings: GatewaySettings) -> GatewayLayer {
    GatewayLayer::builder()
        .providers(Provider::all())
        .provider(Provider::custom("bedrock", "https://bedrock.example"))
        .mount(Mount::hosted().universal())
        .mount(Mount::rest())
        .mount(Mount::at("/ai"))
        .settings(Arc::new(settings))
        .build()
        .unwrap()
}

fn post(path: &str) -> Request<()> {
    Request::post(path).header("cf-aig-gateway-id", "by-header").body(()).unwrap()
}

#[test]
fn route_of_has_no_side_effects() {
    let gateway = gateway(GatewaySettings::default());
    let of = |request: &Request<()>| gateway.route_of(request);
    let short = |route: &RouteInfo| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (
            owned(route.account()),
            route.gateway().to_owned(),
            route.endpoint(),
            owned(route.provider()),
            route.operation(),
            owned(route.model()),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    for (path, expected) in [
        (CHAT, (some("acct"), "gw", Some("native"), some("grok"), Operation::Chat, None)),
        (UNIFIED, (some("acct"), "gw", Some("compat"), None, Operation::Chat, None)),
        (REST, (some("acct"), "by-header", Some("rest"), None, Operation::Responses, None)),
        ("/v1/acct/gw", (some("acct"), "gw", Some("universal"), None, Operation::Other, None)),
        (
            "/ai/anthropic/v1/messages",
            (None, "default", Some("native"), some("anthropic"), Operation::Messages, None),
        ),
        ("/v1/acct/gw/compat/x", (some("acct"), "gw", None, None, Operation::Other, None)),
    ] {
        let (account, gateway, endpoint, provider, operation, model) = expected;
        let expected = (account, gateway.to_owned(), endpoint, provider, operation, model);
        assert_eq!(short(&of(&post(path)).unwrap()), expected, "{path}");
    }
    assert_eq!(of(&post(GEMINI)).unwrap().model(), Some("gemini-2.5-pro"));
    assert_eq!(of(&post(BEDROCK)).unwrap().model(), Some("anthropic.claude-v2:1"));
    for foreign in ["/", "/v1/users/42/posts", "/v2/acct/gw/grok/x"] {
        assert!(of(&post(foreign)).is_none(), "{foreign}");
    }
}

/// The route that a layer between the gateway and its client reads.
async fn seen(
    gateway: &GatewayLayer,
    path: &str,
    body: &'static str,
) -> (String, Operation, Option<String>) {
    let seen = Arc::new(Mutex::new(None));
    let log = seen.clone();
    let client = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let context = request.extensions().get::<GatewayContext>().unwrap();
        let provider = context.provider().unwrap().to_owned();
        let model = context.model().map(|model| model.into_owned());
        *log.lock().unwrap() = Some((provider, context.operation(), model));
        async move {
            request.into_body().collect().await?;
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
        }
    });
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(Full::from(body)).unwrap();
    let response = gateway.client_layer().layer(client).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let seen = seen.lock().unwrap().take();
    seen.unwrap()
}

#[tokio::test]
async fn a_layer_below_sees_provider_operation_and_model_on_native_paths() {
    let open = gateway(GatewaySettings::default());
    let json = r#"{"model":"grok-4"}"#;
    for (path, body, provider, operation, model) in [
        (CHAT, json, "grok", Operation::Chat, None),
        (UNIFIED, r#"{"model":"grok/grok-4"}"#, "grok", Operation::Chat, Some("grok-4")),
        (GEMINI, "{}", "google-ai-studio", Operation::GenerateContent, Some("gemini-2.5-pro")),
        (BEDROCK, "{}", "custom-bedrock", Operation::Invoke, Some("anthropic.claude-v2:1")),
    ] {
        let expected = (provider.to_owned(), operation, model.map(str::to_owned));
        assert_eq!(seen(&open, path, body).await, expected, "{path}");
    }
    // If models are restricted, the body is read for its model.
    let settings = GatewaySettings::builder().allow_models(["grok-4*", "gemini-*"]).build();
    let restricted = gateway(settings.unwrap());
    for (path, body, model) in [(CHAT, json, "grok-4"), (GEMINI, "{}", "gemini-2.5-pro")] {
        let (.., known) = seen(&restricted, path, body).await;
        assert_eq!(known.as_deref(), Some(model), "{path}");
    }
}
