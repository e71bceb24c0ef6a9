//! Refusals from a settings resolver.

use std::sync::Arc;
use std::time::Duration;

use tower::{Layer, service_fn};
use tower_ai_gateway::settings::{GatewaySettings, SettingsQuery};
use tower_ai_gateway::{HttpClient, Refusal};

use crate::refusals::scene::{CHAT, Expected, FORBIDDEN, MODEL, Scene, page};

/// Looks up the account, which is in a header of the host.
fn resolve(query: &SettingsQuery<'_>) -> Result<Option<Arc<GatewaySettings>>, Refusal> {
    match query.extensions.get::<Account>().map_or("", |account| &account.0) {
        "well" => Ok(Some(Arc::default())),
        "forbidden" => Err(Refusal::forbidden("Not you.")),
        "absent" => Err(Refusal::not_found("No such team.")),
        "spent" => {
            Err(Refusal::over_budget("Nothing is left.").retry_after(Duration::from_millis(59_001)))
        }
        "fast" => Err(Refusal::rate_limited("Slow down.").retry_after(Duration::from_secs(1))),
        "down" => Err(Refusal::unavailable("Try again.")),
        "nobody" => Err(Refusal::unauthorized("Sign in.")),
        "own" => Err(Refusal::forbidden("Not \"now\".\n").code(9001).name("later").param("x")),
        _ => Ok(None),
    }
}

#[derive(Clone)]
struct Account(String);

async fn scene() -> Scene {
    let build = |layer: tower_ai_gateway::GatewayLayerBuilder| layer.settings(resolve);
    Scene::new(build, |gateway| {
        let gateway = gateway.upstream(HttpClient::new().unwrap()).layer(service_fn(page));
        tower::util::MapRequest::new(gateway, |mut request: axum::extract::Request| {
            let account = request.headers_mut().remove("x-account").unwrap();
            let account = Account(account.to_str().unwrap().to_owned());
            request.extensions_mut().insert(account);
            request
        })
    })
    .await
}

#[tokio::test]
async fn a_resolvers_refusal_has_the_callers_format() {
    let mut scene = scene().await;
    let absent = Expected {
        status: 404,
        code: 2001,
        kinds: ("invalid_request_error", "not_found_error"),
        name: "not_found",
        message: "No such team.",
        ..FORBIDDEN
    };
    let limited = ("rate_limit_error", "rate_limit_error");
    let spent = Expected {
        status: 429,
        code: 2041,
        kinds: limited,
        name: "over_budget",
        message: "Nothing is left.",
        retry_after: Some("60"),
        ..FORBIDDEN
    };
    let fast = Expected {
        code: 2003,
        name: "rate_limited",
        message: "Slow down.",
        retry: None,
        retry_after: Some("1"),
        ..spent
    };
    let down = Expected {
        status: 503,
        code: 2503,
        kinds: ("api_error", "overloaded_error"),
        name: "unavailable",
        message: "Try again.",
        retry: Some("true"),
        retry_after: None,
    };
    let nobody = Expected {
        status: 401,
        code: 2009,
        kinds: ("authentication_error", "authentication_error"),
        name: "unauthorized",
        message: "Sign in.",
        ..FORBIDDEN
    };
    let own = Expected { code: 9001, name: "later", message: "Not \"now\".\n", ..FORBIDDEN };
    let unknown = Expected {
        status: 400,
        code: 2001,
        kinds: ("invalid_request_error", "invalid_request_error"),
        name: "unknown_gateway",
        message: "There is no gateway `gw` here.",
        ..FORBIDDEN
    };
    let all = [
        ("forbidden", FORBIDDEN),
        ("absent", absent),
        ("spent", spent),
        ("fast", fast),
        ("down", down),
        ("nobody", nobody),
        ("own", own),
        ("unknown", unknown),
    ];
    let count = 3 * all.len() as u64;
    for (account, expected) in all {
        scene.refuses(&[&format!("x-account: {account}")], &expected).await;
    }
    scene.provider.assert_untouched("the host has refused");
    scene.hooks.are_all_rejected(count, 0).await;
    assert_eq!(scene.ask(CHAT, &["x-account: well"], MODEL).await.status(), 200);
}

#[test]
fn resolvers_and_sources_can_be_tested_without_a_gateway() {
    use tower_ai_gateway::Identity;
    use tower_ai_gateway::control::KeyQuery;
    use tower_ai_gateway::settings::{
        OwnedSettingsQuery, Settings, SettingsResolver, SettingsTable,
    };

    let identity = Identity::builder("alice").build().unwrap();
    let table = SettingsTable::new().gateway("acct", "gw", GatewaySettings::default());
    let settings = Arc::new(Settings::new(table));
    let query = SettingsQuery::new("gw");
    assert_eq!(settings.resolve(&query).unwrap_err().status(), 400);
    assert!(settings.resolve(&query.account("acct").identity(&identity)).is_ok());
    let owned = OwnedSettingsQuery::new("gw").account("acct").identity(identity.clone());
    assert!(settings.resolve(&owned.borrowed()).is_ok());

    let by_caller =
        |query: &SettingsQuery<'_>| query.identity.map(|_| Arc::<GatewaySettings>::default());
    assert!(by_caller.resolve(&query.identity(&identity)).is_ok());
    assert_eq!(by_caller.resolve(&query).unwrap_err().gateway_code(), 2001);

    let query = KeyQuery::new("gw", "grok").account("acct").alias("second").identity(identity);
    assert_eq!((&*query.gateway, &*query.alias), ("gw", "second"));
}
