//! Responses from the cache.

use http_body::Frame;
use tower_ai_gateway::settings::cache::ReplayPace;

use super::*;

/// Headers that differ between equal responses.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let moment =
        ["cf-aig-log-id", "cf-aig-event-id", "cf-aig-request-id", "cf-aig-cache-status", "age"];
    let all = answer.headers().iter().filter(|(name, _)| !moment.contains(&name.as_str()));
    all.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn the_second_request_does_not_reach_the_provider() {
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

    // Another body is another request.
    let other = stage.fill(r#"{"model":"grok-4"}"#, "{}").await;
    assert_eq!((status(&other), stage.calls()), ("MISS", 2));
    drop(other);
    let stats = stage.cache.stats();
    // The other body was not read.
    assert_eq!((stats.hits, stats.misses, stats.stored), (1, 2, 1), "{stats:?}");
    stage.finish().await;
}

#[tokio::test]
async fn a_stream_is_replayed_frame_by_frame() {
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
    stage.finish().await;
}

#[tokio::test]
async fn no_status_unless_the_cache_is_asked_for() {
    let stage = Stage::with(ControlLayer::new(), |set| set);
    for calls in 1..=2 {
        let answer = stage.fill(QUESTION, TEXT).await;
        assert_eq!((status(&answer), stage.calls()), ("none", calls));
        assert_eq!(text(answer).await, TEXT);
    }
    stage.finish().await;
}

fn skip() -> Request<Full<Bytes>> {
    let mut request = ask(QUESTION);
    request.headers_mut().insert("cf-aig-skip-cache", "true".parse().unwrap());
    request
}

#[tokio::test]
async fn a_bypass_is_counted_whatever_becomes_of_its_call() {
    let stage = Stage::new();
    let fails = stage.spawn(skip());
    stage.asked().await.fail();
    assert_eq!(fails.await.unwrap().status(), 502);
    assert_eq!(stage.cache.stats().bypasses, 1);
    let leaves = stage.spawn(skip());
    let mut asked = stage.asked().await;
    leaves.abort();
    asked.cancelled().await;
    assert_eq!(stage.cache.stats().bypasses, 2);
    drop((asked, leaves));
    stage.finish().await;
}

#[tokio::test]
async fn a_bypass_neither_reads_nor_fills_the_cache() {
    let stage = Stage::new();
    for calls in 1..=2 {
        let answer = stage.spawn(skip());
        stage.asked().await.answer_whole(JSON, TEXT);
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), stage.calls()), ("BYPASS", calls));
        assert_eq!(text(answer).await, TEXT);
    }
    let stats = stage.cache.stats();
    assert_eq!((stats.bypasses, stats.misses, stats.store.entries), (2, 0, None));
    stage.finish().await;
}

#[tokio::test]
async fn a_body_too_long_for_its_key_is_passed_on() {
    let stage = Stage::new();
    // Longer than the 25 MiB that are read, in frames of 1 MiB, of unknown length.
    let part = Bytes::from(crate::support::noise(1 << 20));
    let frames = (0..30).map(|_| Ok::<_, io::Error>(Frame::data(part.clone())));
    let body =
        http_body_util::StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
    let request = Request::post(CHAT).header("host", "gateway.test").body(body.boxed_unsync());
    let answer = tokio::spawn(stage.send_any(request.unwrap()));
    let asked = stage.asked().await;
    assert_eq!(asked.body.len(), 30 << 20);
    assert!(asked.body.chunks(1 << 20).all(|sent| sent == part));
    asked.answer_whole(JSON, TEXT);
    let answer = answer.await.unwrap();
    assert_eq!(status(&answer), "BYPASS");
    assert_eq!(text(answer).await, TEXT);
    stage.finish().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_at_the_provider() {
    let stage = Stage::new();
    let frames = [Ok(Frame::data(Bytes::from("{"))), Err(io::Error::other("gone"))];
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
    let request = Request::post(CHAT).header("host", "gateway.test").body(body.boxed_unsync());
    let answer = stage.send_any(request.unwrap()).await;
    assert_eq!(answer.status(), 502, "as without a cache");
    drop(answer);
    assert_eq!(stage.cache.stats().misses, 0);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_can_be_replayed_at_its_recorded_pace() {
    let stage = Stage::with(ControlLayer::new(), |set| {
        set.cache(CacheSettings::new(HOUR).pace(ReplayPace::Recorded))
    });
    let response = stage.spawn(ask(QUESTION));
    let feed = stage.asked().await.answer(200, EVENTS);
    let mut miss = response.await.unwrap();
    for frame in [event("a"), event("b"), DONE.to_owned()] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        feed.send(frame);
        next(&mut miss).await;
    }
    drop(feed);
    text(miss).await;

    let began = tokio::time::Instant::now();
    let mut hit = stage.send(ask(QUESTION)).await;
    for (frame, after) in [(event("a"), 2), (event("b"), 4), (DONE.to_owned(), 6)] {
        assert_eq!(next(&mut hit).await, frame);
        assert_eq!(began.elapsed().as_millis() / 100, after * 10);
    }
    assert_eq!(text(hit).await, "");
    stage.finish().await;
}
