//! Responses for which there is no room are relayed and not stored.

use tower_ai_gateway::control::cache::NotStored;

use super::*;

#[tokio::test]
async fn a_stream_that_outgrows_the_cache_is_a_plain_relay() {
    let stage = Stage::new();
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    let third = stage.spawn(ask(QUESTION));
    stage.until("they follow", |stage| stage.cache.stats().followers == 2).await;
    let feed = asked.answer(200, EVENTS);
    let (mut first, mut second) = (first.await.unwrap(), second.await.unwrap());
    let third = third.await.unwrap();
    // 40 MiB, of which 25 may be stored. Two clients go on reading, one does not.
    let part = event(&"x".repeat(1 << 20));
    for _ in 0..40 {
        feed.send(part.clone());
        assert!(next(&mut first).await == part);
        assert!(next(&mut second).await == part);
        // The client that does not read holds no more than may be stored.
        assert!(stage.budget.used() <= 27 << 20, "{}", stage.budget.used());
    }
    feed.send(DONE);
    drop(feed);
    assert_eq!(text(first).await, DONE);
    assert_eq!(text(second).await, DONE);
    // The client has missed data and gets an error.
    assert!(broken(third).await.len() < 40 << 20);
    assert_eq!(stage.cache.stats().not_stored, [(NotStored::TooLarge, 1)]);
    assert!(!is_kept(&stage).await);
    stage.finish().await;
}

/// A gateway with 1 MiB for all bodies, and a response of 300 kB.
fn small_stage() -> (Stage, String) {
    let budget = BodyBudget::new(1 << 20);
    let set = |set: GatewaySettingsBuilder| set.cache(CacheSettings::new(HOUR));
    let stage = Stage::build(ControlLayer::new(), budget, set, |layer| layer);
    (stage, format!("{{\"a\":\"{}\"}}", "x".repeat(300_000)))
}

#[tokio::test]
async fn a_full_cache_leaves_room_for_responses_under_way() {
    let (stage, large) = small_stage();
    for turn in 1..=12 {
        let question: &'static str = String::leak(format!("{{\"turn\":{turn}}}"));
        let answer = stage.fill(question, &large).await;
        assert!(text(answer).await == large);
        assert_eq!(stage.cache.stats().stored, turn);
        assert!((300_000..=1 << 19).contains(&stage.budget.used()), "{}", stage.budget.used());
    }
    assert_eq!(stage.cache.stats().not_stored, []);
    // A reader far behind is not cut off.
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let feed = asked.answer(200, JSON);
    for part in large.as_bytes().chunks(30_000) {
        feed.send(part.to_vec());
    }
    drop(feed);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(text(first).await == large && text(second).await == large);
    stage.finish().await;
}

#[tokio::test]
async fn without_memory_responses_are_relayed_and_entries_are_evicted() {
    let (stage, large) = small_stage();
    let answer = stage.fill(QUESTION, &large).await;
    assert!(text(answer).await == large);
    // Another response is under way, and a quarter is reserved for requests.
    let response = stage.spawn(ask(r#"{"turn":1}"#));
    let feed = stage.asked().await.answer(200, JSON);
    feed.send(large.clone());
    let mut under_way = response.await.unwrap();
    assert!(next(&mut under_way).await == large);

    let answer = stage.fill(r#"{"turn":2}"#, &large).await;
    assert!(text(answer).await == large);
    let stats = stage.cache.stats();
    assert_eq!(stats.not_stored, [(NotStored::NoMemory, 1)]);
    assert_eq!((stats.store.entries, stats.store.evicted), (Some(0), 1));
    drop(feed);
    text(under_way).await;
    assert_eq!(stage.cache.stats().stored, 2);
    stage.finish().await;
}
