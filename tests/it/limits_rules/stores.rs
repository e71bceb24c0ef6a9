//! Slow and failing stores.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tower_ai_gateway::settings::SettingsTable;
use tower_ai_gateway::settings::limits::{LimitRule, OnStoreFailure};

use super::scene::settings;
use super::{Reply, Scene, chat, fixed};
use crate::support::failing_store::FailingStore;

fn scene(rules: impl IntoIterator<Item = LimitRule>) -> (Scene, Arc<FailingStore>) {
    let store = Arc::new(FailingStore::default());
    let set = settings(|set| rules.into_iter().fold(set, |set, rule| set.limit(rule)));
    let table = SettingsTable::new().serve_unknown(set);
    (Scene::with(table, |control| control.limits(store.clone())), store)
}

#[tokio::test]
async fn a_custom_store_is_asked_once_for_all_rules() {
    let requests = LimitRule::requests("requests", 2, fixed());
    let (scene, store) = scene([requests, LimitRule::tokens("tokens", 1_000_000, fixed())]);
    scene.replies([Reply::used(5, 6), Reply::used(7, 8)]);
    assert_eq!(scene.statuses((0..2).map(|_| chat("{}"))).await, [200; 2]);
    assert_eq!(scene.end().used("tokens"), 26);
    assert_eq!(scene.ask(chat("{}")).await.0, 429);
    assert_eq!(store.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn each_rule_decides_about_a_failing_store() {
    let rule = |name: &str, on| LimitRule::requests(name, 1, fixed()).on_store_failure(on);
    let local = rule("local", OnStoreFailure::Local);
    let open = rule("open", OnStoreFailure::Open);
    let (scene, store) = scene([local, open]);
    store.is_failing.store(true, Ordering::Relaxed);
    assert_eq!(scene.ask(chat("{}")).await.0, 200);
    let end = scene.end();
    assert!(end.of("local").has_store_failed && end.of("open").has_store_failed);
    let (status, body) = scene.ask(chat("{}")).await;
    assert!(status == 429 && body.contains("`local`"), "{body}");
    store.is_failing.store(false, Ordering::Relaxed);
    assert_eq!(scene.ask(chat("{}")).await.0, 200, "the store knows of nothing");
    assert_eq!(scene.ask(chat("{}")).await.0, 429);

    let (scene, store) = self::scene([rule("open", OnStoreFailure::Open)]);
    store.is_failing.store(true, Ordering::Relaxed);
    assert_eq!(scene.statuses((0..3).map(|_| chat("{}"))).await, [200; 3]);

    let (scene, store) = self::scene([rule("closed", OnStoreFailure::Closed)]);
    store.is_failing.store(true, Ordering::Relaxed);
    let answer = scene.send(chat("{}")).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(scene.end().code, Some(2503));
    assert!(scene.sent().is_empty());
}
