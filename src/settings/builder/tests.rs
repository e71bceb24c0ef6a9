//! What a builder refuses.

use super::*;
use crate::credentials::secret::Secret;
use crate::settings::GatewayToken;

fn key() -> Secret {
    Secret::new("sk-LEAK-builder").unwrap()
}

#[test]
fn stored_keys_need_a_token_or_another_lock() {
    let keys = || GatewaySettings::builder().key("grok", key());
    assert_eq!(keys().build().unwrap_err(), SettingsError::KeysWithoutTokens);
    assert!(keys().token(GatewayToken::new("test-token")).build().is_ok());
    let from_layer = GatewaySettings::builder().keys_from_layer();
    assert_eq!(from_layer.build().unwrap_err(), SettingsError::KeysWithoutTokens);
    let settings = keys().authenticated_elsewhere().build().unwrap();
    assert!(!format!("{settings:?}").contains("LEAK"));
}

#[test]
fn every_mistake_is_found() {
    let locked = || GatewaySettings::builder().token(GatewayToken::new("test-token"));
    let twice = locked().key("grok", key()).key("grok", key());
    assert!(matches!(twice.build(), Err(SettingsError::DuplicateKey { .. })));
    let shared = |weight| locked().weighted_key("grok", "a", key(), weight);
    assert!(shared(1).weighted_key("grok", "a", key(), 3).build().is_ok());
    assert!(shared(1).key_as("grok", "a", key()).build().is_err());
    let alias = locked().key_as("grok", "a b", key());
    assert!(matches!(alias.build(), Err(SettingsError::Alias { .. })));
    assert_eq!(locked().allow_models([""]).build().unwrap_err(), SettingsError::Pattern);
    let fallback = locked().fallback(FallbackChain::on("*"));
    assert_eq!(fallback.build().unwrap_err(), SettingsError::FallbackWithoutSteps);
    let fallback = locked().fallback(FallbackChain::on("").to_model("x"));
    assert_eq!(fallback.build().unwrap_err(), SettingsError::Pattern);
    let attempts = locked().defaults(|defaults| defaults.max_attempts = Some(6));
    assert!(matches!(attempts.build(), Err(SettingsError::OutOfRange { .. })));
    let short = locked().token(GatewayToken::new(" 1234567 "));
    assert_eq!(short.build().unwrap_err(), SettingsError::ShortToken);
    let many = |count| {
        let token = GatewayToken::new("test-token");
        (0..count).fold(GatewaySettings::builder(), |all, _| all.token(token.clone())).build()
    };
    assert!(many(65_535).is_ok());
    assert!(matches!(many(65_536), Err(SettingsError::OutOfRange { .. })));
    let empty = locked().token(GatewayToken::new(" "));
    assert_eq!(empty.build().unwrap_err(), SettingsError::EmptyToken);
}
