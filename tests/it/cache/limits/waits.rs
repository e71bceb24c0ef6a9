//! How long a follower waits.

use super::*;

/// Without retries, the head timeout includes the wait, whoever makes the call.
#[tokio::test(start_paused = true)]
async fn a_follower_waits_no_longer_than_its_head_timeout() {
    let stage = Stage::new();
    let first = stage.spawn_patiently(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn_patiently(ask_within("2000"));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let began = tokio::time::Instant::now();
    assert_eq!(second.await.unwrap().status(), 504);
    assert_eq!(began.elapsed().as_secs_f64().round() as u64, 2);
    let end = stage.recorder.end();
    assert_eq!((end.failure, end.attempts), (Some(Failure::HeadTimeout), 0));
    assert!(!stage.recorder.order().contains("attempt"), "{}", stage.recorder.order());
    assert_eq!(stage.calls(), 1, "nothing is sent that has no time");
    asked.answer_whole(JSON, TEXT);
    assert_eq!(text(first.await.unwrap()).await, TEXT);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_after_a_wait_has_the_rest_of_the_head_timeout() {
    let stage = Stage::new();
    let first = stage.spawn_patiently(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn_patiently(ask_within("3000"));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let began = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    asked.fail();
    assert_eq!(first.await.unwrap().status(), 502);
    let own = stage.asked().await;
    assert_eq!(second.await.unwrap().status(), 504);
    assert_eq!(began.elapsed().as_secs_f64().round() as u64, 3, "and not 2 + 3");
    drop(own);
    stage.finish().await;
}

/// Each attempt has its own head timeout.
#[tokio::test(start_paused = true)]
async fn a_follower_with_retries_calls_after_its_wait() {
    let stage = Stage::new();
    let first = stage.spawn_patiently(ask(QUESTION));
    let asked = stage.asked().await;
    let mut request = ask_within("2000");
    request.headers_mut().insert("cf-aig-max-attempts", "2".parse().unwrap());
    let second = stage.spawn_patiently(request);
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let began = tokio::time::Instant::now();
    stage.asked().await.answer_whole(JSON, TEXT);
    assert_eq!(began.elapsed().as_secs_f64().round() as u64, 2);
    assert_eq!(status(&second.await.unwrap()), "MISS");
    asked.answer_whole(JSON, TEXT);
    assert_eq!(text(first.await.unwrap()).await, TEXT);
    stage.finish().await;
}

/// The follower leads in its turn, and then has the whole time of its own call.
#[tokio::test(start_paused = true)]
async fn a_new_leader_is_not_bound_by_its_earlier_wait() {
    let stage = Stage::new();
    let first = stage.spawn_patiently(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn_patiently(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    asked.fail();
    assert_eq!(first.await.unwrap().status(), 502);
    let asked = stage.asked().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    asked.answer_whole(JSON, TEXT);
    let second = second.await.unwrap();
    assert_eq!((status(&second), text(second).await.as_str()), ("MISS", TEXT));
    stage.finish().await;
}

#[tokio::test]
async fn a_clients_own_timeout_serves_no_stale_entry_to_others() {
    let stage = Stage::with(ControlLayer::new().cache(Behind), |set| {
        set.cache(CacheSettings::new(HOUR).stale_if_error(HOUR))
    });
    let first = stage.spawn(ask_within("300"));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    assert_eq!(first.await.unwrap().status(), 504);
    stage.asked().await.answer_whole(JSON, r#"{"new":1}"#);
    let second = second.await.unwrap();
    assert_eq!((status(&second), text(second).await.as_str()), ("MISS", r#"{"new":1}"#));
    drop(asked);
    stage.finish().await;
}
