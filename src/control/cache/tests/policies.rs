//! Who asks for the cache, and which setting overrides which.

use std::time::Duration;

use super::*;
use crate::settings::ClientControl;
use crate::settings::cache::{CacheRule, CacheSettings, ReplayPace};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn on(cache: CacheSettings) -> Scene {
    Scene::new().settings(|builder| builder.cache(cache))
}

/// The TTL; zero for `BYPASS`, and `None` if the cache is not asked for.
fn time(scene: &Scene) -> Option<Duration> {
    match scene.got() {
        Got::Nothing => None,
        Got::Bypass => Some(Duration::ZERO),
        Got::Kept(kept) => Some(kept.1.fresh_for),
    }
}

#[test]
fn nothing_is_stored_unless_asked_for() {
    let plain = Scene::new();
    let unset = Scene::new().settings(|builder| builder);
    let on_request = on(CacheSettings::on_request());
    for scene in [&plain, &unset, &on_request] {
        assert_eq!(time(scene), None, "{scene:?}");
        for (name, value) in [
            ("cf-aig-cache-ttl", "60"),
            ("cf-cache-ttl", "60"),
            ("cf-aig-cache-ttl", "0"),
            ("cf-aig-skip-cache", "false"),
            ("cf-aig-skip-cache", "true"),
        ] {
            assert_eq!(time(&scene.clone().with(name, value)), None, "{name}: {value}");
        }
        let asks = || scene.clone().with("cf-aig-cache-key", "c");
        assert_eq!(time(&asks()), Some(Duration::from_secs(300)));
        assert_eq!(time(&asks().with("cf-aig-cache-ttl", "60")), Some(MINUTE));
        assert_eq!(time(&asks().with("cf-aig-cache-ttl", "0")), Some(Duration::ZERO));
        assert_eq!(time(&asks().with("cf-aig-skip-cache", "true")), Some(Duration::ZERO));
        assert_eq!(time(&asks().with("cf-skip-cache", "true")), Some(Duration::ZERO));
        assert_eq!(
            time(&asks().with("cf-aig-skip-cache", "false")),
            Some(Duration::from_secs(300))
        );
    }
}

#[test]
fn a_request_overrides_its_gateway() {
    let scene = || on(CacheSettings::new(HOUR));
    assert_eq!(time(&scene()), Some(HOUR));
    assert_eq!(time(&scene().with("cf-aig-cache-key", "c")), Some(HOUR));
    assert_eq!(time(&scene().with("cf-aig-cache-ttl", "60")), Some(MINUTE));
    assert_eq!(time(&scene().with("cf-aig-cache-ttl", "0")), Some(Duration::ZERO));
    assert_eq!(time(&scene().with("cf-aig-skip-cache", "true")), Some(Duration::ZERO));
    let by_default = Scene::new().settings(|builder| {
        builder.cache(CacheSettings::new(HOUR)).defaults(|all| all.skip_cache = Some(true))
    });
    assert_eq!(time(&by_default), Some(Duration::ZERO));
    assert_eq!(time(&by_default.with("cf-aig-skip-cache", "false")), Some(HOUR));
}

#[test]
fn locked_directives_are_ignored() {
    let locked = |cache: Option<CacheSettings>| {
        Scene::new().settings(|builder| {
            let builder = builder.client_controls([ClientControl::Retry]);
            match cache {
                Some(cache) => builder.cache(cache),
                None => builder,
            }
        })
    };
    let asking = |scene: Scene| scene.with("cf-aig-cache-key", "c").with("cf-aig-cache-ttl", "60");
    assert_eq!(time(&asking(locked(None))), None);
    assert_eq!(time(&asking(locked(Some(CacheSettings::on_request())))), None);
    let own = asking(locked(Some(CacheSettings::new(HOUR)))).with("cf-aig-skip-cache", "true");
    let (place, policy) = own.kept();
    assert_eq!((policy.fresh_for, policy.custom, place.custom), (HOUR, None, None));
}

#[test]
fn only_repeatable_calls_are_stored() {
    let scene = on(CacheSettings::new(HOUR));
    for uri in ["/v1/acct/gw/grok/v1/files", "/v1/acct/gw/grok/v1/chat/completions/c_1"] {
        assert_eq!(time(&scene.clone().uri(uri)), Some(Duration::ZERO), "{uri}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut scene = scene.clone();
        scene.method = method;
        assert_eq!(time(&scene), Some(Duration::ZERO), "{scene:?}");
    }
}

#[test]
fn a_rule_applies_to_the_requests_that_it_matches() {
    let body = |scene: Scene, model: &str| scene.body(format!(r#"{{"model":"{model}"}}"#));
    let rules = |cache: CacheSettings| {
        cache
            .rule(CacheRule::never().only_models(["*-preview"]))
            .rule(CacheRule::keep(MINUTE).only_models(["grok-3*"]).statuses([200]))
            .rule(
                CacheRule::keep(2 * HOUR)
                    .only_paths(["embeddings"])
                    .max_request_bytes(10)
                    .max_response_bytes(20),
            )
    };
    let scene = || on(rules(CacheSettings::new(HOUR)).stale_if_error(MINUTE));
    assert_eq!(time(&scene()), Some(HOUR));
    assert_eq!(time(&body(scene(), "grok-9-preview")), Some(Duration::ZERO));
    assert_eq!(time(&body(scene(), "GROK-3-mini")), Some(MINUTE));
    let (_, policy) = body(scene(), "grok-3").kept();
    assert_eq!((policy.statuses, policy.stale_for), (vec![200], MINUTE));
    assert_eq!(policy.most_response_bytes, 25 << 20);
    let embeddings = || scene().uri("/v1/acct/gw/grok/v1/embeddings");
    let (_, policy) = embeddings().kept();
    assert_eq!((policy.fresh_for, policy.pace), (2 * HOUR, ReplayPace::AtOnce));
    assert_eq!((policy.most_request_bytes, policy.most_response_bytes), (10, 20));
    // A client's directive overrides a TTL, but not `never`.
    let asks = |scene: Scene| scene.with("cf-aig-cache-key", "c").with("cf-aig-cache-ttl", "60");
    assert_eq!(time(&asks(embeddings())), Some(MINUTE));
    assert_eq!(time(&body(asks(scene()), "grok-9-preview")), Some(Duration::ZERO));
    // The model of these requests is unknown.
    for unknown in ["not json", "", r#"{"no":"model"}"#, r#"{"model":"openrouter/auto"}"#] {
        assert_eq!(time(&scene().body(unknown)), Some(Duration::ZERO), "{unknown}");
    }
    // The same on the unified path, in the path of a model, and in an entry.
    let unified = |model: &str| {
        let scene = scene().uri("/v1/acct/gw/compat/chat/completions");
        scene.body(format!(r#"{{"model":"grok/{model}","messages":[]}}"#))
    };
    assert_eq!(time(&unified("grok-9-preview")), Some(Duration::ZERO));
    assert_eq!(time(&unified("grok-3")), Some(MINUTE));
    let google = |model: &str| {
        scene()
            .body("{}")
            .uri(format!("/v1/acct/gw/google-ai-studio/v1beta/models/{model}:generateContent"))
    };
    assert_eq!(time(&google("gemini-preview")), Some(Duration::ZERO));
    assert_eq!(time(&google("gemini")), Some(HOUR));
    let entry = |model: &str| {
        scene().uri("/v1/acct/gw").body(format!(
            r#"[{{"provider":"grok","endpoint":"v1/chat/completions","headers":{{"authorization":"k"}},
                "query":{{"model":"{model}","messages":[]}}}}]"#
        ))
    };
    assert_eq!(time(&entry("grok-9-preview")), Some(Duration::ZERO));
    assert_eq!(time(&entry("grok-3")), Some(MINUTE));
    // If only requests ask for the cache, a rule with a TTL asks for its requests, and `never` has no
    // status.
    let on_request = || on(rules(CacheSettings::on_request()));
    assert_eq!(time(&on_request()), None);
    assert_eq!(time(&body(on_request(), "grok-3")), Some(MINUTE));
    assert_eq!(time(&body(on_request(), "grok-9-preview")), None);
    assert_eq!(time(&body(asks(on_request()), "grok-9-preview")), Some(Duration::ZERO));
}

/// The gateway cannot tell the callers apart.
#[test]
fn callers_that_cannot_be_told_apart_share_nothing() {
    let stored = |cache: CacheSettings| {
        let key = crate::credentials::secret::Secret::new("sk-stored").unwrap();
        Scene::new()
            .without("authorization")
            .settings(|builder| builder.key("grok", key).authenticated_elsewhere().cache(cache))
    };
    assert_eq!(time(&stored(CacheSettings::new(HOUR))), Some(Duration::ZERO));
    assert_eq!(
        time(&stored(CacheSettings::new(HOUR)).with("cf-aig-cache-key", "c")),
        Some(Duration::ZERO)
    );
    assert_eq!(time(&stored(CacheSettings::new(HOUR).shared())), Some(HOUR));
    assert_eq!(time(&stored(CacheSettings::new(HOUR)).identity("ann")), Some(HOUR));
    let own_key = stored(CacheSettings::new(HOUR)).with("authorization", "Bearer own");
    assert_eq!(time(&own_key), Some(HOUR));
}

/// A layer below may have a key for each caller, with or without settings.
#[test]
fn callers_with_keys_from_a_layer_are_told_apart_or_bypass() {
    let bare = || Scene::new().without("authorization").with("cf-aig-cache-key", "c");
    assert_eq!(time(&bare()), Some(Duration::ZERO));
    let default = Some(Duration::from_secs(300));
    assert_eq!(time(&bare().identity("ann")), default);
    assert_eq!(time(&bare().with("authorization", "Bearer own")), default);
    assert_eq!(time(&bare().uri(format!("{CHAT}?key=own"))), default);
    let keyed = |cache: CacheSettings, has_token: bool| {
        Scene::new()
            .without("authorization")
            .settings(|builder| {
                let builder = builder.cache(cache).keys_from_layer();
                match has_token {
                    true => builder.token(crate::settings::GatewayToken::new("token-one")),
                    false => builder.authenticated_elsewhere(),
                }
            })
            .with("cf-aig-authorization", "token-one")
    };
    assert_eq!(time(&keyed(CacheSettings::new(HOUR), true)), Some(Duration::ZERO));
    assert_eq!(time(&keyed(CacheSettings::new(HOUR), true).identity("ann")), Some(HOUR));
    assert_eq!(time(&keyed(CacheSettings::new(HOUR).shared(), true)), Some(HOUR));
    assert_eq!(time(&keyed(CacheSettings::new(HOUR).shared(), false)), Some(Duration::ZERO));
    let own = keyed(CacheSettings::new(HOUR), true).with("authorization", "Bearer own");
    assert_eq!(time(&own), Some(HOUR));
}

#[test]
fn a_custom_key_shares_nothing() {
    let shared = || on(CacheSettings::new(HOUR).shared());
    assert!(shared().kept().1.is_shared);
    assert!(!shared().with("cf-aig-cache-key", "c").kept().1.is_shared);
    let unknown = Scene::new().without("authorization").with("cf-aig-cache-key", "c");
    let unknown = unknown.settings(|builder| builder.cache(CacheSettings::new(HOUR).shared()));
    assert_eq!(time(&unknown), Some(Duration::ZERO));
}

#[test]
fn a_deferred_request_is_not_stored() {
    let scene = on(CacheSettings::new(HOUR));
    assert_eq!(time(&scene.uri(format!("{CHAT}?queueRequest=true"))), Some(Duration::ZERO));
}

/// Whether the body is clean, as the cache reads it.
fn is_clean(scene: &Scene) -> bool {
    let policy = scene.kept().1;
    scene.sent(move |head, context, body| {
        let mut maker = KeyMaker::new(head, context, &policy);
        body.chunks(5).for_each(|piece| maker.push(piece));
        maker.is_clean()
    })
}

#[test]
fn bodies_that_refer_to_provider_state_are_not_clean() {
    let scene = || on(CacheSettings::new(HOUR));
    assert!(is_clean(&scene()));
    for body in [
        r#"{"model":"a","background":true}"#,
        r#"{"model":"a","deferred":true}"#,
        r#"{"model":"a","conversation":"c"}"#,
        r#"{"model":"a""#,
        "[1]",
    ] {
        assert!(!is_clean(&scene().body(body)), "{body}");
    }
    assert!(!is_clean(&scene().with("content-encoding", "gzip")));
    let speech = scene().uri("/v1/acct/gw/grok/v1/audio/transcriptions");
    assert!(is_clean(&speech.body("--b\r\n")));
}
