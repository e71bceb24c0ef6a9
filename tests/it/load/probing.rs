//! An unhealthy base URL is avoided and probed, and a retry picks again.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{BreakerSettings, HealthLayer};
use tower_ai_gateway::hook::Failure;

use crate::load::{CHAT, counts, key};
use crate::support::controlled::{SECOND, Scene, every_gateway, post, secret, with};
use crate::support::scripted::Reply;

fn provider() -> Provider {
    Provider::xai().further_base_url("https://us.api.x.ai/v1", 1)
}

fn breaking() -> ControlLayer {
    let breaker = BreakerSettings::default().failures_in_a_row(3);
    ControlLayer::new().health(HealthLayer::new().breaker(breaker))
}

fn hosts(scene: &Scene) -> Vec<String> {
    counts(&scene.sent(), |sent| sent.authority().to_owned()).into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn an_open_base_url_is_avoided_and_probed() {
    fastrand::seed(1);
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let scene = Scene::new(
        |builder| builder.provider(provider()),
        breaking(),
        move |sent| match sent.authority() {
            "us.api.x.ai" if down.load(Ordering::Relaxed) => {
                Reply::fails(ErrorKind::ConnectionRefused)
            }
            _ => Reply::ok(),
        },
    );
    let ask = async |times: usize| {
        let mut failed = 0;
        for _ in 0..times {
            failed += usize::from(scene.ask(post(CHAT)).await.0 != 200);
        }
        failed
    };
    assert_eq!(ask(100).await, 3, "it opens after three");
    scene.sent();
    assert_eq!(ask(100).await, 0);
    assert_eq!(hosts(&scene), ["api.x.ai"]);
    tokio::time::advance(30 * SECOND).await;
    assert_eq!(ask(100).await, 1, "one probe, and it is open again");
    is_down.store(false, Ordering::Relaxed);
    tokio::time::advance(30 * SECOND).await;
    scene.sent();
    assert_eq!(ask(100).await, 0);
    assert_eq!(hosts(&scene), ["api.x.ai", "us.api.x.ai"]);
}

#[tokio::test(start_paused = true)]
async fn if_all_circuits_are_open_nothing_is_sent() {
    let scene =
        Scene::new(|builder| builder.provider(provider()), breaking(), |_| Reply::status(500));
    while scene.ask(post(CHAT)).await.0 == 500 {}
    assert_eq!(scene.sent().len(), 6);
    let response = scene.send(post(CHAT)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    assert!(scene.sent().is_empty());
    assert_eq!(scene.recorder.ends().pop().unwrap().failure, Some(Failure::CircuitOpen));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_chooses_a_consistent_target_again() {
    fastrand::seed(6);
    let settings = every_gateway(|settings| {
        let settings = settings.weighted_key("grok", "default", secret("one"), 1);
        settings.weighted_key("grok", "default", secret("two"), 1)
    });
    let scene = Scene::new(
        |builder| builder.provider(provider()).settings(settings),
        ControlLayer::new().retry_budget(1_000_000, 1000.0),
        |sent| match (sent.authority(), sent.key()) {
            ("us.api.x.ai", Some("two")) => Reply::ok(),
            _ => Reply::status(503),
        },
    );
    let mut served = 0;
    for _ in 0..100 {
        let request = with(post(CHAT), "cf-aig-max-attempts", "5");
        served += usize::from(scene.ask(with(request, "cf-aig-retry-delay", "0")).await.0 == 200);
    }
    // With five draws among four pairs, three out of four requests hit the good one.
    assert!(served > 55, "{served}");
    let sent = scene.sent();
    for sent in &sent {
        assert_eq!(sent.host(), Some(sent.authority()));
        assert_eq!(sent.uri.path(), "/v1/chat/completions");
    }
    let pairs = counts(&sent, |sent| format!("{} {}", sent.authority(), key(sent)));
    assert_eq!(pairs.len(), 4, "{pairs:?}");
}
