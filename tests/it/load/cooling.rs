//! Keys that cool down.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{CoolDownSettings, HealthLayer};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{Outcome, Provider};

use crate::load::{CHAT, counts, key};
use crate::support::controlled::{SECOND, Scene, every_gateway, post, secret, with};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

fn cooling() -> ControlLayer {
    ControlLayer::new().health(HealthLayer::new().cool_down(CoolDownSettings::default()))
}

/// Answers 429 for the keys in the request's `x-tired`.
fn tired(sent: &crate::support::scripted::Call) -> Reply {
    let own = sent.key().or_else(|| sent.header("x-own-api-key"));
    match (sent.header("x-tired"), own) {
        (Some(tired), Some(own)) if tired.split(' ').any(|key| key == own) => {
            Reply::status(429).header("retry-after", "7")
        }
        _ => Reply::ok(),
    }
}

fn shared() -> Scene {
    fastrand::seed(2);
    let settings = every_gateway(|settings| {
        let settings = settings.weighted_key("grok", "default", secret("one"), 1);
        settings.weighted_key("grok", "default", secret("two"), 1)
    });
    Scene::new(|builder| builder.provider(Provider::xai()).settings(settings), cooling(), tired)
}

/// The keys in use.
async fn used(scene: &Scene) -> Vec<String> {
    for _ in 0..40 {
        assert_eq!(scene.ask(post(CHAT)).await.0, 200);
    }
    counts(&scene.sent(), key).into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_cools_down_for_exactly_its_retry_after() {
    let scene = shared();
    while scene.ask(with(post(CHAT), "x-tired", "one")).await.0 == 200 {}
    scene.sent();
    assert_eq!(used(&scene).await, ["two"]);
    tokio::time::advance(7 * SECOND - ms(1)).await;
    assert_eq!(used(&scene).await, ["two"]);
    tokio::time::advance(ms(1)).await;
    assert_eq!(used(&scene).await, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn if_all_keys_cool_down_the_client_gets_a_retry_after() {
    let scene = shared();
    let tire = || with(post(CHAT), "x-tired", "one two");
    assert_eq!(scene.ask(tire()).await.0, 429, "the answer itself passes");
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(scene.ask(tire()).await.0, 429);
    scene.sent();
    let response = scene.send(post(CHAT)).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5", "the soonest");
    assert_eq!(response.headers()["x-should-retry"], "true");
    let end = scene.recorder.ends().pop().unwrap();
    assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(Failure::CoolingDown)));
    assert_eq!(end.gateway_code, Some(2503));
    assert!(scene.sent().is_empty());
    tokio::time::advance(5 * SECOND).await;
    assert_eq!(scene.ask(post(CHAT)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_clients_key_does_not_affect_others() {
    let one = || Provider::xai();
    let two = || Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let own = || Provider::custom("own", "https://own.test").key_header("x-own-api-key");
    for (provider, path, header, prefix) in [
        (one(), CHAT, "authorization", "Bearer "),
        (two(), CHAT, "authorization", "Bearer "),
        (own(), "/v1/acct/gw/own/chat", "x-own-api-key", ""),
        (
            own().further_base_url("https://own.two.test", 1),
            "/v1/acct/gw/own/chat",
            "x-own-api-key",
            "",
        ),
    ] {
        let scene = Scene::new(|builder| builder.provider(provider), cooling(), tired);
        let ask = async |client: &str| {
            let request = with(post(path), header, &format!("{prefix}{client}"));
            scene.ask(with(request, "x-tired", "greedy")).await.0
        };
        // Cool-downs are per base URL.
        while ask("greedy").await == 429 {}
        assert_eq!(ask("greedy").await, 503, "{path}");
        for _ in 0..20 {
            assert_eq!(ask("modest").await, 200, "{path}");
        }
        tokio::time::advance(7 * SECOND).await;
        assert_eq!(ask("greedy").await, 429, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_cools_down_at_one_base_url_only() {
    fastrand::seed(4);
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let scene = Scene::new(
        |builder| builder.provider(provider),
        cooling(),
        |sent| match sent.authority() {
            "us.api.x.ai" => Reply::status(429).header("retry-after", "7"),
            _ => Reply::ok(),
        },
    );
    let ask = || scene.ask(with(post(CHAT), "authorization", "Bearer own"));
    while ask().await.0 != 429 {}
    for _ in 0..20 {
        assert_eq!(ask().await.0, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn made_up_keys_push_no_other_out() {
    let settings = every_gateway(|settings| settings.key("grok", secret("stored")));
    for status in [401, 429] {
        let scene = Scene::new(
            |builder| builder.provider(Provider::xai()).settings(settings.clone()),
            cooling(),
            move |sent| match sent.key() {
                Some(key) if key.starts_with("made-up") => Reply::status(status),
                _ => Reply::status(429).header("retry-after", "7"),
            },
        );
        for number in 0..4200 {
            let key = format!("Bearer made-up-{number}");
            assert_eq!(scene.ask(with(post(CHAT), "authorization", &key)).await.0, status);
        }
        let stored = || scene.ask(post(CHAT));
        assert_eq!([stored().await.0, stored().await.0], [429, 503], "{status}");
        let own = || scene.ask(with(post(CHAT), "authorization", "Bearer own"));
        // Where the provider has throttled thousands, there is no room for one more.
        let second = if status == 401 { 503 } else { 429 };
        assert_eq!([own().await.0, own().await.0], [429, second], "{status}");
    }
}
