//! No spelling of a path gives a client more permits: limits belong to their settings.

use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{
    ConcurrencyLimit, GatewaySettings, Settings, SettingsQuery, SettingsTable,
};

use crate::limits::{GROK, admitted, streams};
use crate::support::controlled::{Answer, Scene, every_gateway, post, settings, with};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

/// Two requests at once, without waiting.
fn two() -> ConcurrencyLimit {
    ConcurrencyLimit::new(2).wait(ms(0))
}

fn limited() -> GatewaySettings {
    settings(|settings| settings.concurrency(two()))
}

/// The number of accepted requests, all kept open until the end.
async fn let_in(scene: &Scene, paths: &[&str]) -> usize {
    let mut held: Vec<Answer> = Vec::new();
    for path in paths {
        held.extend(admitted(scene, post(path)).await);
    }
    held.len()
}

#[tokio::test(start_paused = true)]
async fn unknown_ids_share_the_permits_of_their_settings() {
    let accounts: Vec<_> =
        (0..6).map(|number| format!("/v1/account-{number}/gw/grok/v1/chat/completions")).collect();
    let gateways: Vec<_> =
        (0..6).map(|number| format!("/v1/acct/gw-{number}/grok/v1/chat/completions")).collect();
    let of_any_account = SettingsTable::new().gateway_of_any_account("gw", limited());
    let unknown = SettingsTable::new().serve_unknown(limited());
    for (table, paths) in
        [(of_any_account, &accounts), (unknown.clone(), &accounts), (unknown, &gateways)]
    {
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        assert_eq!(let_in(&streams(Settings::new(table)), &paths).await, 2, "{paths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_a_resolver_gives_to_all_share_one_limit() {
    let one = std::sync::Arc::new(limited());
    let resolve = move |_: &SettingsQuery<'_>| Some(one.clone());
    let anew = |_: &SettingsQuery<'_>| {
        Some(std::sync::Arc::new(settings(|settings| settings.concurrency(two()).scope("team"))))
    };
    let reply = |_: &_| Reply::ok().timed(&[1_000_000]);
    for scene in [
        Scene::new(
            |builder| builder.provider(Provider::xai()).settings(resolve),
            ControlLayer::new(),
            reply,
        ),
        Scene::new(
            |builder| builder.provider(Provider::xai()).settings(anew),
            ControlLayer::new(),
            reply,
        ),
    ] {
        let paths = [GROK, "/v1/acct/other/grok/x", "/v1/second/gw/grok/x"];
        assert_eq!(let_in(&scene, &paths).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn gateways_of_a_table_have_their_own_permits_across_reloads() {
    let table = || {
        let first = SettingsTable::new().gateway("acct", "gw", limited());
        first.gateway("acct", "other", limited()).serve_unknown(limited())
    };
    let settings = Settings::new(table());
    let scene = streams(settings.clone());
    let paths = [GROK, "/v1/acct/other/grok/x", "/v1/acct/unknown/grok/x"];
    let mut held = Vec::new();
    for path in paths {
        held.extend(admitted(&scene, post(path)).await);
        held.extend(admitted(&scene, post(path)).await);
    }
    assert_eq!(held.len(), 6);
    settings.replace(table());
    assert_eq!(let_in(&scene, &paths).await, 0, "those that are under way still count");
    drop(held);
    assert_eq!(let_in(&scene, &paths).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_the_same_in_any_spelling_and_header() {
    let scene = streams(every_gateway(|settings| settings.concurrency_per_credential(two())));
    let mut held = Vec::new();
    for (header, value) in [
        ("authorization", "Bearer k"),
        ("authorization", "bearer k"),
        ("authorization", "BEARER  k"),
        ("authorization", "Bearer \t k"),
        ("authorization", "k"),
        ("x-api-key", "k"),
    ] {
        held.extend(admitted(&scene, with(post(GROK), header, value)).await);
    }
    assert_eq!(held.len(), 2);
    let other = admitted(&scene, with(post(GROK), "authorization", "Bearer other")).await;
    assert!(other.is_some());
}
