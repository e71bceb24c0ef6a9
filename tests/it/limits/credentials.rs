//! Concurrent exchanges per key.

use std::collections::BTreeMap;

use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{CoolDownSettings, HealthLayer};
use tower_ai_gateway::settings::{ConcurrencyLimit, Secret, Settings};

use crate::limits::{GROK, admitted, scene, streams};
use crate::support::controlled::{Answer, Scene, every_gateway, post, with};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

/// A limit of two per key; one of the stored keys has much more weight.
fn two_each() -> Settings {
    every_gateway(|settings| {
        let limit = ConcurrencyLimit::new(2).wait(ms(0));
        let key = |text| Secret::new(text).unwrap();
        let settings = settings.concurrency_per_credential(limit).key("openai", key("single"));
        let settings = settings.weighted_key("grok", "default", key("light"), 1);
        let settings = settings.weighted_key("grok", "default", key("middle"), 3);
        settings.weighted_key("grok", "default", key("heavy"), 1000)
    })
}

async fn fill(scene: &Scene, path: &str, own: Option<(&'static str, &str)>) -> Vec<Answer> {
    let request = || match own {
        Some((header, key)) => with(post(path), header, key),
        None => post(path),
    };
    let mut held = Vec::new();
    while let Some(response) = admitted(scene, request()).await {
        held.push(response);
        assert!(held.len() < 20, "no limit");
    }
    held
}

fn keys(scene: &Scene) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for sent in scene.sent() {
        *keys.entry(sent.key().unwrap().to_owned()).or_default() += 1;
    }
    keys
}

#[tokio::test(start_paused = true)]
async fn each_client_key_has_its_own_permits() {
    let scene = streams(two_each());
    let mut held = Vec::new();
    for client in ["Bearer a", "Bearer b", "Bearer light"] {
        let own = fill(&scene, GROK, Some(("authorization", client))).await;
        assert_eq!(own.len(), 2, "{client}");
        held.extend(own);
    }
    let other = fill(&scene, "/v1/acct/other/grok/x", Some(("authorization", "Bearer a"))).await;
    assert_eq!(other.len(), 0, "whatever it calls the gateway");
}

#[tokio::test(start_paused = true)]
async fn a_key_in_the_query_is_a_key() {
    let settings = every_gateway(|settings| {
        settings.concurrency_per_credential(ConcurrencyLimit::new(2).wait(ms(0)))
    });
    let scene = streams(settings);
    let a = fill(&scene, &format!("{GROK}?alt=sse&key=a"), None).await;
    let b = fill(&scene, &format!("{GROK}?key=b"), None).await;
    assert_eq!((a.len(), b.len()), (2, 2));
    // Another spelling of the same key gives no additional permits.
    for again in ["%6bey=a", "key=%61", "k%65y=%61&alt=sse"] {
        assert_eq!(fill(&scene, &format!("{GROK}?{again}"), None).await.len(), 0, "{again}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_stored_key_has_its_own_permits() {
    fastrand::seed(4);
    let scene = streams(two_each());
    let path = "/v1/acct/gw/openai/v1/chat/completions";
    assert_eq!(fill(&scene, path, None).await.len(), 2);
    scene.sent();
    let mut held = fill(&scene, GROK, None).await;
    let all =
        BTreeMap::from([("heavy", 2), ("light", 2), ("middle", 2)].map(|(k, n)| (k.to_owned(), n)));
    assert_eq!(keys(&scene), all, "every place of each, and no more");
    // The end of a request releases a permit of its key.
    for _ in 0..20 {
        held.remove(0);
        held.push(admitted(&scene, post(GROK)).await.unwrap());
        assert!(admitted(&scene, post(GROK)).await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn the_permits_of_a_key_cover_all_base_urls() {
    fastrand::seed(5);
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let scene = Scene::new(
        |builder| builder.provider(provider).settings(two_each()),
        ControlLayer::new(),
        |_| Reply::ok().timed(&[1_000_000]),
    );
    let held = fill(&scene, GROK, None).await;
    assert_eq!((held.len(), keys(&scene).into_values().max()), (6, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_cooling_key_does_not_lend_its_permits() {
    fastrand::seed(6);
    let health = HealthLayer::new().cool_down(CoolDownSettings::default());
    let scene = scene(two_each(), ControlLayer::new().health(health), |sent| match sent.key() {
        Some("heavy") => Reply::status(429).header("retry-after", "9"),
        _ => Reply::ok().timed(&[1_000_000]),
    });
    assert_eq!(scene.ask(post(GROK)).await.0, 429);
    scene.sent();
    let held = fill(&scene, GROK, None).await;
    assert_eq!(held.len(), 4);
    assert_eq!(keys(&scene).into_values().collect::<Vec<_>>(), [2, 2]);
}
