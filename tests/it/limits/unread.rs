//! A response that nobody reads ends at its timeout.

use std::time::Duration;

use allocation_counter::measure;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{ConcurrencyLimit, Secret, Timeouts};

use crate::limits::{GROK, Set, admitted, scene};
use crate::support::controlled::{Answer, Scene, every_gateway, post};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

fn none() -> Timeouts {
    Timeouts::default()
}

/// One permit, and a provider that sends a frame after each gap.
fn one_place(timeouts: Timeouts, place: Set, gaps: &'static [u64]) -> Scene {
    let settings = every_gateway(|settings| place(settings.timeouts(timeouts)));
    scene(settings, ControlLayer::new(), |_| Reply::ok().timed(gaps))
}

const ONE: fn() -> ConcurrencyLimit = || ConcurrencyLimit::new(1).wait(ms(0));
const GATEWAY: Set = |settings| settings.concurrency(ONE());
const KEY: Set = |settings| {
    let settings = settings.weighted_key("grok", "default", Secret::new("stored").unwrap(), 1);
    settings.concurrency_per_credential(ONE())
};

/// The ends of all exchanges that had a permit.
fn ends(scene: &Scene) -> Vec<(Outcome, Option<Failure>)> {
    let ends = scene.recorder.ends().into_iter().map(|end| (end.outcome, end.failure));
    ends.filter(|(_, failure)| *failure != Some(Failure::Overloaded)).collect()
}

/// The end without a poll, and whether a returning reader gets a clean one.
async fn ended(scene: &Scene, answer: Answer) -> (Outcome, Option<Failure>, bool) {
    let reported = ends(scene);
    assert_eq!(reported.len(), 1, "{reported:?}");
    let is_whole = answer.into_body().collect().await.is_ok();
    assert_eq!(ends(scene), reported, "the reader has ended it once more");
    (reported[0].0, reported[0].1, is_whole)
}

async fn first_frame(answer: &mut Answer) {
    answer.frame().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_total_timeout_frees_the_permit_of_an_unread_response() {
    for place in [GATEWAY, KEY] {
        // Once never read, once read until the provider is silent.
        for is_read in [false, true] {
            let scene = one_place(none().total(ms(1000)), place, &[10, 1_000_000]);
            let mut answer = admitted(&scene, post(GROK)).await.expect("a place");
            if is_read {
                first_frame(&mut answer).await;
            }
            assert!(admitted(&scene, post(GROK)).await.is_none());
            sleep(ms(1001)).await;
            let end = ended(&scene, answer).await;
            assert_eq!(end, (Outcome::Broken, Some(Failure::TotalTimeout), false));
            assert!(admitted(&scene, post(GROK)).await.is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unread_frame_is_the_clients_failure() {
    let scene = one_place(none().idle(ms(1000)), GATEWAY, &[10, 10, 10, 10]);
    let mut answer = admitted(&scene, post(GROK)).await.unwrap();
    for _ in 0..2 {
        first_frame(&mut answer).await;
        sleep(ms(990)).await;
    }
    assert!(ends(&scene).is_empty(), "a slow reader may go on");
    sleep(ms(20)).await;
    let end = ended(&scene, answer).await;
    assert_eq!(end, (Outcome::Broken, Some(Failure::UnreadTimeout), false));
    assert_eq!(Failure::UnreadTimeout.as_str(), "unread_timeout");
    assert!(admitted(&scene, post(GROK)).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn silence_of_the_provider_is_its_own_failure() {
    let scene = || one_place(none().idle(ms(1000)), GATEWAY, &[10, 1_000_000]);
    // The reader waits for it…
    let waited = scene();
    let answer = admitted(&waited, post(GROK)).await.unwrap();
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(ends(&waited), [(Outcome::Broken, Some(Failure::IdleTimeout))]);
    // … or was waiting when it left.
    let scene = scene();
    let mut answer = admitted(&scene, post(GROK)).await.unwrap();
    first_frame(&mut answer).await;
    assert!(tokio::time::timeout(ms(1), answer.frame()).await.is_err());
    sleep(ms(2001)).await;
    let end = ended(&scene, answer).await;
    assert_eq!(end, (Outcome::Broken, Some(Failure::IdleTimeout), false));
}

#[tokio::test(start_paused = true)]
async fn a_complete_response_is_not_broken_off() {
    let scene = one_place(none().total(ms(1000)).idle(ms(500)), GATEWAY, &[10]);
    let mut answer = admitted(&scene, post(GROK)).await.unwrap();
    first_frame(&mut answer).await;
    sleep(ms(5000)).await;
    assert!(admitted(&scene, post(GROK)).await.is_some(), "its end was there to be read");
    assert!(answer.into_body().collect().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_cancelled() {
    let scene = one_place(none().total(ms(1000)), GATEWAY, &[10, 1_000_000]);
    let answer = admitted(&scene, post(GROK)).await.unwrap();
    drop(answer);
    assert_eq!(ends(&scene), [(Outcome::Cancelled, None)]);
    assert!(admitted(&scene, post(GROK)).await.is_some());
}

/// The number of tasks while a response is open and after its end.
async fn tasks(timeouts: Timeouts, gaps: &'static [u64]) -> (usize, usize) {
    let scene = one_place(timeouts, GATEWAY, gaps);
    let answer = admitted(&scene, post(GROK)).await.unwrap();
    let open = Handle::current().metrics().num_alive_tasks();
    let _ = answer.into_body().collect().await;
    tokio::task::yield_now().await;
    (open, Handle::current().metrics().num_alive_tasks())
}

#[tokio::test(start_paused = true)]
async fn only_a_timeout_needs_a_task_which_ends_with_the_response() {
    const DAY: Duration = Duration::from_secs(86_400);
    let all_but = none().connect(DAY).head(DAY);
    assert_eq!(tasks(none(), &[10]).await, (0, 0));
    assert_eq!(tasks(all_but, &[10]).await, (0, 0));
    assert_eq!(tasks(none().total(DAY), &[10]).await, (1, 0));
    assert_eq!(tasks(none().idle(DAY), &[10]).await, (1, 0));
    // After the response's end it only waits for its timeout.
    assert_eq!(tasks(none().total(ms(5)), &[10]).await, (1, 0));
}

#[test]
fn a_watched_response_takes_less_than_a_kibibyte_more() {
    let held = |timeouts: Timeouts| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let scene = one_place(timeouts, |settings| settings, &[1_000_000]);
        let open = || runtime.block_on(async { scene.send(post(GROK)).await });
        drop(open());
        let mut answers = Vec::with_capacity(100);
        let held = measure(|| answers.extend((0..100).map(|_| open()))).bytes_current;
        held / 100
    };
    let (bare, watched) = (held(none()), held(none().total(ms(3_600_000)).idle(ms(60_000))));
    println!("bytes of an open response: {bare}, watched: {watched}");
    assert!(watched - bare < 1024, "{bare} {watched}");
}
