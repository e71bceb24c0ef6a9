//! What a request gets that was asked before.

use super::*;

const QUESTION: &str = r#"{"model":"grok-4","messages":[{"role":"user","content":"hi"}]}"#;
const TEXT: &str = r#"{"choices":[{"message":{"content":"hello"}}]}"#;

/// What differs between two answers that are the same.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let moment = ["cf-aig-log-id", "cf-aig-event-id", "cf-aig-request-id", "cf-aig-cache-status", "age"];
    let all = answer.headers().iter().filter(|(name, _)| !moment.contains(&name.as_str()));
    all.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn the_second_time_the_provider_is_not_asked() {
    let stage = Stage::new();
    let response = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    assert_eq!(asked.body, QUESTION);
    let headers = [("content-type", "application/json"), ("x-request-id", "one"), ("date", "now")];
    asked.answer_whole(&headers, TEXT);
    let miss = response.await.unwrap();
    assert_eq!((status(&miss), miss.headers().get("age")), ("MISS", None));
    assert_eq!(miss.headers()["date"], "now");
    let mut before = lasting(&miss);
    before.retain(|(name, _)| name != "date");
    assert_eq!(text(miss).await, TEXT);

    let hit = stage.send(ask(QUESTION)).await;
    assert_eq!((status(&hit), hit.status().as_u16()), ("HIT", 200));
    assert_eq!(hit.headers()["age"], "0");
    assert_eq!(lasting(&hit), before);
    assert_eq!(text(hit).await, TEXT);
    assert_eq!(stage.calls(), 1);

    // Another body is another question.
    let other = stage.fill(r#"{"model":"grok-4"}"#, "{}").await;
    assert_eq!((status(&other), stage.calls()), ("MISS", 2));
    let stats = stage.cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.stored), (1, 2, 2), "{stats:?}");
}

#[tokio::test]
async fn a_stream_is_given_again_frame_by_frame() {
    let stage = Stage::new();
    let response = stage.spawn(ask(QUESTION));
    let feed = stage.asked().await.answer(200, EVENTS);
    let frames = [event("a"), event("b"), DONE.to_owned()];
    let mut miss = response.await.unwrap();
    for frame in &frames {
        feed.send(frame.clone());
        assert_eq!(next(&mut miss).await, *frame);
    }
    drop(feed);
    assert_eq!(text(miss).await, "");

    let mut hit = stage.send(ask(QUESTION)).await;
    assert_eq!(status(&hit), "HIT");
    assert!(!hit.headers().contains_key("content-length"));
    for frame in &frames {
        assert_eq!(next(&mut hit).await, *frame);
    }
    assert_eq!(text(hit).await, "");
    assert_eq!(stage.calls(), 1);
}

#[tokio::test]
async fn those_who_ask_at_the_same_time_share_one_call() {
    let stage = Stage::new();
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("the second one follows", |stage| stage.cache.stats().followers == 1).await;
    let feed = asked.answer(200, EVENTS);
    let (mut first, mut second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((status(&first), status(&second)), ("MISS", "HIT"));
    assert_eq!(second.headers()["age"], "0");
    feed.send(event("a"));
    assert_eq!(next(&mut second).await, event("a"));
    assert_eq!(next(&mut first).await, event("a"));
    feed.send(DONE);
    drop(feed);
    assert_eq!(text(first).await, DONE);
    assert_eq!(text(second).await, DONE);
    assert_eq!(stage.calls(), 1);
}
