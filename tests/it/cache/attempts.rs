//! Whose events report a call to the provider.

use http_body_util::channel::Channel;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::hook::{CacheStatus, Failure};
use tower_ai_gateway::settings::Timeouts;

use super::*;
use crate::support::controlled::with;

/// The leader has made a call, and its follower none.
#[tokio::test(start_paused = true)]
async fn a_follower_whose_total_timeout_ends_reports_no_call() {
    let stage = Stage::new();
    let ask = || with(ask(QUESTION), "cf-aig-total-timeout", "2000");
    let first = stage.spawn_patiently(ask());
    let asked = stage.asked().await;
    let second = stage.spawn_patiently(ask());
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    for answer in [first, second] {
        assert_eq!(answer.await.unwrap().status(), 504);
    }
    assert_eq!(stage.recorder.order(), "request request attempt end end");
    let ends = stage.recorder.ends();
    let reported: Vec<_> = ends.iter().map(|end| (end.failure, end.attempts)).collect();
    assert_eq!(reported, [1, 0].map(|attempts| (Some(Failure::TotalTimeout), attempts)));
    assert_eq!(stage.calls(), 1);
    drop(asked);
    stage.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_has_made_a_call_only_if_it_leads() {
    let stage = Stage::new();
    let first = stage.spawn(ask(QUESTION));
    let mut asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    for (answer, ends) in [(second, 1), (first, 2)] {
        answer.abort();
        stage.until("it ends", |stage| stage.recorder.ends().len() == ends).await;
    }
    asked.cancelled().await;
    let ends = stage.recorder.ends();
    let reported: Vec<_> = ends.iter().map(|end| (end.outcome, end.attempts)).collect();
    assert_eq!(reported, [0, 1].map(|attempts| (Outcome::Cancelled, attempts)));
    stage.finish().await;
}

/// A follower that becomes the leader makes a call of its own.
#[tokio::test]
async fn a_follower_that_calls_after_a_failure_reports_its_call() {
    let stage = Stage::new();
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    asked.fail();
    assert_eq!(first.await.unwrap().status(), 502);
    stage.asked().await.fail();
    assert_eq!(second.await.unwrap().status(), 502);
    assert_eq!(stage.recorder.order(), "request request attempt end attempt end");
    assert!(stage.recorder.ends().iter().all(|end| end.attempts == 1));
    stage.finish().await;
}

/// The cache reads the whole body before anything is sent.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_no_call() {
    let second = Duration::from_secs(1);
    let stage = Stage::with(ControlLayer::new(), |set| {
        set.cache(CacheSettings::new(HOUR)).timeouts(Timeouts::default().body(second))
    });
    let (mut client, body) = Channel::<Bytes, io::Error>::new(1);
    client.send_data(Bytes::from(&QUESTION[..20])).await.unwrap();
    let answer = stage.send_any(ask("").map(|_| body.boxed_unsync())).await;
    assert_eq!((answer.status().as_u16(), stage.calls()), (408, 0));
    let end = stage.recorder.end();
    assert_eq!((end.failure, end.attempts), (Some(Failure::RequestBody), 0));
    assert_eq!(stage.recorder.order(), "request end");
    drop(client);
    stage.finish().await;
}

/// The follower goes on with the leader's call, which fails and is made again.
#[tokio::test]
async fn after_its_end_a_leader_that_left_reports_no_attempt() {
    let stage = Stage::new();
    let ask = || {
        let request = with(ask(QUESTION), "cf-aig-max-attempts", "3");
        with(request, "cf-aig-retry-delay", "1")
    };
    let first = stage.spawn(ask());
    let asked = stage.asked().await;
    let second = stage.spawn(ask());
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    first.abort();
    stage.until("it ends", |stage| stage.recorder.ends().len() == 1).await;
    drop(asked.answer(503, JSON));
    stage.asked().await.fail();
    stage.asked().await.answer_whole(JSON, TEXT);
    let second = second.await.unwrap();
    assert_eq!((status(&second), text(second).await.as_str()), ("HIT", TEXT));
    assert_eq!(stage.recorder.order(), "request request end head end");
    let ends = stage.recorder.ends();
    assert_eq!((ends[0].outcome, ends[0].attempts), (Outcome::Cancelled, 1));
    assert_eq!((ends[1].cache, ends[1].attempts), (Some(CacheStatus::Hit), 0));
    assert_eq!(stage.calls(), 3);
    stage.finish().await;
}
