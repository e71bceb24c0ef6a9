//! Attempts that the gateway itself does not make: a key cools down, or a circuit has opened.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::control::{ControlLayer, RetrySettings};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::FallbackChain;

use crate::retries::scene::SECOND;
use crate::support::controlled::{Scene, body, every_gateway, post, secret, with};
use crate::support::memory::{Recorder, Seen};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";
const LIMITED: &str = r#"{"error":{"type":"rate_limit_error","message":"slowly"}}"#;

/// Attempts with delays of a tenth of a second.
fn attempts(count: u8) -> RetrySettings {
    RetrySettings::attempts(count).delay(ms(100)).jitter(false)
}

fn scene(
    health: HealthLayer,
    retry: RetrySettings,
    reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> Scene {
    let control = ControlLayer::new().health(health).retry(retry);
    let calls = AtomicUsize::new(0);
    Scene::new(
        |builder| builder.provider(Provider::xai()),
        control,
        move |_| reply(calls.fetch_add(1, Ordering::Relaxed)),
    )
}

fn cooling() -> HealthLayer {
    HealthLayer::new().cool_down(CoolDownSettings::default())
}

fn breaking_after(failures: u32) -> HealthLayer {
    HealthLayer::new().breaker(BreakerSettings::default().failures_in_a_row(failures))
}

/// Status, body, milliseconds and calls.
async fn ask(scene: &Scene, total: Option<&str>) -> (u16, String, u128, usize) {
    let began = Instant::now();
    let mut request = with(post(CHAT), "authorization", "Bearer own");
    if let Some(total) = total {
        request = with(request, "cf-aig-total-timeout", total);
    }
    let (status, text) = scene.ask(body(request, r#"{"model":"m"}"#)).await;
    (status, text, began.elapsed().as_millis(), scene.sent().len())
}

/// What hooks were told of each attempt.
fn told(recorder: &Recorder) -> Vec<Option<Failure>> {
    let told = recorder.seen().into_iter().filter_map(|seen| match seen {
        Seen::Attempt { failure, .. } => Some(failure),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cools_down_by_default_is_waited_for() {
    let limited = [Reply::status(429), Reply::ok().body(LIMITED)];
    for limited in limited {
        let first = limited.clone();
        let scene = scene(cooling(), attempts(3), move |call| match call {
            0 => first.clone(),
            _ => Reply::ok().body("well"),
        });
        assert_eq!(ask(&scene, None).await, (200, "well".to_owned(), 1000, 2));
        assert_eq!(scene.recorder.end().attempts, 2);
        assert_eq!(told(&scene.recorder), [None, None], "what was not sent is no attempt");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_handed_on_where_a_key_is_limited_all_the_time() {
    for (limited, status) in
        [(Reply::status(429).body("slowly"), 429), (Reply::ok().body(LIMITED), 200)]
    {
        let scene = scene(cooling(), attempts(3), move |_| limited.clone());
        let (got, text, after, calls) = ask(&scene, None).await;
        assert_eq!((got, after, calls), (status, 2000, 3), "{text}");
        assert!(text.contains("slowly"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cool_down_that_is_too_long_ends_the_retries() {
    for (retry, total) in [(attempts(3).max_retry_after(ms(500)), None), (attempts(3), Some("900"))]
    {
        let scene = scene(cooling(), retry, |_| Reply::status(429).body("slowly"));
        assert_eq!(ask(&scene, total).await, (429, "slowly".to_owned(), 100, 1));
        let end = scene.recorder.end();
        assert_eq!((end.attempts, end.failure, end.gateway_code), (1, None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_between_attempts_leaves_the_last_answer() {
    let down = |call| Reply::status(500).body(format!("down {call}"));
    let scene = scene(breaking_after(2), attempts(5), down);
    assert_eq!(ask(&scene, None).await, (500, "down 1".to_owned(), 300, 2));
    assert_eq!(told(&scene.recorder), [None, None]);
    let (status, text, after, calls) = ask(&scene, None).await;
    assert_eq!((status, after, calls), (503, 0, 0), "{text}");
    tokio::time::advance(30 * SECOND).await;
    assert_eq!(ask(&scene, None).await.1, "down 2", "a probe, and no more");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_connection_that_was_made_goes_before_an_open_circuit() {
    let refused = std::io::ErrorKind::ConnectionRefused;
    let scene = scene(breaking_after(1), attempts(3), move |_| Reply::fails(refused));
    let (status, _, after, calls) = ask(&scene, None).await;
    assert_eq!((status, after, calls), (502, 100, 1));
    assert_eq!(scene.recorder.end().failure, Some(Failure::Connect));
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_is_left_leads_on_to_the_next_step() {
    let settings = every_gateway(|settings| {
        settings.key("openai", secret("stored")).fallback(FallbackChain::on("*").to("openai", "n"))
    });
    let control = ControlLayer::new().health(breaking_after(1)).retry(attempts(3));
    let scene = Scene::new(
        |builder| builder.providers([Provider::xai(), Provider::openai()]).settings(settings),
        control,
        |sent| match sent.authority() {
            "api.openai.com" => Reply::ok().body("well"),
            _ => Reply::status(500),
        },
    );
    assert_eq!(ask(&scene, None).await, (200, "well".to_owned(), 100, 2));
    assert_eq!((scene.recorder.end().step, scene.recorder.end().attempts), (1, 2));
}
