//! `cf-aig-allowed-models` and `cf-aig-allowed-providers`: a request only reaches what its client
//! lists and its gateway allows, on all ways.

use serde_json::{Value, json};
use tower_ai_gateway::settings::FallbackChain;
use tower_ai_gateway::settings::route::{DynamicRoute, Node};

use crate::fallbacks::scene::*;

const MODELS: &str = "cf-aig-allowed-models";
const PROVIDERS: &str = "cf-aig-allowed-providers";

/// The error for a request that reaches no provider.
async fn refused(scene: &Scene, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let before = scene.upstream.count();
    let got = scene.send(path, headers, body).await;
    assert_ne!(got.status, 200, "{path} {headers:?} {body}");
    assert_eq!(scene.upstream.count(), before, "nothing is sent");
    let json: Value = serde_json::from_str(got.text()).unwrap();
    (got.status, json["error"]["param"].clone())
}

async fn passes(scene: &Scene, path: &str, headers: &[(&str, &str)], body: &str) {
    let got = scene.send(path, headers, body).await;
    assert_eq!(got.status, 200, "{path} {headers:?} {body}: {}", got.text());
}

#[tokio::test]
async fn a_request_reaches_only_what_its_client_lists() {
    let scene = Scene::new(keys(), busy(&[]));
    let body = r#"{"model":"grok-4"}"#;
    let compat = r#"{"model":"grok/grok-4"}"#;
    for list in ["grok/grok-4", "grok/*", "grok-4*", "openai/*, xai/grok-*", "*"] {
        passes(&scene, CHAT, &[(MODELS, list)], body).await;
        passes(&scene, COMPAT, &[(MODELS, list)], compat).await;
    }
    for list in ["grok-3", "openai/*", "openai/grok-4", "grok", "*/*/*", "grok/grok-4/x"] {
        for (path, body) in [(CHAT, body), (COMPAT, compat)] {
            let refused = refused(&scene, path, &[(MODELS, list)], body).await;
            assert_eq!(refused, (403, MODELS.into()), "{list}");
        }
    }
    for list in ["grok", "xai", "openai, gro*", "*"] {
        passes(&scene, CHAT, &[(PROVIDERS, list)], body).await;
        passes(&scene, COMPAT, &[(PROVIDERS, list)], compat).await;
    }
    for (path, body) in [(CHAT, body), (COMPAT, compat)] {
        let refused = refused(&scene, path, &[(PROVIDERS, "openai, anthropic")], body).await;
        assert_eq!(refused, (403, PROVIDERS.into()));
    }
    // Models elsewhere in a body count too, and a body that hides them is refused.
    let nested = r#"{"model":"grok-4","models":["grok-3"]}"#;
    assert_eq!(refused(&scene, CHAT, &[(MODELS, "grok-4")], nested).await.0, 403);
    assert_eq!(refused(&scene, CHAT, &[(MODELS, "grok-4")], "{}").await.0, 403);
    let packed = [(MODELS, "grok-4"), ("content-encoding", "gzip")];
    assert_eq!(refused(&scene, CHAT, &packed, body).await.0, 400);
}

#[tokio::test]
async fn a_list_never_widens_what_the_gateway_allows() {
    let settings = keys().allow_models(["grok-4", "gpt-5"]).allow_providers(["grok"]);
    let scene = Scene::new(settings, busy(&[]));
    let all = [(MODELS, "*, */*"), (PROVIDERS, "*")];
    passes(&scene, CHAT, &all, r#"{"model":"grok-4"}"#).await;
    let grok_3 = refused(&scene, CHAT, &all, r#"{"model":"grok-3"}"#).await;
    assert_eq!(grok_3, (403, "model".into()));
    assert_eq!(refused(&scene, COMPAT, &all, r#"{"model":"openai/gpt-5"}"#).await.0, 403);
}

#[tokio::test]
async fn an_invalid_list_is_refused_by_name() {
    let scene = Scene::new(keys(), busy(&[]));
    for name in [MODELS, PROVIDERS] {
        for bad in ["", ",", "grok,", "a b", "/grok"] {
            let refused = refused(&scene, CHAT, &[(name, bad)], "{}").await;
            assert_eq!(refused, (400, name.into()), "{bad}");
        }
        let twice = [(name, "grok"), (name, "grok")];
        assert_eq!(refused(&scene, CHAT, &twice, "{}").await, (400, name.into()));
    }
}

#[tokio::test]
async fn unlisted_fallback_steps_are_not_taken() {
    let chain = FallbackChain::on("*").to("openai", "gpt-5").to("acme", "m").to_model("grok-3");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
    for headers in [[(PROVIDERS, "grok, acme")], [(MODELS, "grok/grok-4, acme/*")]] {
        let before = scene.upstream.count();
        let got = scene.send(CHAT, &headers, r#"{"model":"grok-4"}"#).await;
        assert_eq!(got.answered_by(), ("1", Some("custom-acme"), Some("m")), "{headers:?}");
        assert_eq!(scene.upstream.authorities()[before..], [GROK, ACME]);
    }
    let before = scene.upstream.count();
    let got = scene.send(CHAT, &[(MODELS, "grok-4")], r#"{"model":"grok-4"}"#).await;
    assert_eq!(got.status, 503);
    assert_eq!(scene.upstream.authorities()[before..], [GROK], "no step is left");
}

#[tokio::test]
async fn entries_and_dynamic_routes_obey_the_lists() {
    let route = DynamicRoute::builder("r").start("a");
    let route = route.node("a", Node::model("openai", "gpt-5").fallback("b"));
    let route = route.node("b", Node::model("acme", "m")).build().unwrap();
    let scene = Scene::new(keys().route(route), busy(&[]));
    let body = r#"{"model":"dynamic/r"}"#;
    for headers in [[(PROVIDERS, "acme")], [(MODELS, "acme/m")]] {
        let got = scene.send(COMPAT, &headers, body).await;
        assert_eq!(got.answered_by().1, Some("custom-acme"), "{headers:?}");
    }
    assert_eq!(refused(&scene, COMPAT, &[(PROVIDERS, "grok")], body).await.0, 403);

    let entry = |provider: &str, headers: Value| {
        json!({
            "provider": provider, "endpoint": "v1/chat/completions",
            "headers": headers, "query": { "model": "m" },
        })
    };
    let universal = "/v1/acct/gw";
    let both = json!([entry("grok", json!({})), entry("openai", json!({}))]).to_string();
    passes(&scene, universal, &[(PROVIDERS, "grok, openai")], &both).await;
    passes(&scene, universal, &[(MODELS, "grok/m, openai/*")], &both).await;
    let refusal = refused(&scene, universal, &[(PROVIDERS, "grok")], &both).await;
    assert_eq!(refusal, (403, PROVIDERS.into()));
    let refusal = refused(&scene, universal, &[(MODELS, "grok/*")], &both).await;
    assert_eq!(refusal, (403, MODELS.into()));
    // An entry can narrow the request's lists, but not widen them.
    let own = json!([entry("grok", json!({ MODELS: "m*" }))]).to_string();
    passes(&scene, universal, &[(MODELS, "grok/*")], &own).await;
    assert_eq!(refused(&scene, universal, &[(MODELS, "x")], &own).await, (403, MODELS.into()));
    let own = json!([entry("grok", json!({ MODELS: "x" }))]).to_string();
    assert_eq!(refused(&scene, universal, &[], &own).await, (403, MODELS.into()));
}
