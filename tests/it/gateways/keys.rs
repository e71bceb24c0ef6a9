//! Stored keys of a gateway: which request gets which key in which header, and which gets none.

use serde_json::json;
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, GatewayToken, SettingsError,
};

use crate::gateways::scene::{BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, secret, token};

fn open(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    Scene::with(|of| set(of.authenticated_elsewhere()))
}

fn stored() -> Scene {
    open(|of| {
        of.key("xai", secret("sk-LEAK-grok"))
            .key_as("grok", "second", secret("sk-LEAK-second"))
            .key("openai", secret("sk-LEAK-openai"))
            .key("anthropic", secret("sk-LEAK-anthropic"))
            .key("google-ai-studio", secret("sk-LEAK-google"))
            .key("custom-acme", secret("sk-LEAK-acme"))
            .key_as("cohere", "only", secret("sk-LEAK-cohere"))
    })
}

#[tokio::test]
async fn each_provider_gets_its_key_in_its_own_header() {
    let scene = stored();
    let compat = |model: &str| format!(r#"{{"model":"{model}"}}"#);
    let (chat, messages) = ("POST /v1/a/g/compat/chat/completions", "POST /v1/a/g/compat/messages");
    let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
    let plain = |name, key: &str| (name, key.to_owned());
    for (line, body, expected) in [
        ("POST /v1/a/g/grok/x", String::new(), bearer("sk-LEAK-grok")),
        ("GET /v1/a/g/xai/v1/models", String::new(), bearer("sk-LEAK-grok")),
        ("POST /ai/openai/x", String::new(), bearer("sk-LEAK-openai")),
        ("POST /ai/anthropic/v1/messages", BODY.into(), plain("x-api-key", "sk-LEAK-anthropic")),
        ("POST /ai/google-ai-studio/x", BODY.into(), plain("x-goog-api-key", "sk-LEAK-google")),
        ("POST /ai/acme/x", BODY.into(), plain("x-acme-key", "sk-LEAK-acme")),
        (chat, compat("grok/m"), bearer("sk-LEAK-grok")),
        (chat, compat("anthropic/m"), bearer("sk-LEAK-anthropic")),
        (chat, compat("google-ai-studio/m"), bearer("sk-LEAK-google")),
        (chat, compat("acme/m"), plain("x-acme-key", "sk-LEAK-acme")),
        (messages, compat("anthropic/m"), plain("x-api-key", "sk-LEAK-anthropic")),
        (messages, compat("grok/m"), bearer("sk-LEAK-grok")),
        (REST, compat("anthropic/m"), bearer("sk-LEAK-anthropic")),
    ] {
        let sent = scene.passes(line, &[], &body).await;
        let (name, value) = (expected.0, &*expected.1);
        assert_eq!(sent.keys(), [(name, value)], "{line} {body}");
        assert!(sent.headers[name].is_sensitive());
    }
    for (provider, endpoint, query, expected) in [
        ("grok", "v1/chat/completions", json!({"model":"m"}), bearer("sk-LEAK-grok")),
        ("anthropic", "v1/messages", json!({"model":"m"}), plain("x-api-key", "sk-LEAK-anthropic")),
        ("compat", "chat/completions", json!({"model":"anthropic/m"}), bearer("sk-LEAK-anthropic")),
        (
            "compat",
            "messages",
            json!({"model":"anthropic/m"}),
            plain("x-api-key", "sk-LEAK-anthropic"),
        ),
    ] {
        let body = entry(provider, endpoint, &json!({}), &query);
        let sent = scene.passes(UNIVERSAL, &[], &body).await;
        assert_eq!(sent.keys(), [(expected.0, &*expected.1)], "{body}");
    }
}

#[tokio::test]
async fn with_tokens_rest_paths_use_the_stored_key() {
    let scene = Scene::with(|of| of.token(token("t")).key("grok", secret("sk-LEAK-grok")));
    for name in ["authorization", "x-api-key", "cf-aig-authorization"] {
        let sent = scene.passes(REST, &[(name, "Bearer t")], BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")], "{name}");
    }
    // A gateway token in a key's place is not a key: the stored one is used.
    let both = [("cf-aig-authorization", "t"), ("authorization", "Bearer t")];
    for line in [NATIVE, UNIFIED] {
        let sent = scene.passes(line, &both, BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")], "{line}");
    }
}

#[tokio::test]
async fn an_alias_chooses_a_key_and_an_unknown_one_reveals_no_others() {
    let scene = stored();
    let by = |alias| [("cf-aig-byok-alias", alias)];
    for line in [NATIVE, UNIFIED] {
        let sent = scene.passes(line, &by("second"), BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-second")]);
        let sent = scene.passes(line, &by("default"), BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")]);
        for unknown in ["third", "Second", "only", "sk-LEAK-second"] {
            let json = scene.refuses(line, &by(unknown), BODY, (400, 2040)).await;
            assert_eq!(json["error"]["param"], "cf-aig-byok-alias");
            let text = json.to_string();
            assert!(
                !["second", "default", "LEAK"].iter().any(|hint| text.contains(hint)),
                "{text}"
            );
        }
    }
    let line = "POST /v1/a/g/cohere/x";
    assert_eq!(scene.passes(line, &[], BODY).await.keys(), [], "no key is named default");
    scene.refuses(line, &by("default"), BODY, (400, 2040)).await;
    let bare = Scene::new(std::sync::Arc::new(GatewaySettings::default()));
    bare.refuses(NATIVE, &by("none"), BODY, (400, 2040)).await;
    let own = json!({ "cf-aig-byok-alias": "second" });
    let body = entry("grok", "v1/chat/completions", &own, &json!({"model":"m"}));
    let sent = scene.passes(UNIVERSAL, &by("none"), &body).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-second")], "the entry's goes first");
}

#[tokio::test]
async fn the_clients_own_key_takes_precedence_and_reaches_only_its_provider() {
    let scene = stored();
    for (name, value) in [
        ("authorization", "Bearer own"),
        ("x-api-key", "own"),
        ("api-key", "own"),
        ("x-goog-api-key", "own"),
    ] {
        for line in [NATIVE, UNIFIED, REST] {
            let headers = [(name, value), ("cf-aig-byok-alias", "none")];
            let sent = scene.passes(line, &headers, BODY).await;
            assert_eq!(sent.keys(), [(name, value)], "{line}");
            assert!(sent.headers[name].is_sensitive());
        }
    }
    let sent = scene.passes("POST /ai/acme/x", &[("x-acme-key", "own")], BODY).await;
    assert_eq!(sent.keys(), [("x-acme-key", "own")]);
    assert!(sent.headers["x-acme-key"].is_sensitive(), "nothing can print it");
    let body = entry("acme", "x", &json!({ "x-acme-key": "own" }), &json!({}));
    let sent = scene.passes(UNIVERSAL, &[("authorization", "Bearer outer")], &body).await;
    assert_eq!(sent.keys(), [("x-acme-key", "own")]);
    assert!(sent.headers["x-acme-key"].is_sensitive());
}

#[tokio::test]
async fn an_empty_key_in_the_query_is_none() {
    let stored = stored();
    let strict = open(|of| {
        of.key("google-ai-studio", secret("sk-LEAK-google"))
            .refuse_client_credentials()
            .require_credentials()
    });
    let google = [("x-goog-api-key", "sk-LEAK-google")];
    for (query, rest) in
        [("?key=", None), ("?key", None), ("?alt=sse&k%65y=&access_token=%20", Some("alt=sse"))]
    {
        let line = format!("POST /ai/google-ai-studio/x{query}");
        let body = entry("google-ai-studio", &format!("x{query}"), &json!({}), &json!({}));
        for scene in [&stored, &strict] {
            for sent in
                [scene.passes(&line, &[], BODY).await, scene.passes(UNIVERSAL, &[], &body).await]
            {
                assert_eq!((sent.keys(), sent.uri.query()), (google.to_vec(), rest), "{query}");
            }
        }
        // Others do not read it.
        let line = format!("POST /ai/grok/x{query}");
        let sent = stored.passes(&line, &[], BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")]);
        assert_eq!(format!("?{}", sent.uri.query().unwrap()), query);
    }
    let sent = stored.passes("POST /ai/google-ai-studio/x?key=&key=own", &[], BODY).await;
    assert_eq!((&*sent.keys(), sent.uri.query()), (&[][..], Some("key=own")));
}

#[tokio::test]
async fn a_connection_header_cannot_remove_a_stored_key() {
    let scene = stored();
    let sent = scene.passes(NATIVE, &[("connection", "authorization")], BODY).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")]);
}

#[tokio::test]
async fn a_key_that_a_connection_header_names_is_none() {
    let stored = stored();
    let strict = open(|of| of.require_credentials());
    let entered = Scene::with(|of| of.token(token("t")).key("grok", secret("sk-LEAK-grok")));
    for line in [NATIVE, UNIFIED] {
        for named in ["authorization", "close, Authorization"] {
            let headers = [("connection", named), ("authorization", "Bearer own")];
            let sent = stored.passes(line, &headers, BODY).await;
            assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")], "{line} {named}");
            strict.refuses(line, &headers, BODY, (401, 2401)).await;
            // A token of the gateway's is for this hop anyway.
            let headers = [("connection", named), ("authorization", "Bearer t")];
            let sent = entered.passes(line, &headers, BODY).await;
            assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-grok")], "{line} {named}");
        }
        let other = [("connection", "x-api-key"), ("authorization", "Bearer own")];
        let sent = stored.passes(line, &other, BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer own")], "{line}");
    }
}

#[tokio::test]
async fn without_any_key_a_request_passes_unless_one_is_required() {
    let lenient = open(|of| of.key("openai", secret("sk-LEAK")));
    let strict = open(|of| of.key("openai", secret("sk-LEAK")).require_credentials());
    for line in [NATIVE, UNIFIED, REST] {
        assert_eq!(lenient.passes(line, &[], BODY).await.keys(), []);
        let json = strict.refuses(line, &[], BODY, (401, 2401)).await;
        assert_eq!(json["error"]["code"], "no_provider_key");
        strict.passes(line, &[("authorization", "Bearer own")], BODY).await;
    }
    assert_eq!(strict.passes("POST /ai/openai/x", &[], BODY).await.keys().len(), 1);
    let body = entry("grok", "x", &json!({}), &json!({}));
    strict.refuses(UNIVERSAL, &[("authorization", "Bearer own")], &body, (401, 2401)).await;
}

#[tokio::test]
async fn clients_keys_are_refused_if_only_stored_keys_are_allowed() {
    let set = |of: GatewaySettingsBuilder| {
        of.token(token("t")).key("grok", secret("sk-LEAK")).refuse_client_credentials()
    };
    let scene = Scene::with(set);
    let entered = ("cf-aig-authorization", "t");
    for line in [NATIVE, UNIFIED] {
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            let json = scene.refuses(line, &[entered, (name, "own")], BODY, (403, 2403)).await;
            assert_eq!(json["error"]["code"], "not_allowed");
        }
        let both = [entered, ("authorization", "Bearer t")];
        let sent = scene.passes(line, &both, BODY).await;
        assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK")], "the token is no key");
    }
    scene.refuses("POST /ai/acme/x", &[entered, ("x-acme-key", "own")], BODY, (403, 2403)).await;
    let body = entry("grok", "x", &json!({ "authorization": "Bearer own" }), &json!({}));
    scene.refuses(UNIVERSAL, &[entered], &body, (403, 2403)).await;
    for query in ["?key=own", "?alt=sse&k%65y=own"] {
        for line in [NATIVE, UNIFIED] {
            let line = format!("{line}{query}");
            scene.refuses(&line, &[entered], BODY, (403, 2403)).await;
        }
        let body = entry("grok", &format!("x{query}"), &json!({}), &json!({}));
        scene.refuses(UNIVERSAL, &[entered], &body, (403, 2403)).await;
    }
    scene.passes(&format!("{NATIVE}?alt=sse"), &[entered], BODY).await;
}

#[test]
fn stored_keys_without_authentication_are_refused() {
    let keys = || GatewaySettings::builder().key("grok", secret("sk-LEAK"));
    assert_eq!(keys().build().unwrap_err(), SettingsError::KeysWithoutTokens);
    let aliased = GatewaySettings::builder().key_as("grok", "a", secret("sk-LEAK"));
    assert_eq!(aliased.build().unwrap_err(), SettingsError::KeysWithoutTokens);
    for empty in ["", " ", "\n"] {
        let error = keys().token(GatewayToken::new(empty)).build().unwrap_err();
        assert_eq!(error, SettingsError::EmptyToken);
    }
    assert!(keys().token(token("t")).build().is_ok());
    assert!(keys().authenticated_elsewhere().build().is_ok());
}
