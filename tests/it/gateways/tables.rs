//! The look-up of a request's settings.

use std::sync::Arc;

use tower_ai_gateway::settings::{
    GatewaySettings, Settings, SettingsQuery, SettingsResolver, SettingsTable,
};

use crate::gateways::scene::{
    BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, request, token,
};
use crate::support::scripted::Call;

/// Distinguishable settings.
fn marked(mark: &str) -> GatewaySettings {
    GatewaySettings::builder().default_metadata("mark", mark).build().unwrap()
}

fn mark(sent: &Call) -> String {
    sent.context().metadata().get("mark").map_or_else(String::new, ToString::to_string)
}

/// The mark of the request's settings; `None` if it is refused.
async fn found(scene: &Scene, line: &str, headers: &[(&str, &str)]) -> Option<String> {
    let answer = scene.ask(line, headers, BODY).await;
    let sent = scene.sent();
    if sent.is_empty() {
        answer.refused(400, 2001);
        return None;
    }
    Some(mark(&sent[0]))
}

#[tokio::test]
async fn an_unknown_gateway_is_refused_in_the_callers_format() {
    let scene = Scene::new(Settings::new(SettingsTable::new()));
    for line in [NATIVE, UNIFIED, REST, UNIVERSAL, "GET /v1/a/b/grok/v1/models", "POST /ai/grok/x"]
    {
        let json = scene.refuses(line, &[], BODY, (400, 2001)).await;
        assert_eq!(json["error"]["code"], "unknown_gateway", "{line}");
        assert_eq!(json["error"]["type"], "invalid_request_error");
        assert_eq!(json["type"], serde_json::Value::Null);
    }
    for line in ["POST /v1/acct/gw/anthropic/v1/messages", "POST /v1/acct/gw/compat/messages"] {
        let json = scene.refuses(line, &[], BODY, (400, 2001)).await;
        assert_eq!(json["type"], "error", "{line}");
        assert_eq!(json["error"]["type"], "invalid_request_error");
        assert!(json["error"]["message"].as_str().unwrap().contains("`gw`"), "{json}");
    }
    let end = scene.hook.ends().remove(0);
    assert_eq!((end.gateway_code, end.gateway.as_str()), (Some(2001), "gw"));
}

#[tokio::test]
async fn unknown_gateways_are_served_if_the_table_allows_it() {
    let table = SettingsTable::new().gateway("acct", "gw", marked("own"));
    let table = table.serve_unknown(marked("others"));
    let scene = Scene::new(Settings::new(table));
    assert_eq!(found(&scene, NATIVE, &[]).await.as_deref(), Some("own"));
    for line in ["POST /v1/other/gw/grok/x", "POST /v1/acct/GW/grok/x", "POST /ai/grok/x", REST] {
        assert_eq!(found(&scene, line, &[]).await.as_deref(), Some("others"), "{line}");
    }
}

#[tokio::test]
async fn settings_are_those_of_the_named_account_and_gateway() {
    let table = SettingsTable::new()
        .gateway_of_any_account("gw", marked("any gw"))
        .gateway("acct", "gw", marked("acct gw"))
        .gateway("acct", "default", marked("acct default"))
        .gateway_of_any_account("default", marked("any default"))
        .gateway("acct", "team", marked("acct team"));
    let scene = Scene::new(Settings::new(table));
    let id = |id| [("cf-aig-gateway-id", id)];
    for (line, headers, expected) in [
        (NATIVE, &[][..], Some("acct gw")),
        (UNIFIED, &[], Some("acct gw")),
        ("POST /v1/else/gw/grok/x", &[], Some("any gw")),
        ("POST /v1/else/team/grok/x", &[], None),
        (REST, &[], Some("acct default")),
        (REST, &id("team"), Some("acct team")),
        (REST, &id("gw"), Some("acct gw")),
        (REST, &id("none"), None),
        ("POST /client/v4/accounts/else/ai/v1/responses", &[], Some("any default")),
        ("POST /client/v4/accounts/else/ai/v1/responses", &id("team"), None),
        // The path decides, not the header.
        (NATIVE, &id("team"), Some("acct gw")),
        // Without ids, the default without an account applies.
        ("POST /ai/grok/x", &[], Some("any default")),
        ("POST /ai/compat/responses", &id("team"), Some("any default")),
        ("POST /only/grok/x", &[], Some("any default")),
    ] {
        let found = found(&scene, line, headers).await;
        assert_eq!(found.as_deref(), expected, "{line} {headers:?}");
    }
    let body = entry("grok", "x", &serde_json::json!({}), &serde_json::json!({}));
    assert_eq!(mark(&scene.passes(UNIVERSAL, &[], &body).await), "acct gw");
    assert_eq!(mark(&scene.passes("POST /v1/acct/gw/", &[], &body).await), "acct gw");
}

/// The caller, as determined by the host's middleware.
#[derive(Clone)]
struct Tenant(&'static str);

#[tokio::test]
async fn a_resolver_sees_the_extensions_of_the_request() {
    fn resolve(query: &SettingsQuery<'_>) -> Option<Arc<GatewaySettings>> {
        let tenant = query.extensions.get::<Tenant>()?;
        let account = query.account.unwrap_or("none");
        Some(Arc::new(marked(&format!("{} {account} {}", tenant.0, query.gateway))))
    }
    let _: &dyn SettingsResolver = &resolve;
    let scene = Scene::new(resolve);
    for (line, expected) in [(NATIVE, "a acct gw"), ("POST /ai/grok/x", "a none default")] {
        let mut asked = request(line, &[], BODY);
        asked.extensions_mut().insert(Tenant("a"));
        assert_eq!(scene.send(asked).await.status, 200);
        assert_eq!(mark(&scene.sent()[0]), expected);
    }
    scene.refuses(NATIVE, &[], BODY, (400, 2001)).await;
}

#[tokio::test]
async fn a_replaced_table_applies_to_the_next_request() {
    let settings = Settings::new(SettingsTable::new().serve_unknown(marked("1")));
    let scene = Scene::new(settings.clone());
    assert_eq!(found(&scene, NATIVE, &[]).await.as_deref(), Some("1"));
    settings.replace(SettingsTable::new().serve_unknown(marked("2")));
    assert_eq!(found(&scene, NATIVE, &[]).await.as_deref(), Some("2"));
    settings.replace(SettingsTable::new());
    assert_eq!(found(&scene, NATIVE, &[]).await, None);
}

#[tokio::test]
async fn a_malformed_header_does_not_change_the_gateway() {
    let locked = GatewaySettings::builder().token(token("t")).build().unwrap();
    let table = SettingsTable::new().gateway("acct", "team", locked);
    let scene = Scene::new(Settings::new(table));
    let broken = [("cf-aig-gateway-id", "team"), ("cf-aig-max-attempts", "many")];
    scene.refuses(REST, &broken, BODY, (401, 2009)).await;
    let known = [&broken[..], &[("authorization", "Bearer t")]].concat();
    let json = scene.refuses(REST, &known, BODY, (400, 2400)).await;
    assert_eq!(json["error"]["param"], "cf-aig-max-attempts");
    assert!(scene.hook.ends().iter().all(|end| end.gateway == "team"));
}

#[tokio::test]
async fn the_settings_of_a_gateway_apply_to_refused_requests() {
    let settings = GatewaySettings::builder().token(token("t")).default_metadata("mark", "m");
    let scene = Scene::new(Arc::new(settings.build().unwrap()));
    scene.refuses(NATIVE, &[], BODY, (401, 2009)).await;
    assert_eq!(scene.hook.end().metadata, [("mark".to_owned(), "m".to_owned())]);
}
