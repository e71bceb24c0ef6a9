//! The gateway's own `models`: the models it may use, without a provider call.

use std::sync::Arc;

use serde_json::{Value, json};
use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{Outcome, Provider};

use crate::gateways::scene::{Scene, secret, token};

const COMPAT: &str = "GET /v1/acct/gw/compat/models";
const REST: &str = "GET /client/v4/accounts/acct/ai/v1/models";

async fn ids(scene: &Scene, line: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let answer = scene.ask(line, headers, "").await;
    assert_eq!(answer.status, 200, "{line}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.headers.contains_key("cf-aig-log-id"));
    assert!(scene.sent().is_empty(), "no provider is asked");
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["object"], "list");
    let data = json["data"].as_array().unwrap();
    let id = |model: &Value| {
        let id = model["id"].as_str().unwrap().to_owned();
        let owner = id.split('/').next().unwrap();
        let expected = json!({"id": id, "object": "model", "created": 0, "owned_by": owner});
        assert_eq!(*model, expected);
        id
    };
    data.iter().map(id).collect()
}

#[tokio::test]
async fn without_settings_every_priced_model_is_listed() {
    let scene = Scene::new(Arc::new(GatewaySettings::default()));
    let all = ids(&scene, COMPAT, &[]).await;
    assert!(all.iter().any(|id| id.starts_with("grok/grok-")), "{all:?}");
    assert!(all.iter().any(|id| id.starts_with("anthropic/claude-")), "{all:?}");
    assert!(all.is_sorted() && all.len() < 10_001);
    for line in [
        "GET /v1/acct/gw/compat/v1/models",
        "GET /ai/compat/models?limit=1",
        "GET /ai/compat/v1/models/",
        REST,
    ] {
        assert_eq!(ids(&scene, line, &[]).await, all, "{line}");
    }
}

#[tokio::test]
async fn a_renamed_provider_has_the_models_of_its_kind() {
    let settings = Arc::new(GatewaySettings::default());
    let renamed = Provider::xai().with_slug("grok-eu");
    let scene = Scene::of(|layer| layer.provider(renamed).settings(settings));
    let all = ids(&scene, COMPAT, &[]).await;
    let of = |slug: &str| all.iter().filter_map(|id| id.strip_prefix(slug)).collect::<Vec<_>>();
    assert_eq!(of("grok-eu/"), of("grok/"));
    assert!(!of("grok/").is_empty());
}

#[tokio::test]
async fn only_usable_models_are_listed() {
    let route = DynamicRoute::builder("support").start("a");
    let route = route.node("a", Node::model("grok", "grok-4")).build().unwrap();
    let scene = Scene::with(|of| {
        of.token(token("sk-LEAK-token"))
            .key("xai", secret("sk-LEAK-grok"))
            .key("anthropic", secret("sk-LEAK-anthropic"))
            .allow_providers(["grok", "openai"])
            .allow_models(["grok-4", "my-model", "gpt-*"])
            .route(route)
    });
    scene.refuses(COMPAT, &[], "", (401, 2009)).await;
    scene.refuses(REST, &[("authorization", "Bearer wrong")], "", (401, 2009)).await;
    let shown = ("authorization", "Bearer sk-LEAK-token");
    for line in [COMPAT, REST] {
        let all = ids(&scene, line, &[shown]).await;
        assert_eq!(all, ["dynamic/support", "grok/grok-4", "grok/my-model"]);
        let narrowed = [shown, ("cf-aig-allowed-models", "grok/my-*")];
        let all = ids(&scene, line, &narrowed).await;
        assert_eq!(all, ["dynamic/support", "grok/my-model"]);
    }
}

#[tokio::test]
async fn a_model_is_found_by_its_id() {
    let scene = Scene::with(|of| of.allow_models(["grok-4", "a+b c"]).allow_providers(["grok"]));
    for (id, found) in [
        ("grok/grok-4", "grok/grok-4"),
        ("grok%2Fgrok-4", "grok/grok-4"),
        ("xai/grok-4", "grok/grok-4"),
        ("grok/a+b%20c", "grok/a+b c"),
    ] {
        for base in ["/v1/acct/gw/compat", "/ai/compat/v1", "/client/v4/accounts/a/ai/v1"] {
            let answer = scene.ask(&format!("GET {base}/models/{id}"), &[], "").await;
            assert_eq!(answer.status, 200, "{base} {id}: {answer:?}");
            let json: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((&json["id"], &json["object"]), (&found.into(), &"model".into()));
        }
    }
    for id in ["grok/grok-3", "grok-4", "openai/grok-4", "x"] {
        let line = format!("GET /v1/acct/gw/compat/models/{id}");
        scene.refuses(&line, &[], "", (404, 2400)).await;
    }
}

#[tokio::test]
async fn a_list_is_a_free_exchange() {
    let scene = Scene::new(Arc::new(GatewaySettings::default()));
    ids(&scene, COMPAT, &[]).await;
    assert_eq!(scene.hook.order(), "request end");
    let end = scene.hook.end();
    assert_eq!((end.outcome, end.gateway_code), (Outcome::Complete, None));
    assert_eq!((&*end.operation, end.provider), ("models", None));
    assert_eq!((end.metering, end.cost, end.attempts), (Metering::Free, None, 0));
}

#[tokio::test]
async fn only_get_is_accepted() {
    let scene = Scene::new(Arc::new(GatewaySettings::default()));
    for line in ["POST /v1/acct/gw/compat/models", "DELETE /v1/acct/gw/compat/models/grok/x"] {
        scene.refuses(line, &[], "", (404, 2400)).await;
    }
    scene.refuses("GET /v1/acct/gw/compat/modelsx", &[], "", (404, 2400)).await;
}
