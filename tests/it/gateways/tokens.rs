//! Tokens: who is accepted, which errors others get, and that tokens never leak.

use serde_json::{Value, json};
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::GatewaySettings;

use crate::gateways::scene::{Answer, BODY, NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, token};

const TOKEN: &str = "cf-aig-authorization";

fn locked() -> Scene {
    Scene::with(|of| of.token(token("sk-LEAK-old")).token(token("sk-LEAK-new")))
}

#[tokio::test]
async fn any_token_is_accepted_with_or_without_bearer() {
    let scene = locked();
    for good in ["Bearer sk-LEAK-old", "bearer sk-LEAK-new", "sk-LEAK-new", "BEARER   sk-LEAK-old "]
    {
        let sent = scene.passes(NATIVE, &[(TOKEN, good)], BODY).await;
        assert!(!sent.headers.contains_key(TOKEN) && sent.keys().is_empty(), "{good}");
    }
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk-LEAK",
        "Basic sk-LEAK-old",
        "Bearer Bearer sk-LEAK-old",
        "Bearer sk-LEAK-old, Bearer sk-LEAK-new",
        "sk-LEAK-old sk-LEAK-new",
        "SK-LEAK-OLD",
        "\"sk-LEAK-old\"",
    ] {
        scene.refuses(NATIVE, &[(TOKEN, bad)], BODY, (401, 2009)).await;
    }
    let twice = [(TOKEN, "sk-LEAK-old"), (TOKEN, "sk-LEAK-old")];
    scene.refuses(NATIVE, &twice, BODY, (401, 2009)).await;
    let underscores = [("cf_aig_authorization", "sk-LEAK-old")];
    scene.refuses(NATIVE, &underscores, BODY, (401, 2009)).await;
}

/// An answer without the parts that differ per request.
fn same(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.headers["cf-aig-log-id"].to_str().unwrap().to_owned();
    let is_an_id =
        |name: &str| matches!(name, "cf-aig-log-id" | "cf-aig-event-id" | "cf-aig-request-id");
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !is_an_id(name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let body = String::from_utf8(answer.body.to_vec()).unwrap().replace(&id, "");
    (answer.status.as_u16(), headers, body)
}

#[tokio::test]
async fn a_wrong_token_gets_the_same_answer_as_none() {
    let scene = locked();
    for line in [NATIVE, UNIFIED, REST, UNIVERSAL, "POST /v1/a/b/anthropic/v1/messages"] {
        let none = same(&scene.ask(line, &[], BODY).await);
        assert!(none.1.contains(&("www-authenticate".into(), "Bearer".into())), "{none:?}");
        for wrong in ["wrong", "", "Bearer sk-LEAK-ol", "Bearer sk-LEAK-older"] {
            for headers in [
                &[(TOKEN, wrong)][..],
                &[("authorization", wrong)],
                &[(TOKEN, wrong), (TOKEN, "sk-LEAK-old")],
            ] {
                let answer = scene.ask(line, headers, BODY).await;
                assert_eq!(same(&answer), none, "{line} {headers:?}");
            }
        }
    }
    assert!(scene.sent().is_empty());
}

#[tokio::test]
async fn the_answer_says_where_the_token_belongs() {
    let scene = locked();
    let json = scene.refuses(NATIVE, &[], BODY, (401, 2009)).await;
    assert_eq!(json["error"]["type"], "authentication_error");
    assert_eq!(json["error"]["param"], TOKEN);
    let json = scene.refuses(REST, &[], BODY, (401, 2009)).await;
    assert_eq!(json["error"]["param"], "authorization");
    let line = "POST /v1/acct/gw/anthropic/v1/messages";
    let json = scene.refuses(line, &[], BODY, (401, 2009)).await;
    assert_eq!(
        (&json["type"], &json["error"]["type"]),
        (&json!("error"), &json!("authentication_error"))
    );
}

#[tokio::test]
async fn the_only_credential_on_a_rest_path_is_the_token() {
    let scene = locked();
    for good in [
        &[("authorization", "Bearer sk-LEAK-old")][..],
        &[("authorization", "sk-LEAK-new")],
        &[("x-api-key", "sk-LEAK-new")],
        &[("api-key", "sk-LEAK-old")],
        &[("x-goog-api-key", "sk-LEAK-old")],
        &[(TOKEN, "sk-LEAK-old")],
        &[(TOKEN, "sk-LEAK-old"), ("authorization", "Bearer sk-LEAK-provider")],
        &[(TOKEN, "sk-LEAK-old"), ("x-goog-api-key", "sk-LEAK-provider"), ("api-key", "k")],
    ] {
        let sent = scene.passes(REST, good, BODY).await;
        assert_eq!(sent.keys(), [], "{good:?}");
    }
    for bad in [("authorization", "Bearer sk-LEAK-provider"), ("api-key", "sk-LEAK-ol")] {
        scene.refuses(REST, &[bad], BODY, (401, 2009)).await;
    }
    // Without gateway tokens, it belongs to the provider.
    let open = Scene::new(std::sync::Arc::new(GatewaySettings::default()));
    let sent = open.passes(REST, &[("authorization", "Bearer sk-LEAK-provider")], BODY).await;
    assert_eq!(sent.keys(), [("authorization", "Bearer sk-LEAK-provider")]);
}

#[tokio::test]
async fn a_token_in_any_place_reaches_no_provider() {
    let scene = locked();
    let lines = [NATIVE, UNIFIED, "POST /ai/grok/v1/chat/completions", "POST /ai/compat/responses"];
    for line in lines {
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            for shown in ["Bearer sk-LEAK-old", "sk-LEAK-new"] {
                let headers = [(TOKEN, "sk-LEAK-old"), (name, shown)];
                let sent = scene.passes(line, &headers, BODY).await;
                assert_eq!(sent.keys(), [], "{line} {name} {shown}");
            }
            let headers = [(TOKEN, "sk-LEAK-old"), (name, "sk-LEAK-provider")];
            let sent = scene.passes(line, &headers, BODY).await;
            assert_eq!(sent.keys(), [(name, "sk-LEAK-provider")], "{line}");
            let both = [&headers[..], &[(name, "sk-LEAK-new")]].concat();
            assert_eq!(scene.passes(line, &both, BODY).await.keys(), [], "of two, neither");
        }
        let twice = [("authorization", "Bearer sk-LEAK-old"), ("authorization", "sk-LEAK-old")];
        scene.refuses(line, &twice, BODY, (401, 2009)).await;
    }
    let headers = [(TOKEN, "sk-LEAK-old"), ("x-acme-key", "sk-LEAK-old")];
    let sent = scene.passes("POST /ai/acme/v1/x", &headers, BODY).await;
    assert_eq!(sent.keys(), []);
}

#[tokio::test]
async fn a_token_in_an_entry_reaches_no_provider() {
    let scene = locked();
    for (headers, keys) in [
        (json!({ "authorization": "Bearer sk-LEAK-old" }), &[][..]),
        (json!({ "x-api-key": "sk-LEAK-new" }), &[]),
        (json!({ "cf-aig-authorization": "sk-LEAK-new" }), &[]),
        (json!({ "authorization": "Bearer k" }), &[("authorization", "Bearer k")]),
    ] {
        let body = entry("grok", "v1/chat/completions", &headers, &json!({ "model": "m" }));
        let outer = [(TOKEN, "sk-LEAK-old"), ("authorization", "Bearer sk-LEAK-outer")];
        let sent = scene.passes(UNIVERSAL, &outer, &body).await;
        assert_eq!(sent.keys(), keys, "{headers}");
    }
    let body = entry("grok", "x", &json!({ "cf-aig-authorization": "sk-LEAK-old" }), &Value::Null);
    scene.refuses(UNIVERSAL, &[], &body, (401, 2009)).await;
}

#[tokio::test]
async fn a_refusal_is_one_rejected_exchange() {
    let scene = locked();
    scene.refuses(UNIFIED, &[(TOKEN, "wrong")], BODY, (401, 2009)).await;
    assert_eq!(scene.hook.order(), "request end");
    let end = scene.hook.end();
    assert_eq!((end.outcome, end.gateway_code), (Outcome::Rejected, Some(2009)));
    assert_eq!(end.status.unwrap(), 401);
    assert_eq!((end.attempts, end.request_bytes), (0, 0));
}
