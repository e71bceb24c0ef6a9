//! Random tokens cause no panic, and only those that the issuer signed are accepted.

use proptest::prelude::*;
use serde_json::json;
use tower_ai_gateway::jwt::Jwks;

use crate::jwt::scene::verifier;
use crate::support::issuer::{Key, claims, encoded, set};

fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).unwrap()
}

/// JSON or nearly JSON.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        Just(br#"{"alg":"EdDSA","kid":"a"}"#.to_vec()),
        Just(br#"{"alg":"EdDSA","kid":7,"crit":{}}"#.to_vec()),
        Just(br#"{"alg":null}"#.to_vec()),
        Just(b"[[[[".repeat(500)),
        r#"\{"(alg|kid|iss|exp|sub|groups)":(null|true|1e999|-1|"x"|\[\]|\{\})\}"#
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(token in any::<String>(), parts in prop::collection::vec(jsonish(), 0..5)) {
        let key = Key::ed("a");
        let verifier = verifier(Jwks::from_json(set(&[&key])).unwrap());
        let joined = parts.iter().map(encoded).collect::<Vec<_>>().join(".");
        for token in [&token, &joined] {
            prop_assert!(now_or_never(verifier.verify(token)).is_err());
        }
    }

    /// Signed by the issuer, with arbitrary claims.
    #[test]
    fn arbitrary_claims_give_an_identity_or_an_error(payload in jsonish(), name in ".{0,8}", value in ".{0,300}") {
        let key = Key::ed("a");
        let verifier = verifier(Jwks::from_json(set(&[&key])).unwrap());
        let head = encoded(json!({"alg": "EdDSA", "kid": "a"}).to_string());
        let message = format!("{head}.{}", encoded(payload));
        let token = format!("{message}.{}", encoded(key.sign(message.as_bytes())));
        prop_assert!(now_or_never(verifier.verify(&token)).is_err());
        let mut claims = claims();
        claims[&name] = value.as_str().into();
        claims["sub"] = value.as_str().into();
        let passed = now_or_never(verifier.verify(&key.token(&claims)));
        let fits = (1..=256).contains(&value.len());
        if !["iss", "aud", "exp", "nbf", "groups"].contains(&&*name) {
            prop_assert_eq!(passed.is_ok(), fits);
        }
    }

    #[test]
    fn arbitrary_key_sets_are_read_or_refused(text in jsonish(), key in jsonish()) {
        let _ = Jwks::from_json(&text);
        let set = [b"{\"keys\":[", &key[..], b"]}"].concat();
        let _ = Jwks::from_json(set);
    }
}
