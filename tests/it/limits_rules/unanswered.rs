//! Calls that had no answer in time count beside the one that has answered.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use tower_ai_gateway::settings::limits::{LimitRule, OnExceeded};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettingsBuilder};

use super::scene::post;
use super::{Reply, Scene, chat, fixed};

const BODY: &str = r#"{"model":"grok-4.5","max_tokens":100,"messages":[]}"#;
const INPUT: u64 = (BODY.len() as u64).div_ceil(4);
/// What one call may have used.
const CALL: u64 = INPUT + 100;

fn scene(set: impl FnOnce(GatewaySettingsBuilder) -> GatewaySettingsBuilder) -> Scene {
    Scene::new(|own| {
        set(own)
            .defaults(|defaults| {
                defaults.max_attempts = Some(3);
                defaults.retry_delay = Some(Duration::ZERO);
            })
            .limit(LimitRule::requests("requests", 100, fixed()))
            .limit(LimitRule::tokens("tokens", 10_000, fixed()))
            .limit(LimitRule::usd("money", 100.0, fixed()))
    })
}

/// A request that waits for a head for 50 ms.
fn hasty() -> Request<Full<bytes::Bytes>> {
    let mut request = chat(BODY);
    request.headers_mut().insert("cf-aig-request-timeout", "50".parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn attempts_that_timed_out_count_beside_the_response() {
    let scene = scene(|set| set);
    scene.replies([Reply::Silent, Reply::Silent, Reply::used(2, 3)]);
    assert_eq!(scene.ask(hasty()).await.0, 200);
    let end = scene.end();
    assert_eq!((end.attempts, end.used("requests"), end.used("tokens")), (3, 1, 2 * CALL + 5));
    assert!(end.used("money") > end.ticks);
    // Nothing is held any more.
    scene.replies([Reply::status(400)]);
    scene.ask(chat(BODY)).await;
    assert_eq!(scene.end().used("tokens"), 2 * CALL + 5);
}

#[tokio::test(start_paused = true)]
async fn if_all_attempts_time_out_each_counts_once() {
    let scene = scene(|set| set);
    scene.replies((0..3).map(|_| Reply::Silent));
    assert_eq!(scene.ask(hasty()).await.0, 504);
    assert_eq!((scene.end().attempts, scene.end().used("tokens")), (3, 3 * CALL));
}

#[tokio::test(start_paused = true)]
async fn errors_and_failed_connections_add_nothing_to_the_response() {
    let scene = scene(|set| set);
    scene.replies([
        Reply::status(503),
        Reply::Fails(std::io::ErrorKind::ConnectionRefused),
        Reply::used(2, 3),
    ]);
    assert_eq!(scene.ask(hasty()).await.0, 200);
    assert_eq!(scene.end().used("tokens"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_timed_out_counts_whatever_follows() {
    let chain = || FallbackChain::on("grok-4.5").to_model("grok-3");
    let first = || LimitRule::tokens("first", 10_000, fixed()).only_models(["grok-4.5"]);
    for (next, status, used) in [
        (Reply::used(2, 3), 200, 5),
        (Reply::status(400), 400, 0),
        (Reply::Fails(std::io::ErrorKind::ConnectionRefused), 502, 0),
    ] {
        let scene = Scene::new(|set| {
            set.fallback(chain()).limit(LimitRule::tokens("tokens", 10_000, fixed())).limit(first())
        });
        scene.replies([Reply::Silent, next.clone()]);
        assert_eq!(scene.ask(hasty()).await.0, status, "{next:?}");
        let end = scene.end();
        assert_eq!((end.used("tokens"), end.used("first")), (CALL + used, CALL), "{next:?}");
    }
    // Where the next step is refused by its own rule, too.
    let scene = Scene::new(|set| {
        set.fallback(chain())
            .limit(LimitRule::tokens("tokens", 10_000, fixed()))
            .limit(LimitRule::requests("second", 1, fixed()).only_models(["grok-3"]))
    });
    scene.replies([Reply::status(400), Reply::Silent]);
    scene.ask(chat(r#"{"model":"grok-3"}"#)).await;
    assert_eq!(scene.ask(hasty()).await.0, 429);
    assert_eq!(scene.end().used("tokens"), CALL);
    // And where the first answer is handed on because the second had none.
    let scene =
        Scene::new(|set| set.fallback(chain()).limit(LimitRule::tokens("tokens", 10_000, fixed())));
    scene.replies([Reply::status(503), Reply::Silent]);
    assert_eq!(scene.ask(hasty()).await.0, 503);
    assert_eq!(scene.end().used("tokens"), CALL);
}

/// A universal request whose entries want so much output at most, and no more than 9000.
fn universal(most: &[u64]) -> Request<Full<bytes::Bytes>> {
    let entry = |most: &u64| {
        format!(
            r#"{{"provider":"grok","endpoint":"v1/chat/completions","headers":{{"authorization":"Bearer k"}},"query":{{"model":"grok-4.5","max_tokens":{most}}}}}"#
        )
    };
    let entries: Vec<_> = most.iter().map(entry).collect();
    post("/v1/acct/gw", format!("[{}]", entries.join(",")))
}

fn output(on_exceeded: OnExceeded) -> Scene {
    Scene::new(|set| {
        let rule = LimitRule::output_tokens("output", 10_000, fixed()).max_output(9000);
        set.limit(rule.on_exceeded(on_exceeded))
    })
}

#[tokio::test]
async fn a_larger_step_reserves_more_than_the_previous_one() {
    let scene = output(OnExceeded::Refuse);
    scene.replies([Reply::status(503), Reply::stream(1, None, super::scene::Finish::GoesOn)]);
    let open = scene.send(universal(&[1, 6000])).await;
    assert_eq!(open.status(), 200);
    assert_eq!(scene.ask(universal(&[5000])).await.0, 429, "6000 are held");
    drop(open);
    let used = scene.end().used("output");
    scene.replies([Reply::status(503), Reply::used(1, 50)]);
    assert_eq!(scene.ask(universal(&[100, 200])).await.0, 200);
    assert_eq!(scene.end().used("output") - used, 50, "all of it is given back");
}

#[tokio::test]
async fn a_larger_step_without_room_is_not_sent() {
    for (on_exceeded, status, sent) in
        [(OnExceeded::Refuse, 429, 1), (OnExceeded::Fallback, 200, 2)]
    {
        let scene = output(on_exceeded);
        scene.replies([Reply::used(1, 5000)]);
        scene.ask(universal(&[5000])).await;
        scene.sent();
        scene.replies([Reply::status(503), Reply::used(1, 7)]);
        assert_eq!(scene.ask(universal(&[1, 8000, 20])).await.0, status, "{on_exceeded:?}");
        assert_eq!(scene.sent().len(), sent);
        assert_eq!(scene.end().used("output"), if sent == 2 { 5007 } else { 5000 });
    }
}
