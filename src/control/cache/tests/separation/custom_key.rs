//! `cf-aig-cache-key`: what it stands for, what it does not cross, and which purges include it.

use super::*;
use crate::control::cache::scopes;

/// A request with a custom key, to a gateway that only caches on request.
pub(in crate::control::cache::tests) fn custom(key: &str) -> Scene {
    Scene::new().with("cf-aig-cache-key", key)
}

#[test]
fn a_custom_key_stands_for_path_query_and_body() {
    let one = custom("c");
    together(&one, &custom("c").uri(format!("{CHAT}?a=b")));
    apart(&one, &custom("c").uri("/v1/acct/gw/grok/v1/responses"));
    apart(&one, &custom("c").body(r#"{"model":"grok-4","stream":true}"#));
    together(&one, &custom("c").body(r#"{"input":"other","model":"grok-4"}"#));
    together(&one, &custom("c").without("content-type").with("content-type", "application/x"));
    apart(&one, &custom("d"));
    apart(&one, &custom("C"));
    apart(&one, &scene());
}

#[test]
fn a_custom_key_crosses_neither_gateway_nor_provider_nor_caller_nor_model() {
    let one = custom("c");
    for uri in [
        "/v1/acct/other/grok/v1/chat/completions",
        "/v1/other/gw/grok/v1/chat/completions",
        "/v1/acct/gw/openai/v1/chat/completions",
    ] {
        apart(&one, &custom("c").uri(uri));
    }
    for base_url in ["https://two.test/v1", "https://one.test/v2"] {
        apart(&one, &Scene { base_url, ..custom("c") });
    }
    apart(&one, &custom("c").without("authorization").with("authorization", "Bearer sk-two"));
    apart(&one, &custom("c").identity("ann"));
    apart(&custom("c").identity("bob"), &custom("c").identity("ann"));
    apart(&one, &custom("c").with("accept", "text/event-stream"));
    apart(&one, &custom("c").with("anthropic-beta", "a"));
    apart(&one, &custom("c").body(r#"{"model":"grok-3","messages":[]}"#));
    let google = |model: &str| {
        let path = format!("/v1/acct/gw/google-ai-studio/v1beta/models/{model}:generateContent");
        custom("c").uri(path).body("{}")
    };
    apart(&google("gemini-a"), &google("gemini-b"));
    together(&google("gemini-a"), &google("gemini-a").body(r#"{"contents":[]}"#));
    // Only the path says whether the response is a stream, and of which kind.
    for (one, other) in [
        (
            "google-ai-studio/v1beta/models/gemini-a:generateContent",
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent",
        ),
        (
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent",
            "google-ai-studio/v1beta/models/gemini-a:streamGenerateContent?alt=sse",
        ),
        (
            "google-ai-studio/v1beta/models/gemini-a:embedContent",
            "google-ai-studio/v1beta/models/gemini-a:batchEmbedContents",
        ),
        (
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/converse",
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/converse-stream",
        ),
        (
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/invoke",
            "aws-bedrock/bedrock-runtime/us-east-1/model/a.b-v1/invoke-with-response-stream",
        ),
    ] {
        let at = |path| custom("c").uri(format!("/v1/acct/gw/{path}")).body("{}");
        apart(&at(one), &at(other));
    }
    let policy = one.kept().1;
    let by = |method: Method| {
        let (policy, mut scene) = (policy.clone(), custom("c"));
        scene.method = method;
        scene.sent(move |head, context, body| place(head, context, &policy, body).key)
    };
    assert_ne!(by(Method::POST), by(Method::PUT));
}

/// Some providers stream by default, and some accept other values than `true`.
#[test]
fn a_custom_key_does_not_cross_from_a_stream_to_a_plain_response() {
    let chat = |stream: &str, text: &str| {
        let body = format!(r#"{{"model":"llama",{stream}"text":"{text}"}}"#);
        custom("c").uri("/v1/acct/gw/custom-acme/api/chat").body(body)
    };
    let clear = ["", r#""stream":null,"#, r#""stream":false,"#, r#""stream":true,"#];
    let unclear = [
        r#""stream":0,"#,
        r#""stream":1,"#,
        r#""stream":"true","#,
        r#""Stream":true,"#,
        r#""stream":true,"stream":false,"#,
        r#""stream_format":"sse","#,
        r#""stream_format":"audio","#,
    ];
    for (at, one) in clear.into_iter().chain(unclear).enumerate() {
        for other in clear.into_iter().chain(unclear).take(at) {
            apart(&chat(one, "a"), &chat(other, "a"));
        }
    }
    clear.iter().for_each(|one| together(&chat(one, "a"), &chat(one, "b")));
    unclear.iter().for_each(|one| apart(&chat(one, "a"), &chat(one, "b")));
}

/// Otherwise a client could get the response of another model, in spite of a rule.
#[test]
fn a_custom_key_does_not_stand_for_a_body_with_an_ambiguous_model() {
    for (one, other) in [
        (r#"{"model":"a","model":"b"}"#, r#"{"model":"a","model":"c"}"#),
        (r#"{"model":"a","Model":"b"}"#, r#"{"model":"a","Model":"c"}"#),
        (r#"{"model":"a","x":1"#, r#"{"model":"a","x":2"#),
        (r#"{"model":"a"} b"#, r#"{"model":"a"} c"#),
        ("--b\r\nmodel=1", "--b\r\nmodel=2"),
        ("[1]", "[2]"),
    ] {
        apart(&custom("c").body(one), &custom("c").body(other));
    }
    // Without a model in the body, the path may name one.
    let none =
        |path: &str, body: &str| custom("c").uri(format!("/v1/acct/gw/grok/v1/{path}")).body(body);
    together(&none("search", r#"{"query":"a"}"#), &none("search", r#"{"query":"b"}"#));
    apart(&none("search", r#"{"query":"a"}"#), &none("rerank", r#"{"query":"a"}"#));
}

#[test]
fn places_have_the_scopes_that_purges_name() {
    let place = custom("c").place();
    let gateway = scopes::of_gateway(Some("acct"), "gw");
    assert_eq!(place.gateway, gateway);
    assert_eq!(place.provider, scopes::of_provider(gateway, "grok"));
    for model in ["grok-4", "Grok-4", " models/grok-4"] {
        assert_eq!(place.model, scopes::of_model(gateway, model), "{model}");
    }
    assert_eq!(place.custom, Some(scopes::of_custom(gateway, "c")));
    assert_eq!(scene().place().custom, None);
    let google = scene()
        .uri("/v1/acct/gw/google-ai-studio/v1beta/models/gemini-a:generateContent")
        .body("{}")
        .place();
    assert_eq!(google.model, scopes::of_model(gateway, "gemini-a"));
    let unified = scene().uri("/v1/acct/gw/compat/chat/completions");
    let unified = unified.body(r#"{"model":"grok/grok-4","messages":[]}"#).place();
    assert_eq!((unified.model, unified.provider), (place.model, place.provider));
}
