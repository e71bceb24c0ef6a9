//! A total timeout bounds everything done for a request: attempts, fallbacks and the waits between
//! them.

use tokio::time::Instant;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{ConcurrencyLimit, FallbackChain, Secret, Timeouts};

use crate::limits::{GROK, admitted, scene};
use crate::support::controlled::{SECOND, Scene, body, every_gateway, post, with};
use crate::support::memory::Seen;
use crate::support::scripted::Reply;
use crate::support::timed::ms;

fn generous() -> ControlLayer {
    ControlLayer::new().retry_budget(1_000_000, 1000.0)
}

async fn gives_up(scene: &Scene, total: &str) -> (u16, u128, usize) {
    let start = Instant::now();
    let request = with(post(GROK), "cf-aig-total-timeout", total);
    let request = with(request, "cf-aig-max-attempts", "5");
    let request = with(request, "cf-aig-retry-delay", "1000");
    let request = with(request, "cf-aig-backoff", "constant");
    let (status, _) = scene.ask(body(request, r#"{"model":"m"}"#)).await;
    (status, start.elapsed().as_millis(), scene.sent().len())
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let settings = every_gateway(|settings| settings);
    let scene = scene(settings, generous(), |_| Reply::status(503).header("retry-after", "2"));
    assert_eq!(gives_up(&scene, "5000").await, (503, 4000, 3), "the last answer is handed on");
    let end = scene.recorder.ends().pop().unwrap();
    assert_eq!((end.failure, end.attempts), (None, 3));
    assert_eq!(gives_up(&scene, "60000").await, (503, 8000, 5));
}

#[tokio::test(start_paused = true)]
async fn all_steps_share_the_total_timeout_and_each_attempt_has_its_own_head_timeout() {
    let settings = every_gateway(|settings| {
        let settings = settings.key("openai", Secret::new("stored").unwrap());
        let settings = settings.timeouts(Timeouts::default().head(ms(1000)));
        settings.fallback(FallbackChain::on("*").to("openai", "m"))
    });
    let scene = scene(settings, generous(), |sent| match sent.authority() {
        "api.openai.com" => Reply::ok().after(ms(900)),
        _ => Reply::ok().after(ms(9000)),
    });
    let ask = async |total: &str| {
        let start = Instant::now();
        let request = with(post(GROK), "cf-aig-total-timeout", total);
        let (status, _) = scene.ask(body(request, r#"{"model":"m"}"#)).await;
        (status, start.elapsed().as_millis(), scene.sent().len())
    };
    assert_eq!(ask("5000").await, (200, 1900, 2));
    assert_eq!(scene.recorder.ends().pop().unwrap().step, 1);
    assert_eq!(ask("1500").await, (504, 1500, 2));
    let end = scene.recorder.ends().pop().unwrap();
    assert_eq!((end.failure, end.step, end.attempts), (Some(Failure::TotalTimeout), 1, 2));
    assert_eq!(ask("500").await, (504, 500, 1));
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_includes_the_wait_for_a_permit() {
    let settings =
        every_gateway(|settings| settings.concurrency(ConcurrencyLimit::new(1).wait(60 * SECOND)));
    let scene = scene(settings, generous(), |_| Reply::ok().timed(&[1_000_000]));
    let held = admitted(&scene, post(GROK)).await.unwrap();
    scene.sent();
    let start = Instant::now();
    let (status, _) = scene.ask(with(post(GROK), "cf-aig-total-timeout", "3000")).await;
    assert_eq!((status, start.elapsed(), scene.sent().len()), (504, 3 * SECOND, 0));
    drop(held);
    assert!(admitted(&scene, post(GROK)).await.is_some(), "who has left the queue takes no place");
}

#[tokio::test(start_paused = true)]
async fn a_call_ended_by_the_total_timeout_is_reported() {
    let retries = every_gateway(|settings| settings);
    let steps = every_gateway(|settings| settings.fallback(FallbackChain::on("*").to_model("n")));
    let calls = |settings, attempts: &'static str| async move {
        let scene = scene(settings, generous(), |_| Reply::ok().after(9 * SECOND));
        let request = with(post(GROK), "cf-aig-total-timeout", "2500");
        let request = with(request, "cf-aig-request-timeout", "2000");
        let request = with(request, "cf-aig-retry-delay", "0");
        let request = with(request, "cf-aig-max-attempts", attempts);
        scene.ask(body(request, r#"{"model":"m"}"#)).await;
        let reported = scene.recorder.seen().into_iter().filter_map(|seen| match seen {
            Seen::Attempt { number, failure, .. } => Some((number, failure)),
            _ => None,
        });
        (reported.collect::<Vec<_>>(), scene.recorder.end().attempts)
    };
    let expected = vec![(1, Some(Failure::HeadTimeout)), (2, Some(Failure::TotalTimeout))];
    assert_eq!(calls(retries, "2").await, (expected.clone(), 2));
    assert_eq!(calls(steps, "1").await, (expected, 2));
}
