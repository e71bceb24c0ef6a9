//! Callers: provider keys, tokens, identities, and tenants.

use super::*;
use crate::settings::GatewayToken;

#[test]
fn provider_keys_separate_even_shared_entries() {
    for cache in [cached, shared] {
        let scene = || Scene::new().settings(cache);
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            let with = |key: &str| scene().without("authorization").with(name, key);
            apart(&with("Bearer k1"), &with("Bearer k2"));
            apart(&with("k1"), &with("K1"));
            let none = scene().without("authorization").identity("ann");
            apart(&with("k1").identity("ann"), &none);
        }
        let acme = |key: &str| {
            let scene = scene().without("authorization").with("x-acme-key", key);
            scene.uri("/v1/acct/gw/custom-acme/v1/chat/completions")
        };
        apart(&acme("k1"), &acme("k2"));
        let query = |key: &str| scene().without("authorization").uri(format!("{CHAT}?key={key}"));
        apart(&query("k1"), &query("k2"));
        // A custom key stands for the query, but not for a provider key in it.
        apart(
            &query("k1").with("cf-aig-cache-key", "c"),
            &query("k2").with("cf-aig-cache-key", "c"),
        );
    }
}

/// A gateway with stored keys and two tokens.
fn of_tokens(cache: fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    let key = crate::credentials::secret::Secret::new("sk-stored").unwrap();
    Scene::new().without("authorization").settings(|builder| {
        let builder = builder.token(GatewayToken::new("token-one"));
        cache(builder.token(GatewayToken::new("token-two")).key("grok", key))
    })
}

#[test]
fn callers_are_separate_unless_they_share() {
    let shown = |cache, name, token: &str| of_tokens(cache).with(name, token);
    for name in ["cf-aig-authorization", "authorization", "x-api-key"] {
        let by = |cache, token| shown(cache, name, token);
        apart(&by(cached, "Bearer token-one"), &by(cached, "Bearer token-two"));
        together(&by(shared, "Bearer token-one"), &by(shared, "Bearer token-two"));
        // The same caller, in another spelling.
        together(
            &by(cached, "token-one"),
            &shown(cached, "cf-aig-authorization", "Bearer token-one"),
        );
    }
    let named =
        |cache, subject| of_tokens(cache).with("authorization", "token-one").identity(subject);
    apart(&named(cached, "ann"), &named(cached, "bob"));
    apart(&named(cached, "ann"), &shown(cached, "authorization", "token-one"));
    together(&named(shared, "ann"), &named(shared, "bob"));
    // Also if only the requests ask for the cache.
    let asks = |token: &str| {
        of_tokens(|builder| builder)
            .with("cf-aig-authorization", token)
            .with("cf-aig-cache-key", "c")
    };
    apart(&asks("token-one"), &asks("token-two"));
}

/// The layer may have a key for each caller.
#[test]
fn callers_with_keys_from_a_layer_do_not_share() {
    let by = |token: &str| {
        let scene = Scene::new().without("authorization").settings(|builder| {
            let builder = builder.token(GatewayToken::new("token-one"));
            shared(builder.token(GatewayToken::new("token-two")).keys_from_layer())
        });
        scene.with("cf-aig-authorization", token)
    };
    apart(&by("token-one"), &by("token-two"));
    let own = |token| by(token).with("authorization", "Bearer sk-own");
    together(&own("token-one"), &own("token-two"));
    let alias = |alias| by("token-one").with("cf-aig-byok-alias", alias);
    apart(&alias("a"), &alias("b"));
}

/// A host may resolve settings by tenant, whatever ids the paths have.
#[test]
fn settings_of_another_scope_separate() {
    let scoped = |name| Scene::new().settings(|builder| shared(builder).scope(name));
    apart(&scoped("red"), &scoped("blue"));
    together(&scoped("red"), &scoped("red"));
    let unnamed = || {
        let mut scene = Scene::new();
        let settings = shared(GatewaySettings::builder()).build().unwrap();
        scene.settings = Some(Arc::new(settings));
        scene
    };
    let one = unnamed();
    together(&one, &one.clone());
    apart(&one, &unnamed());
}

#[test]
fn entries_of_a_universal_request_are_separate_by_caller() {
    let entries = r#"[{"provider":"grok","endpoint":"v1/chat/completions",
        "headers":{"cf-aig-cache-key":"c","content-type":"application/json"},
        "query":{"model":"grok-4","messages":[]}}]"#;
    let by = |token: &str| {
        let scene = of_tokens(|builder| builder).uri("/v1/acct/gw").body(entries);
        scene.with("cf-aig-authorization", token)
    };
    apart(&by("token-one"), &by("token-two"));
}

#[test]
fn every_part_of_an_identity_separates() {
    let by = |identity: Identity| {
        let scene = scene();
        let policy = scene.kept().1;
        let mut request = scene.clone();
        request.caller = Some(identity);
        request.sent(move |head, context, body| place(head, context, &policy, body).key)
    };
    let ann = || Identity::builder("ann");
    let all = [
        by(ann().build().unwrap()),
        by(ann().group("a").build().unwrap()),
        by(ann().group("b").build().unwrap()),
        by(ann().group("a").group("b").build().unwrap()),
        by(ann().label("a", "b").build().unwrap()),
        by(ann().label("a", "c").build().unwrap()),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != one), "{at}");
    }
    assert_eq!(all[5], by(ann().label("a", "c").build().unwrap()));
}
