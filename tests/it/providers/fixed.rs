//! Fixed query parameters and headers of a provider.

use tower_ai_gateway::settings::{GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Provider};

use crate::providers::scene::Scene;
use crate::support::scripted::Call;

const NATIVE: &str = "POST /v1/acct/gw/azure-openai/res/dep/chat/completions";
const UNIFIED: &str = "POST /v1/acct/gw/compat/chat/completions";
const REST: &str = "POST /client/v4/accounts/acct/ai/v1/chat/completions";
const UNIVERSAL: &str = "POST /v1/acct/gw";

fn azure() -> Provider {
    Provider::azure_openai("res")
        .query("api-version", "2024-10-21")
        .header("X-Org", "org-LEAK")
        .header("user-agent", "the host")
}

fn scene() -> Scene {
    scene_with(|layer| layer)
}

fn scene_with(set: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) -> Scene {
    Scene::new(|layer| set(layer.provider(azure()).provider(Provider::openai())))
}

#[track_caller]
fn has_all_that_is_fixed(call: &Call) {
    assert_eq!(call.header("x-org"), Some("org-LEAK"), "once, and the host's");
    assert_eq!(call.header("user-agent"), Some("the host"));
    assert!(!format!("{:?}", call.headers).contains("LEAK"), "it is sensitive");
}

#[tokio::test]
async fn every_request_to_the_provider_has_its_fixed_headers() {
    let scene = scene();
    let body = r#"{"model":"azure-openai/dep","n":1}"#;
    let headers = [("x-org", "the client's"), ("user-agent", "the client")];
    for (line, query) in [
        (NATIVE.to_owned(), "api-version=2024-10-21"),
        (format!("{NATIVE}?api-version=1"), "api-version=2024-10-21"),
        (format!("{NATIVE}?API%2DVersion=1&a=%2F&&b"), "a=%2F&&b&api-version=2024-10-21"),
        (UNIFIED.to_owned(), "api-version=2024-10-21"),
        (format!("{UNIFIED}?x=1&api-version=2"), "x=1&api-version=2024-10-21"),
        (REST.to_owned(), "api-version=2024-10-21"),
    ] {
        let call = scene.send(&line, &headers, body).await.unwrap();
        assert_eq!(call.uri.query(), Some(query), "{line}");
        has_all_that_is_fixed(&call);
    }
    for (provider, endpoint) in [
        ("azure-openai", "res/dep/chat/completions?api-version=1"),
        ("compat", "chat/completions?api-version=1"),
    ] {
        let entry = serde_json::json!([{
            "provider": provider,
            "endpoint": endpoint,
            "headers": {"x-org": "the client's"},
            "query": {"model": "azure-openai/dep"},
        }]);
        let call = scene.send(UNIVERSAL, &headers, &entry.to_string()).await.unwrap();
        assert_eq!(call.uri.query(), Some("api-version=2024-10-21"), "{provider}");
        has_all_that_is_fixed(&call);
    }
}

#[tokio::test]
async fn another_provider_gets_no_fixed_headers() {
    let scene = scene();
    for line in ["POST /v1/acct/gw/openai/responses?api-version=1", UNIFIED] {
        let own = [("x-org", "mine"), ("user-agent", "me")];
        let call = scene.send(line, &own, r#"{"model":"openai/gpt-5"}"#).await.unwrap();
        let query = line.split_once('?').map(|(_, query)| query);
        assert_eq!((call.uri.query(), call.header("x-org")), (query, Some("mine")), "{line}");
        assert_eq!(call.header("user-agent"), Some("me"));
    }
}

#[tokio::test]
async fn keys_are_sent_beside_fixed_headers() {
    let key = Secret::new("sk-stored").unwrap();
    let settings = GatewaySettings::builder().authenticated_elsewhere().key("azure", key);
    let settings = std::sync::Arc::new(settings.build().unwrap());
    let scene = scene_with(|layer| layer.settings(settings));
    let call = scene.send(NATIVE, &[], "{}").await.unwrap();
    assert_eq!(call.header("api-key"), Some("sk-stored"));
    has_all_that_is_fixed(&call);
    let call = scene.send(NATIVE, &[("api-key", "sk-own")], "{}").await.unwrap();
    assert_eq!(call.header("api-key"), Some("sk-own"));
}

#[test]
fn build_finds_invalid_fixed_headers() {
    let build = |provider: Provider| GatewayLayer::builder().provider(provider).build();
    for provider in [
        azure().query("key", "LEAK"),
        azure().query("access_token", "LEAK"),
        azure().query("", "LEAK"),
        azure().header("authorization", "LEAK"),
        azure().header("api-key", "LEAK"),
        azure().header("host", "LEAK"),
        azure().header("cf-aig-metadata", "LEAK"),
        azure().header("content-length", "LEAK"),
        azure().header("x y", "LEAK"),
        azure().header("x-y", "LEAK\n"),
    ] {
        assert!(!format!("{provider:?}").contains("LEAK"));
        let refused = build(provider).unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(text.contains("azure-openai") && !text.contains("LEAK"), "{text}");
    }
    assert!(build(azure()).is_ok());
}
