use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsQuery, SettingsTable};
use tower_ai_gateway::{GatewayLayer, HttpClient, Identity, Provider};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Tenants = HashMap<String, Arc<GatewaySettings>>;

/// By path: `/v1/{any account}/{tenant}/grok/…`. Each tenant's settings have a token of its own.
fn by_path(provider: Provider, tenants: Tenants) -> Result<Router, BoxError> {
    let table = tenants.into_iter().fold(SettingsTable::new(), |table, (name, settings)| {
        table.gateway_of_any_account(name, settings)
    });
    let gateway =
        GatewayLayer::builder().provider(provider).settings(Settings::new(table)).build()?;
    Ok(Router::new().layer(gateway.upstream(HttpClient::new()?)))
}

/// By identity: one path for all, and the tenant is who the session is of.
fn by_identity(provider: Provider, tenants: Tenants) -> Result<Router, BoxError> {
    let settings = move |query: &SettingsQuery<'_>| {
        tenants.get(query.identity?.label("tenant")?).cloned() // nobody's is refused
    };
    let gateway = GatewayLayer::builder().provider(provider).settings(settings).build()?;
    Ok(Router::new()
        .layer(gateway.upstream(HttpClient::new()?))
        .layer(middleware::from_fn(identify)))
}

async fn identify(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let session = request.headers_mut().remove("x-session"); // look it up where yours are kept
    let session = session.as_ref().and_then(|session| session.to_str().ok());
    let (user, tenant) = session.and_then(|s| s.split_once('@')).ok_or(StatusCode::UNAUTHORIZED)?;
    let identity = Identity::builder(user).label("tenant", tenant).build();
    request.extensions_mut().insert(identity.map_err(|_| StatusCode::UNAUTHORIZED)?);
    Ok(next.run(request).await)
}

// ===== what the page says of this =====

use super::{answer, post, provider};
use tower_ai_gateway::settings::{ClientCredentials, GatewayToken, Secret};

const KEY_OF: [(&str, &str); 2] = [("red", "key-of-red"), ("blue", "key-of-blue")];

fn keys(of: impl Fn(&str) -> Option<GatewayToken>) -> Tenants {
    let settings = |(name, key): (&str, &str)| {
        let settings = GatewaySettings::builder().key("grok", Secret::new(key).unwrap());
        let settings = match of(name) {
            Some(token) => settings.token(token),
            None => {
                settings.authenticated_elsewhere().client_credentials(ClientCredentials::Ignore)
            }
        };
        (name.to_owned(), Arc::new(settings.build().unwrap()))
    };
    KEY_OF.into_iter().map(settings).collect()
}

#[tokio::test]
async fn by_path_each_tenant_has_its_own_token_and_key() {
    let recorder = provider().await;
    let tenants = keys(|name| Some(GatewayToken::new(format!("token-of-{name}"))));
    let app = by_path(Provider::xai().base_url(recorder.base("/v1")), tenants).unwrap();
    let call = |tenant: &str, token: &str| {
        let mut request = post(&format!("/v1/acct/{tenant}/grok/chat/completions"));
        let token = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().remove("authorization");
        request.headers_mut().insert("cf-aig-authorization", token);
        request
    };
    assert_eq!(answer(&app, call("red", "token-of-red")).await.0, 200);
    assert_eq!(answer(&app, call("blue", "token-of-red")).await.0, 401);
    assert_eq!(answer(&app, call("green", "token-of-red")).await.0, 400);
    assert_eq!(recorder.only().head.get("authorization"), Some("Bearer key-of-red"));
}

#[tokio::test]
async fn by_header_tenants_are_separate_on_rest_paths() {
    let recorder = provider().await;
    let tenants = keys(|name| Some(GatewayToken::new(format!("token-of-{name}"))));
    let app = by_path(Provider::xai().base_url(recorder.base("/v1")), tenants).unwrap();
    let call = |tenant: &str| {
        let request = Request::post("/client/v4/accounts/acct/ai/v1/chat/completions")
            .header("authorization", "Bearer token-of-red")
            .header("cf-aig-gateway-id", tenant);
        request.body(axum::body::Body::from(r#"{"model":"grok/grok-4"}"#)).unwrap()
    };
    assert_eq!(answer(&app, call("red")).await.0, 200);
    assert_eq!(answer(&app, call("blue")).await.0, 401);
    assert_eq!(recorder.only().head.get("authorization"), Some("Bearer key-of-red"));
}

#[tokio::test]
async fn by_identity_the_session_decides_and_not_the_path() {
    let recorder = provider().await;
    let app = by_identity(Provider::xai().base_url(recorder.base("/v1")), keys(|_| None)).unwrap();
    let call = |session: &str| {
        // Another tenant in the path and a key from the client have no effect.
        let mut request = post("/v1/blue/blue/grok/chat/completions");
        request.headers_mut().insert("x-session", session.parse().unwrap());
        request
    };
    assert_eq!(answer(&app, call("ann@red")).await.0, 200);
    assert_eq!(answer(&app, call("bob@green")).await.0, 400, "no such tenant");
    assert_eq!(answer(&app, call("nobody")).await.0, 401);
    assert_eq!(recorder.only().head.get("authorization"), Some("Bearer key-of-red"));
}
