//! Invalid tokens of all kinds.

use std::error::Error;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tower_ai_gateway::jwt::{Jwks, JwtAlgorithm, JwtConfigError, JwtError, JwtLayer, JwtVerifier};

use crate::jwt::scene::{CHAT, Scene, builder, verifier};
use crate::support::issuer::{
    AUDIENCE, ISSUER, Key, claims, claims_with, encoded, message, now, set,
};

/// Texts that must not appear in an answer.
const CANARY: &str = "LEAK-canary";

struct Keys {
    ed: Key,
    ec: Key,
    rsa: Key,
}

impl Keys {
    fn new() -> Self {
        Self { ed: Key::ed("ed"), ec: Key::ec("ec"), rsa: Key::rsa("rsa") }
    }

    fn jwks(&self) -> Jwks {
        Jwks::from_json(set(&[&self.ed, &self.ec, &self.rsa])).unwrap()
    }

    fn with(&self, changes: &Value) -> String {
        self.ed.token(&claims_with(changes))
    }

    /// Signed with the public key as a shared secret.
    fn by_secret(&self, secret: &[u8], key_id: &str) -> String {
        let message = message(&json!({"alg": "HS256", "kid": key_id}), &claims());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", encoded(tag))
    }

    fn all(&self) -> Vec<(&'static str, String)> {
        let good = self.ed.token(&claims());
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        let own = |header: &Value| self.ed.token_under(header, &claims());
        let header = json!({"alg": "EdDSA", "kid": "ed"});
        let none = message(&json!({"alg": "none", "kid": "ed"}), &claims());
        let many: Vec<_> = (0..17).map(|group| group.to_string()).collect();
        let long = "x".repeat(257);
        let public = self.rsa.public();
        let jwk = self.rsa.jwk().to_string();
        let mut critical = header.clone();
        critical["crit"] = json!(["exp"]);
        critical["exp"] = json!(1);
        let mut detached = header.clone();
        detached["b64"] = json!(false);
        let mut of_own = json!({"alg": "EdDSA", "jwk": Key::ed("own").jwk()});
        of_own["jku"] = json!("https://evil.example");
        vec![
            ("expired", self.with(&json!({"exp": now() - 90, "sub": CANARY}))),
            ("not yet", self.with(&json!({"nbf": now() + 90}))),
            ("no expiry", self.with(&json!({"exp": null}))),
            ("a text as expiry", self.with(&json!({"exp": "9999999999"}))),
            ("negative expiry", self.with(&json!({"exp": -1}))),
            ("wrong audience", self.with(&json!({"aud": CANARY}))),
            ("wrong audiences", self.with(&json!({"aud": [CANARY, "x"]}))),
            ("no audience", self.with(&json!({"aud": null}))),
            ("empty audience", self.with(&json!({"aud": []}))),
            ("wrong issuer", self.with(&json!({"iss": CANARY}))),
            ("issuer with more", self.with(&json!({"iss": format!("{ISSUER}/")}))),
            ("no issuer", self.with(&json!({"iss": null}))),
            ("no signature", format!("{none}.")),
            ("none, with one", format!("{none}.{signature}")),
            ("NONE", format!("{}.", message(&json!({"alg": "NONE"}), &claims()))),
            ("public key as secret", self.by_secret(&public, "rsa")),
            ("key's text as secret", self.by_secret(jwk.as_bytes(), "rsa")),
            ("ed key as secret", self.by_secret(&self.ed.public(), "ed")),
            ("empty secret", self.by_secret(b"", "ed")),
            ("changed claims", format!("{head}.{}.{signature}", encoded(CANARY))),
            (
                "another's claims",
                format!(
                    "{head}.{}.{signature}",
                    encoded(claims_with(&json!({"sub": "bob"})).to_string())
                ),
            ),
            ("cut signature", good[..good.len() - 4].to_owned()),
            ("changed signature", format!("{signed}.{}", encoded([0; 64]))),
            ("another key of that name", Key::ed("ed").token(&claims())),
            ("unknown key", Key::ed("nobody").token(&claims())),
            (
                "key of another kind",
                self.ed.token_under(&json!({"alg": "EdDSA", "kid": "ec"}), &claims()),
            ),
            ("ec as rsa", self.ec.token_under(&json!({"alg": "RS256", "kid": "ec"}), &claims())),
            ("no key named", own(&json!({"alg": "EdDSA"}))),
            ("its own key", own(&of_own)),
            ("unaccepted algorithm", own(&json!({"alg": "RS512", "kid": "rsa"}))),
            ("critical header", own(&critical)),
            ("unencoded payload", own(&detached)),
            ("a number as subject", self.with(&json!({"sub": 7}))),
            ("no subject", self.with(&json!({"sub": null}))),
            ("empty subject", self.with(&json!({"sub": ""}))),
            ("long subject", self.with(&json!({"sub": long}))),
            ("many groups", self.with(&json!({"groups": many}))),
            ("groups of another type", self.with(&json!({"groups": {"a": 1}}))),
            ("a group of another type", self.with(&json!({"groups": ["a", 1]}))),
            ("long group", self.with(&json!({"groups": [long]}))),
            ("label of another type", self.with(&json!({"plan": ["paid"]}))),
            ("long label", self.with(&json!({"plan": long}))),
            ("five parts", format!("{good}.a.b")),
        ]
    }
}

#[tokio::test]
async fn invalid_tokens_are_refused_and_never_repeated() {
    let keys = Keys::new();
    for layer in
        [JwtLayer::new(verifier(keys.jwks())), JwtLayer::new(verifier(keys.jwks())).optional()]
    {
        let scene = Scene::new(layer).await;
        for (what, token) in keys.all() {
            for slot in
                ["cf-access-jwt-assertion:", "authorization: Bearer", "cf-aig-authorization:"]
            {
                // With five parts it is not a token, but possibly a provider's key.
                if what == "five parts" && !slot.starts_with("cf-access") {
                    continue;
                }
                let answer = scene.answer(CHAT, &[&format!("{slot} {token}")]).await;
                assert_eq!(answer.status(), 401, "{what}: {}", answer.text());
                let challenge = answer.head.get("www-authenticate");
                assert_eq!(challenge, Some(r#"Bearer error="invalid_token""#), "{what}");
                assert_eq!(answer.head.get("content-type"), Some("application/json"));
                assert_eq!(answer.head.get("x-should-retry"), Some("false"));
                let text = answer.text();
                for secret in [CANARY, &token[..20], "alice", "staff"] {
                    assert!(!text.contains(secret), "{what}: {text}");
                }
            }
        }
        for headers in [
            &["cf-access-jwt-assertion: no-token"][..],
            &["cf-access-jwt-assertion: a.b.c"],
            &["cf-access-jwt-assertion: \u{e9}.\u{e9}.\u{e9}"],
            &["cf-access-jwt-assertion: "],
        ] {
            assert_eq!(scene.answer(CHAT, headers).await.status(), 401, "{headers:?}");
        }
        let good = keys.ed.token(&claims());
        for name in ["cf-access-jwt-assertion", "authorization"] {
            let header = format!("{name}: {good}");
            let answer = scene.answer(CHAT, &[&header, &header]).await;
            assert_eq!(answer.status(), 401, "of two, neither is right");
            let answer = scene.answer(CHAT, &[&format!("{name}: other"), &header]).await;
            assert_eq!(answer.status(), 401, "of two, neither is right");
        }
        scene.provider.assert_untouched("no token was good");
    }
}

#[tokio::test]
async fn a_token_above_16_kib_is_refused_unread() {
    let keys = Keys::new();
    let verifier = verifier(keys.jwks());
    let padded = |length: usize| keys.with(&json!({"padding": "x".repeat(length)}));
    assert!(padded(11_000).len() < 16 * 1024);
    verifier.verify(&padded(11_000)).await.unwrap();
    let long = padded(13_000);
    assert!(long.len() > 16 * 1024);
    assert!(matches!(verifier.verify(&long).await, Err(JwtError::TooLong)));
    let scene = Scene::new(JwtLayer::new(verifier)).await;
    for slot in ["cf-access-jwt-assertion:", "authorization: Bearer"] {
        let answer = scene.answer(CHAT, &[&format!("{slot} {long}")]).await;
        assert_eq!(answer.status(), 401);
        assert!(answer.text().contains("longer than 16 KiB"), "{}", answer.text());
    }
}

#[tokio::test]
async fn each_error_has_its_own_variant() {
    let keys = Keys::new();
    let verifier = verifier(keys.jwks());
    let error = |token: String| {
        let verifier = &verifier;
        async move { verifier.verify(&token).await.unwrap_err() }
    };
    assert!(matches!(error(keys.with(&json!({"exp": 1}))).await, JwtError::Expired));
    assert!(matches!(error(keys.with(&json!({"nbf": now() + 90}))).await, JwtError::NotYetValid));
    assert!(matches!(error(keys.with(&json!({"aud": "x"}))).await, JwtError::Audience));
    assert!(matches!(error(keys.with(&json!({"iss": "x"}))).await, JwtError::Issuer));
    assert!(matches!(error(Key::ed("ed").token(&claims())).await, JwtError::Signature));
    assert!(matches!(error(Key::ed("x").token(&claims())).await, JwtError::UnknownKey));
    assert!(matches!(error(keys.by_secret(b"x", "ed")).await, JwtError::Algorithm));
    assert!(matches!(error("x".to_owned()).await, JwtError::Malformed));
    let unnamed = keys.ed.token_under(&json!({"alg": "EdDSA"}), &claims());
    assert!(matches!(error(unnamed).await, JwtError::NoKeyId));
    let long = error(keys.with(&json!({"sub": "x".repeat(300)}))).await;
    assert!(long.source().unwrap().to_string().contains("256"), "{long:?}");
    let claim = error(keys.with(&json!({"plan": {}}))).await;
    assert!(matches!(claim, JwtError::Claim { claim } if &*claim == "plan"));
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let keys = Keys::new();
    let (usual, exact) =
        (verifier(keys.jwks()), builder(keys.jwks()).leeway(Duration::ZERO).build().unwrap());
    for changes in [json!({"exp": now() - 30}), json!({"nbf": now() + 30})] {
        let token = keys.with(&changes);
        usual.verify(&token).await.unwrap();
        exact.verify(&token).await.unwrap_err();
    }
    assert!(usual.verify(&keys.with(&json!({"exp": now() - 90}))).await.is_err());
}

#[tokio::test]
async fn only_accepted_algorithms_are_used() {
    let keys = Keys::new();
    let only = builder(keys.jwks()).algorithms([JwtAlgorithm::Es256]).build().unwrap();
    only.verify(&keys.ec.token(&claims())).await.unwrap();
    for key in [&keys.ed, &keys.rsa] {
        assert!(matches!(only.verify(&key.token(&claims())).await, Err(JwtError::Algorithm)));
    }
    assert_eq!(JwtAlgorithm::named("HS256"), None);
    assert_eq!(JwtAlgorithm::named("none"), None);
    assert_eq!(JwtAlgorithm::named("EdDSA"), Some(JwtAlgorithm::EdDsa));
}

#[tokio::test]
async fn a_key_is_used_only_for_its_declared_purpose() {
    let key = Key::rsa("a");
    for (member, value) in [
        ("alg", json!("RS512")),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("kty", json!("oct")),
    ] {
        let mut jwk = key.jwk();
        jwk[member] = value.clone();
        let other = Key::ed("other");
        let set = json!({"keys": [jwk, other.jwk(), {"kty": "new"}, 7]}).to_string();
        let verifier = verifier(Jwks::from_json(set).unwrap());
        let error = verifier.verify(&key.token(&claims())).await.unwrap_err();
        assert!(
            matches!(error, JwtError::Algorithm | JwtError::UnknownKey),
            "{member}: {value}: {error:?}"
        );
        verifier.verify(&other.token(&claims())).await.unwrap();
    }
    // A single key needs no id.
    let alone = verifier(Jwks::from_json(set(&[&key])).unwrap());
    alone.verify(&key.token_under(&json!({"alg": "RS256"}), &claims())).await.unwrap();
}

#[test]
fn an_incomplete_verifier_is_not_built() {
    let key = Key::ed("a");
    let jwks = Jwks::from_json(set(&[&key])).unwrap();
    let begin = || JwtVerifier::builder(jwks.clone());
    assert_eq!(begin().audience(AUDIENCE).build().unwrap_err(), JwtConfigError::NoIssuer);
    assert_eq!(begin().issuer(ISSUER).build().unwrap_err(), JwtConfigError::NoAudience);
    let whole = || begin().issuer(ISSUER).audience(AUDIENCE);
    assert_eq!(whole().algorithms([]).build().unwrap_err(), JwtConfigError::NoAlgorithm);
    let none: [&str; 0] = [];
    assert_eq!(whole().subject_claims(none).build().unwrap_err(), JwtConfigError::NoSubject);
    let error = whole().leeway(Duration::from_secs(3601)).build().unwrap_err();
    assert_eq!(error, JwtConfigError::Leeway);
    for labels in [whole().label("a b", "x"), whole().label("a", "x").metric_label("a", "y")] {
        assert!(matches!(labels.build().unwrap_err(), JwtConfigError::Labels(_)));
    }
}
