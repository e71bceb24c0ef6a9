//! `cf-aig-zdr`: such requests only reach providers that keep nothing, on all ways. Here these are
//! `grok` and `acme`.

use serde_json::{Value, json};
use tower_ai_gateway::settings::FallbackChain;
use tower_ai_gateway::settings::route::{DynamicRoute, Node};

use crate::fallbacks::scene::*;

const ZDR: (&str, &str) = ("cf-aig-zdr", "true");
const OPENAI_CHAT: &str = "/v1/acct/gw/openai/v1/chat/completions";

/// Checks that the request is refused because of provider `named`, and reaches no provider.
async fn refuses(scene: &Scene, path: &str, headers: &[(&str, &str)], body: &str, named: &str) {
    let before = scene.upstream.count();
    let got = scene.send(path, headers, body).await;
    let json: Value = serde_json::from_str(got.text()).unwrap();
    assert_eq!((got.status, &json["gateway"]["code"]), (400, &2400.into()), "{path}: {json}");
    assert_eq!(json["error"]["param"], "cf-aig-zdr", "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains(named), "{json}");
    assert_eq!(scene.upstream.count(), before, "nothing is sent");
}

#[tokio::test]
async fn a_provider_without_zero_retention_gets_nothing() {
    let scene = Scene::new(keys(), busy(&[]));
    for (path, body) in [
        (OPENAI_CHAT, r#"{"model":"gpt-5"}"#),
        (COMPAT, r#"{"model":"openai/gpt-5"}"#),
        ("/v1/acct/gw/openai/v1/files", "{}"),
    ] {
        refuses(&scene, path, &[ZDR], body, "`openai`").await;
        for headers in [&[][..], &[("cf-aig-zdr", "false")]] {
            assert_eq!(scene.send(path, headers, body).await.status, 200, "{path} {headers:?}");
        }
    }
    for (path, body) in [(CHAT, r#"{"model":"grok-4"}"#), (COMPAT, r#"{"model":"acme/m"}"#)] {
        assert_eq!(scene.send(path, &[ZDR], body).await.status, 200, "{path}");
    }
    for name in ["cf-aig-zdr", "cf-aig-no-wholesale"] {
        for wrong in ["1", "TRUE", "", "yes"] {
            let got = scene.send(CHAT, &[(name, wrong)], "{}").await;
            let json: Value = serde_json::from_str(got.text()).unwrap();
            assert_eq!((got.status, &json["error"]["param"]), (400, &name.into()), "{wrong}");
        }
    }
    for flag in ["true", "false"] {
        let headers = [("cf-aig-no-wholesale", flag)];
        assert_eq!(scene.send(CHAT, &headers, "{}").await.status, 200, "{flag}");
    }
}

#[tokio::test]
async fn a_fallback_step_without_zero_retention_is_not_taken() {
    let chain = FallbackChain::on("*").to("openai", "gpt-5").to("acme", "m");
    let scene = Scene::new(keys().fallback(chain), busy(&[GROK]));
    let body = r#"{"model":"grok-4"}"#;
    let got = scene.send(CHAT, &[], body).await;
    assert_eq!(got.answered_by(), ("1", Some("openai"), Some("gpt-5")));
    let before = scene.upstream.count();
    let got = scene.send(CHAT, &[ZDR], body).await;
    assert_eq!(got.answered_by(), ("1", Some("custom-acme"), Some("m")));
    assert_eq!(scene.upstream.authorities()[before..], [GROK, ACME]);
}

#[tokio::test]
async fn a_request_cannot_undo_a_gateways_zero_retention() {
    let settings = keys()
        .defaults(|defaults| defaults.zdr = Some(true))
        .fallback(FallbackChain::on("*").to("openai", "gpt-5"));
    let scene = Scene::new(settings, busy(&[GROK]));
    refuses(&scene, OPENAI_CHAT, &[], "{}", "`openai`").await;
    assert_eq!(scene.send(CHAT, &[], r#"{"model":"grok-4"}"#).await.status, 503);
    assert_eq!(scene.upstream.authorities(), [GROK], "the step is not taken");
    refuses(&scene, OPENAI_CHAT, &[("cf-aig-zdr", "false")], "{}", "`openai`").await;
}

#[tokio::test]
async fn an_entry_without_zero_retention_is_not_taken() {
    let scene = Scene::new(keys(), busy(&[GROK]));
    let entry = |provider: &str, headers: Value| {
        json!({
            "provider": provider, "endpoint": "v1/chat/completions",
            "headers": headers, "query": { "model": "m" },
        })
    };
    let own = || json!({ "cf-aig-zdr": "true" });
    for (headers, body) in [
        (&[ZDR][..], json!([entry("grok", json!({})), entry("openai", json!({}))])),
        (&[], json!([entry("grok", json!({})), entry("openai", own())])),
    ] {
        refuses(&scene, "/v1/acct/gw", headers, &body.to_string(), "`openai`").await;
    }
    let body = json!([entry("grok", own()), entry("openai", json!({}))]).to_string();
    let got = scene.send("/v1/acct/gw", &[], &body).await;
    assert_eq!(got.answered_by().1, Some("openai"), "an entry speaks for itself");
    let body = json!([entry("grok", json!({})), entry("acme", json!({}))]).to_string();
    let got = scene.send("/v1/acct/gw", &[ZDR], &body).await;
    assert_eq!(got.answered_by().1, Some("custom-acme"));
}

#[tokio::test]
async fn a_dynamic_route_skips_nodes_without_zero_retention() {
    let settings = || {
        let route = |name: &str, first: &str, then: &str| {
            let route = DynamicRoute::builder(name).start("a");
            let route = route.node("a", Node::model(first, "m").fallback("b"));
            route.node("b", Node::model(then, "m")).build().unwrap()
        };
        keys().route(route("some", "openai", "acme")).route(route("none", "openai", "anthropic"))
    };
    let scene = Scene::new(settings(), busy(&[]));
    let got = scene.send(COMPAT, &[], r#"{"model":"dynamic/some"}"#).await;
    assert_eq!(got.answered_by().1, Some("openai"));
    let got = scene.send(COMPAT, &[ZDR], r#"{"model":"dynamic/some"}"#).await;
    assert_eq!(got.answered_by().1, Some("custom-acme"));
    refuses(&scene, COMPAT, &[ZDR], r#"{"model":"dynamic/none"}"#, "`openai`").await;
}
