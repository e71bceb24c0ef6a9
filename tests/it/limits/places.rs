//! Concurrent exchanges per gateway and per provider.

use http_body_util::BodyExt;
use tokio::time::Instant;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{ConcurrencyLimit, Settings, SettingsTable};

use crate::limits::{GROK, OPENAI, Set, admitted, scene, streams};
use crate::support::controlled::{SECOND, Scene, every_gateway, post, settings};
use crate::support::scripted::Reply;
use crate::support::timed::ms;

fn limit(count: usize) -> ConcurrencyLimit {
    ConcurrencyLimit::new(count).wait(ms(0))
}

/// The number of accepted streams to each of these paths, started one after the other and kept
/// open.
async fn fill(scene: &Scene, paths: &[&str]) -> Vec<usize> {
    let mut held = Vec::new();
    let mut counts = Vec::new();
    for path in paths {
        let before = held.len();
        while held.len() < before + 9
            && let Some(response) = admitted(scene, post(path)).await
        {
            held.push(response);
        }
        counts.push(held.len() - before);
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn limits_count_by_gateway_provider_or_both() {
    let other = "/v1/acct/other/grok/v1/chat/completions";
    let account = "/v1/second/gw/grok/v1/chat/completions";
    let paths = [GROK, OPENAI, other, account];
    let gateway: Set = |settings| settings.concurrency(limit(3));
    let each: Set = |settings| settings.concurrency_per_provider(limit(3));
    let one: Set = |settings| settings.concurrency_of_provider("xai", limit(3));
    let one_and_each: Set = |settings| {
        let settings = settings.concurrency_of_provider("grok", limit(5));
        settings.concurrency_per_provider(limit(2))
    };
    let all: Set = |settings| settings.concurrency(limit(4)).concurrency_per_provider(limit(3));
    for (set, expected) in [
        (gateway, [3, 0, 3, 3]),
        (each, [3, 3, 3, 3]),
        (one, [3, 9, 3, 3]),
        (one_and_each, [5, 2, 5, 5]),
        (all, [3, 1, 3, 3]),
    ] {
        let table = SettingsTable::new()
            .gateway("acct", "gw", settings(set))
            .gateway("acct", "other", settings(set))
            .gateway("second", "gw", settings(set));
        assert_eq!(fill(&streams(Settings::new(table)), &paths).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_held_until_the_stream_ends_or_is_dropped() {
    let settings = every_gateway(|settings| settings.concurrency(limit(1)));
    let scene = scene(settings, ControlLayer::new(), |_| Reply::ok().timed(&[10, 10]));
    let mut body = admitted(&scene, post(GROK)).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(admitted(&scene, post(GROK)).await.is_none(), "a head and a frame are not the end");
    while body.frame().await.is_some() {}
    let dropped = admitted(&scene, post(GROK)).await.unwrap();
    assert!(admitted(&scene, post(GROK)).await.is_none());
    drop(dropped);
    assert!(admitted(&scene, post(GROK)).await.is_some());
    drop(body);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_permit_waits_for_a_bounded_time_and_gets_a_retry_after() {
    let patient = ConcurrencyLimit::new(1).wait(3 * SECOND);
    let scene = streams(every_gateway(|settings| settings.concurrency(patient)));
    let held = admitted(&scene, post(GROK)).await.unwrap();
    scene.sent();
    let start = Instant::now();
    let response = scene.send(post(GROK)).await;
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!((response.status().as_u16(), scene.sent().len()), (503, 0));
    assert_eq!(response.headers()["x-should-retry"], "true");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error["gateway"]["code"], 2503);
    let end = scene.recorder.ends().pop().unwrap();
    assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(Failure::Overloaded)));
    assert_eq!(end.gateway_code, Some(2503));

    let start = Instant::now();
    let release = async {
        tokio::time::sleep(2 * SECOND).await;
        drop(held);
    };
    let (response, ()) = tokio::join!(scene.send(post(GROK)), release);
    assert_eq!((response.status().as_u16(), start.elapsed()), (200, 2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_applies_to_the_next_request() {
    let table = |count| {
        let of_gateway = settings(|settings| settings.concurrency(limit(count)));
        SettingsTable::new().gateway("acct", "gw", of_gateway)
    };
    let handle = Settings::new(table(2));
    let scene = streams(handle.clone());
    let mut held = Vec::new();
    for (count, admits) in [(2, 2), (5, 3), (1, 0)] {
        handle.replace(table(count));
        let before = held.len();
        while let Some(response) = admitted(&scene, post(GROK)).await {
            held.push(response);
        }
        assert_eq!(held.len() - before, admits, "{count}");
    }
    // Active requests are not cut off, and count.
    held.truncate(1);
    assert!(admitted(&scene, post(GROK)).await.is_none());
    held.clear();
    assert!(admitted(&scene, post(GROK)).await.is_some());
    handle.replace(SettingsTable::new().gateway("acct", "gw", settings(|settings| settings)));
    let free = [admitted(&scene, post(GROK)).await, admitted(&scene, post(GROK)).await];
    assert!(free.iter().all(Option::is_some), "no limit any more");
}
