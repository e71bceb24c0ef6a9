//! The headers of a token, which never reach the provider.

use std::time::Duration;

use http::HeaderName;
use serde_json::json;
use tower_ai_gateway::Identity;
use tower_ai_gateway::jwt::{Jwks, JwtLayer};
use tower_ai_gateway::log::LogQuery;

use crate::jwt::scene::{CHAT, STORED, Scene, builder, verifier};
use crate::support::issuer::{Key, claims, claims_with, set};

fn layer(key: &Key) -> JwtLayer {
    JwtLayer::new(verifier(Jwks::from_json(set(&[key])).unwrap()))
}

fn subject(identity: Option<&Identity>) -> Option<&str> {
    identity.map(Identity::subject)
}

#[tokio::test]
async fn a_token_is_an_identity_from_each_header_and_never_reaches_the_provider() {
    let keys = [Key::ed("a"), Key::ec("b"), Key::rsa("c")];
    let all = Jwks::from_json(set(&keys.each_ref())).unwrap();
    let mut scene = Scene::new(JwtLayer::new(verifier(all))).await;
    for key in &keys {
        let token = key.token(&claims());
        for header in [
            format!("cf-access-jwt-assertion: {token}"),
            format!("authorization: Bearer {token}"),
            format!("authorization: bEARER   {token}"),
            format!("authorization: {token}"),
            format!("cf-aig-authorization: Bearer {token}"),
            format!("cf-aig-authorization: {token}"),
        ] {
            let (identity, sent) = scene.ask(&[&header]).await;
            let identity = identity.unwrap();
            assert_eq!(identity.subject(), "alice");
            assert_eq!(identity.groups().collect::<Vec<_>>(), ["red", "staff"]);
            assert_eq!(identity.label("team"), Some("red"));
            assert_eq!(identity.metric_labels().collect::<Vec<_>>(), [("plan", "paid")]);
            assert_eq!(sent.head.get("authorization"), Some(STORED), "{header}");
            assert!(!sent.text().contains(&token[..20]), "{}", sent.text());
        }
    }
}

#[tokio::test]
async fn a_providers_key_beside_a_token_passes_unchanged() {
    let (key, providers) = (Key::ed("a"), Key::ed("theirs"));
    let mut scene = Scene::new(layer(&key)).await;
    let token = format!("cf-access-jwt-assertion: {}", key.token(&claims()));
    let theirs = providers.token(&claims_with(&json!({"iss": "https://provider.test"})));
    for own in ["sk-LEAK-own".to_owned(), "a.b.c".to_owned(), theirs] {
        let header = format!("authorization: Bearer {own}");
        let (identity, sent) = scene.ask(&[&token, &header]).await;
        assert_eq!(subject(identity.as_ref()), Some("alice"));
        assert_eq!(sent.head.get("authorization").unwrap(), format!("Bearer {own}"));
        assert!(!sent.head.has("cf-access-jwt-assertion"));
    }
    // `x-api-key` may hold a key beside the token in `authorization`.
    let token = format!("authorization: Bearer {}", key.token(&claims()));
    let (_, sent) = scene.ask(&[&token, "x-api-key: sk-LEAK-own"]).await;
    assert_eq!(sent.head.get("x-api-key"), Some("sk-LEAK-own"));
    assert!(!sent.head.has("authorization"), "{}", sent.text());
}

#[tokio::test]
async fn tokens_in_other_headers_never_reach_the_provider() {
    let key = Key::ed("a");
    let mut scene = Scene::new(layer(&key)).await;
    let token = key.token(&claims());
    let older = key.token(&claims_with(&json!({"exp": 1, "sub": "older"})));
    for other in [&token, &older] {
        for slot in ["authorization: Bearer", "x-api-key:", "api-key:", "x-goog-api-key: Bearer"] {
            let headers = [format!("cf-access-jwt-assertion: {token}"), format!("{slot} {other}")];
            let (identity, sent) = scene.ask(&headers.each_ref().map(|text| &**text)).await;
            assert_eq!(subject(identity.as_ref()), Some("alice"));
            assert!(!sent.text().contains(&other[..20]), "{slot}: {}", sent.text());
            assert_eq!(sent.head.get("authorization"), Some(STORED), "{slot}");
        }
    }
}

#[tokio::test]
async fn the_host_chooses_the_headers_and_their_order() {
    let key = Key::ed("a");
    let other = HeaderName::from_static("x-goog-iap-jwt-assertion");
    let layer = layer(&key).headers([other, HeaderName::from_static("cf-aig-authorization")]);
    let mut scene = Scene::new(layer).await;
    let token = |name: &str| key.token(&claims_with(&json!({"sub": name})));
    let first = format!("x-goog-iap-jwt-assertion: {}", token("first"));
    let second = format!("cf-aig-authorization: {}", token("second"));
    let (identity, sent) = scene.ask(&[&second, &first]).await;
    assert_eq!(subject(identity.as_ref()), Some("first"));
    assert!(!sent.head.has("x-goog-iap-jwt-assertion"));
    let (identity, _) = scene.ask(&[&second]).await;
    assert_eq!(subject(identity.as_ref()), Some("second"));
    let third = format!("authorization: Bearer {}", token("third"));
    assert_eq!(scene.answer(CHAT, &[&third]).await.status(), 401);
}

#[tokio::test]
async fn without_a_token_requests_are_refused_unless_the_host_allows_them() {
    let key = Key::ed("a");
    let scene = Scene::new(layer(&key)).await;
    for headers in [&[][..], &["authorization: Bearer sk-LEAK-own"], &["cf-aig-authorization: x"]] {
        let answer = scene.answer(CHAT, headers).await;
        assert_eq!(answer.status(), 401);
        // Without a token there is no error code (RFC 6750 §3).
        assert_eq!(answer.head.get("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.json()["error"]["code"], "invalid_token");
    }
    scene.provider.assert_untouched("nobody has shown a token");

    let mut scene = Scene::new(layer(&key).optional()).await;
    for (headers, key) in
        [(&[][..], STORED), (&["authorization: Bearer sk-LEAK-own"], "Bearer sk-LEAK-own")]
    {
        let (identity, sent) = scene.ask(headers).await;
        assert_eq!((identity, sent.head.get("authorization")), (None, Some(key)));
    }
    let expired = key.token(&claims_with(&json!({"exp": 1})));
    let header = format!("authorization: Bearer {expired}");
    assert_eq!(scene.answer(CHAT, &[&header]).await.status(), 401, "a bad one is no missing one");
}

#[tokio::test]
async fn a_valid_token_overrides_an_outer_identity() {
    let key = Key::ed("a");
    let mut scene = Scene::new(layer(&key)).await;
    let good = format!("cf-access-jwt-assertion: {}", key.token(&claims()));
    let (identity, _) = scene.ask(&["x-session: of-the-host", &good]).await;
    assert_eq!(subject(identity.as_ref()), Some("alice"));
    let (identity, _) = scene.ask(&["x-session: of-the-host"]).await;
    assert_eq!(subject(identity.as_ref()), Some("of-the-host"));
    let bad = "cf-access-jwt-assertion: a.b.c";
    assert_eq!(scene.answer(CHAT, &["x-session: of-the-host", bad]).await.status(), 401);
}

#[tokio::test]
async fn excepted_paths_need_no_token_and_a_replaced_verifier_applies_at_once() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let layer = layer(&old).except(|uri| uri.path() == "/healthz");
    let mut scene = Scene::new(layer.clone()).await;
    assert_eq!(scene.answer("GET /healthz", &[]).await.status(), 200);
    assert_eq!(scene.answer("GET /other", &[]).await.status(), 401);
    let header = |key: &Key| format!("cf-access-jwt-assertion: {}", key.token(&claims()));
    let (old, by_new) = (header(&old), header(&new));
    scene.ask(&[&old]).await;
    assert_eq!(scene.answer(CHAT, &[&by_new]).await.status(), 401);
    layer.replace(&self::layer(&new));
    scene.ask(&[&by_new]).await;
    assert_eq!(scene.answer(CHAT, &[&old]).await.status(), 401);
    assert_eq!(scene.answer("GET /healthz", &[]).await.status(), 200);
    layer.replace(&JwtLayer::off());
    let (identity, _) = scene.ask(&[]).await;
    assert_eq!(identity, None);
}

#[tokio::test]
async fn the_identity_is_logged_and_the_token_is_not() {
    let key = Key::ed("a");
    let mut scene = Scene::new(layer(&key)).await;
    let token = key.token(&claims());
    scene.ask(&[&format!("cf-access-jwt-assertion: {token}")]).await;
    let log = scene.log.clone();
    let flush = tokio::task::spawn_blocking(move || log.flush(Duration::from_secs(30)));
    assert!(flush.await.unwrap().is_complete());
    let records = scene.store.query(&LogQuery::default()).unwrap().logs;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].subject.as_deref(), Some("alice"));
    assert_eq!(
        (&records[0].groups[..], &*records[0].labels["team"]),
        (&["red".into(), "staff".into()][..], "red")
    );
    assert!(!serde_json::to_string(&records[0]).unwrap().contains(&token[..20]));
}

#[tokio::test]
async fn refusals_have_the_callers_format() {
    let key = Key::ed("a");
    let scene = Scene::new(layer(&key)).await;
    let bad = ["authorization: Bearer eyJhbGciOiJub25lIn0.e30."];
    let openai = scene.answer(CHAT, &bad).await.json();
    assert_eq!(openai["error"]["type"], "authentication_error");
    assert_eq!(openai["gateway"]["code"], 2009);
    let anthropic = scene.answer("POST /v1/acct/gw/anthropic/v1/messages", &bad).await.json();
    assert_eq!(anthropic["type"], "error");
    assert_eq!(anthropic["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn claims_become_the_identity_that_the_host_configures() {
    let key = Key::ed("a");
    let jwks = Jwks::from_json(set(&[&key])).unwrap();
    let access = builder(jwks.clone()).subject_claims(["email", "common_name"]).build().unwrap();
    for (changes, expected) in [
        (json!({"email": "a@b.c"}), "a@b.c"),
        // Cloudflare Access's service tokens.
        (json!({"sub": "", "common_name": "ci.access"}), "ci.access"),
        (json!({"email": "", "common_name": "ci.access"}), "ci.access"),
    ] {
        let identity = access.verify(&key.token(&claims_with(&changes))).await.unwrap();
        assert_eq!(identity.subject(), expected);
    }
    let usual = verifier(jwks.clone());
    let identity = |changes| {
        let (usual, token) = (&usual, key.token(&claims_with(&changes)));
        async move { usual.verify(&token).await.unwrap() }
    };
    let words = identity(json!({"groups": "read  write"})).await;
    assert_eq!(words.groups().collect::<Vec<_>>(), ["read", "write"]);
    let none = identity(json!({"groups": null, "plan": null, "custom": {"team": null}})).await;
    assert_eq!((none.groups().len(), none.labels().len()), (0, 0));
    let others = identity(json!({"plan": 7, "custom": {"team": true}})).await;
    assert_eq!((others.label("plan"), others.label("team")), (Some("7"), Some("true")));
    let many: Vec<_> = (0..200).map(|group| group.to_string()).collect();
    let only = builder(jwks).only_groups(["7", "red"]).build().unwrap();
    let few = only.verify(&key.token(&claims_with(&json!({"groups": many})))).await.unwrap();
    assert_eq!(few.groups().collect::<Vec<_>>(), ["7"]);
}
