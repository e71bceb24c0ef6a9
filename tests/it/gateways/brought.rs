//! Keys from clients: passed, ignored or refused, as the host has configured.

use serde_json::json;
use tower_ai_gateway::settings::{ClientCredentials, GatewaySettingsBuilder};

use crate::gateways::scene::{BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret};

fn stored(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    Scene::with(|of| {
        set(of
            .authenticated_elsewhere()
            .key("grok", secret("sk-grok"))
            .key("anthropic", secret("sk-anthropic"))
            .key("google-ai-studio", secret("sk-google"))
            .key("acme", secret("sk-acme")))
    })
}

const SLOTS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
const MESSAGES: &str = "POST /v1/acct/gw/anthropic/v1/messages";

#[tokio::test]
async fn an_ignored_key_is_replaced_by_the_stored_one() {
    let scene = stored(|of| of.client_credentials(ClientCredentials::Ignore));
    for name in SLOTS {
        let brought = [(name, "Bearer session-of-the-app")];
        for line in [NATIVE, UNIFIED, REST] {
            let sent = scene.passes(line, &brought, BODY).await;
            assert_eq!(sent.keys(), [("authorization", "Bearer sk-grok")], "{line} {name}");
        }
        // A dummy bearer is not a key for a provider that reads another header.
        let sent = scene.passes(MESSAGES, &brought, BODY).await;
        assert_eq!(sent.keys(), [("x-api-key", "sk-anthropic")], "{name}");
        let headers = json!({ name: "Bearer session-of-the-app" });
        let body = entry("grok", "v1/chat/completions", &headers, &json!({ "model": "m" }));
        let sent = scene.passes(UNIVERSAL, &brought, &body).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-grok")], "{name}");
    }
    let own = [("x-acme-key", "own"), ("authorization", "Bearer own")];
    let sent = scene.passes("POST /ai/acme/x", &own, BODY).await;
    assert_eq!(sent.keys(), [("x-acme-key", "sk-acme")]);
    let line = "POST /ai/google-ai-studio/v1beta/models/m:generateContent?alt=sse&%6bey=own";
    let sent = scene.passes(line, &[], BODY).await;
    assert_eq!(sent.keys(), [("x-goog-api-key", "sk-google")]);
    assert_eq!(sent.uri.query(), Some("alt=sse"));
}

#[tokio::test]
async fn a_passed_key_in_the_query_replaces_the_stored_one() {
    let scene = stored(|of| of);
    const GENERATE: &str = "POST /ai/google-ai-studio/v1beta/models/m:generateContent";
    for query in ["key=own", "alt=sse&%6bey=own", "access_token=own"] {
        let sent = scene.passes(&format!("{GENERATE}?{query}"), &[], BODY).await;
        assert_eq!((sent.keys(), sent.uri.query()), (vec![], Some(query)));
    }
    // No other provider reads a key there.
    let sent = scene.passes(&format!("{NATIVE}?key=own"), &[], BODY).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-grok")]);
    assert_eq!(sent.uri.query(), Some("key=own"));
    let demanding = Scene::with(|of| of.authenticated_elsewhere().require_credentials());
    let sent = demanding.passes(&format!("{GENERATE}?key=own"), &[], BODY).await;
    assert_eq!(sent.uri.query(), Some("key=own"));
    demanding.refuses(GENERATE, &[], BODY, (401, 2401)).await;
}

#[tokio::test]
async fn a_choice_for_one_provider_takes_precedence() {
    let scene = stored(|of| {
        of.client_credentials(ClientCredentials::Refuse)
            .client_credentials_for("xai", ClientCredentials::Pass)
            .client_credentials_for("acme", ClientCredentials::Ignore)
    });
    let brought = [("authorization", "Bearer own")];
    assert_eq!(scene.passes(NATIVE, &brought, BODY).await.keys(), brought);
    assert_eq!(scene.passes(UNIFIED, &brought, BODY).await.keys(), brought);
    scene.refuses(MESSAGES, &brought, BODY, (403, 2403)).await;
    scene.refuses(MESSAGES, &[("api-key", "x")], BODY, (403, 2403)).await;
    scene.refuses("POST /ai/google-ai-studio/x?key=own", &[], BODY, (403, 2403)).await;
    let sent = scene.passes(MESSAGES, &[("authorization", "Bearer ")], BODY).await;
    assert_eq!(sent.keys(), [("x-api-key", "sk-anthropic")], "nothing is no key");
    let sent = scene.passes("POST /ai/acme/x", &brought, BODY).await;
    assert_eq!(sent.keys(), [("x-acme-key", "sk-acme")]);
}

#[tokio::test]
async fn a_passed_key_replaces_the_stored_one() {
    for set in [
        |of: GatewaySettingsBuilder| of,
        |of: GatewaySettingsBuilder| of.client_credentials(ClientCredentials::Pass),
    ] {
        let scene = stored(set);
        for name in SLOTS {
            let sent = scene.passes(MESSAGES, &[(name, "Bearer own")], BODY).await;
            assert_eq!(sent.keys(), [(name, "Bearer own")]);
        }
    }
}
