//! Stored keys are not used in place of a client's own, and never from another alias or gateway.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{Mount, Provider};

use crate::load::{CHAT, counts, key};
use crate::support::controlled::{Scene, body, every_gateway, post, secret, settings, with};
use crate::support::scripted::Reply;

fn scene(settings: Settings) -> Scene {
    fastrand::seed(5);
    Scene::new(
        |builder| {
            let anthropic =
                Provider::anthropic().further_base_url("https://anthropic.second.test", 1);
            let own = Provider::custom("own", "https://own.test/v1").key_header("x-own-api-key");
            let builder = builder.providers([Provider::xai(), anthropic, own]);
            builder.mount(Mount::hosted().universal()).settings(settings)
        },
        ControlLayer::new(),
        |_| Reply::ok(),
    )
}

fn two_of_each() -> Scene {
    scene(every_gateway(|settings| {
        ["grok", "anthropic", "own"].into_iter().fold(settings, |settings, slug| {
            let settings = settings.weighted_key(slug, "default", secret("one"), 1);
            settings.weighted_key(slug, "default", secret("two"), 1)
        })
    }))
}

#[tokio::test(start_paused = true)]
async fn a_clients_own_key_is_never_replaced() {
    let scene = two_of_each();
    // Not even if it equals a stored one.
    for own in ["mine", "one", "two"] {
        for (path, header, value) in [
            (CHAT, "authorization", format!("Bearer {own}")),
            (CHAT, "authorization", own.to_owned()),
            ("/v1/acct/gw/anthropic/v1/messages", "x-api-key", own.to_owned()),
            ("/v1/acct/gw/own/chat", "x-own-api-key", own.to_owned()),
            ("/v1/acct/gw/compat/chat/completions", "authorization", format!("Bearer {own}")),
        ] {
            for _ in 0..20 {
                let request = with(post(path), header, &value);
                let (status, text) = scene.ask(body(request, r#"{"model":"grok/grok-4"}"#)).await;
                assert_eq!(status, 200, "{text}");
                let sent = scene.one();
                assert_eq!(sent.header(header), Some(&*value), "{path}");
                let others = ["authorization", "x-api-key", "x-own-api-key"];
                for other in others.into_iter().filter(|other| *other != header) {
                    assert_eq!(sent.header(other), None, "{path}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_an_entry_is_never_replaced_and_others_share_the_stored_keys() {
    let scene = two_of_each();
    let mut seen = Vec::new();
    for _ in 0..40 {
        for (headers, own) in [(r#"{"authorization":"Bearer one"}"#, true), ("{}", false)] {
            let entry = format!(
                r#"[{{"provider":"grok","endpoint":"v1/chat/completions","headers":{headers},"query":{{"model":"m"}}}}]"#
            );
            let (status, text) = scene.ask(body(post("/v1/acct/gw"), entry)).await;
            assert_eq!(status, 200, "{text}");
            let key = key(&scene.one());
            if own {
                assert_eq!(key, "one");
            } else {
                seen.push(key);
            }
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn stored_keys_are_sent_in_each_apis_header() {
    let scene = two_of_each();
    for (path, model, header, prefix) in [
        ("/v1/acct/gw/anthropic/v1/messages", "claude", "x-api-key", ""),
        ("/v1/acct/gw/compat/messages", "anthropic/claude", "x-api-key", ""),
        ("/v1/acct/gw/compat/chat/completions", "anthropic/claude", "authorization", "Bearer "),
        ("/v1/acct/gw/own/chat", "any", "x-own-api-key", ""),
    ] {
        let mut seen = Vec::new();
        for _ in 0..40 {
            let (status, text) =
                scene.ask(body(post(path), format!(r#"{{"model":"{model}"}}"#))).await;
            assert_eq!(status, 200, "{text}");
            let sent = scene.one();
            seen.push(sent.header(header).unwrap().strip_prefix(prefix).unwrap().to_owned());
            let all = ["authorization", "x-api-key", "x-own-api-key"];
            assert_eq!(all.iter().filter(|name| sent.header(name).is_some()).count(), 1, "{path}");
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["one", "two"], "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_other_aliases_gateways_and_providers_are_never_used() {
    let of = |gateway: &str| -> GatewaySettings {
        settings(|mut settings| {
            for alias in ["default", "other"] {
                for slug in ["grok", "own"] {
                    for number in 0..3 {
                        let key = secret(&format!("{gateway}-{alias}-{slug}-{number}"));
                        settings = settings.weighted_key(slug, alias, key, number);
                    }
                }
            }
            settings
        })
    };
    let table = SettingsTable::new().gateway("acct", "a", of("a")).gateway("acct", "b", of("b"));
    let scene = scene(Settings::new(table));
    for gateway in ["a", "b"] {
        for alias in ["default", "other"] {
            for _ in 0..200 {
                let path = format!("/v1/acct/{gateway}/grok/v1/chat/completions");
                let request = with(post(&path), "cf-aig-byok-alias", alias);
                assert_eq!(scene.ask(request).await.0, 200);
            }
            let used: Vec<_> = counts(&scene.sent(), key).into_keys().collect();
            let expected = [0, 1, 2].map(|number| format!("{gateway}-{alias}-grok-{number}"));
            assert_eq!(used, expected);
        }
    }
}
