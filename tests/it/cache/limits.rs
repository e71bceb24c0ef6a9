//! Requests that share a response: what they hold, and how long they wait.

mod waits;

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CachePlace, CacheStore, CacheStoreError, Found, Generation, NewEntry,
    Purge, PurgeTarget,
};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::Timeouts;

use super::*;

/// A request with this head timeout in milliseconds.
fn ask_within(milliseconds: &'static str) -> Request<Full<Bytes>> {
    let mut request = ask(QUESTION);
    request.headers_mut().insert("cf-aig-request-timeout", milliseconds.parse().unwrap());
    request
}

#[tokio::test]
async fn a_follower_releases_its_request_after_the_head() {
    const LONG: usize = 20_000;
    let stage = Stage::new();
    let body: &'static str = Box::leak(QUESTION.replace("hi", &"x".repeat(LONG)).into_boxed_str());
    let mut all = vec![stage.spawn(ask(body))];
    let asked = stage.asked().await;
    all.extend((0..3).map(|_| stage.spawn(ask(body))));
    stage.until("the others follow", |stage| stage.cache.stats().followers == 3).await;
    assert!(stage.budget.used() >= 3 * LONG);
    let feed = asked.answer(200, EVENTS);
    let mut answers = Vec::new();
    for answer in all {
        answers.push(answer.await.unwrap());
    }
    assert!(stage.budget.used() < LONG, "{}", stage.budget.used());
    feed.send(DONE);
    drop(feed);
    for answer in answers {
        assert_eq!(text(answer).await, DONE);
    }
    stage.finish().await;
}

/// The timeout of a client that does not read ends its own response; the others get all of theirs.
#[tokio::test(start_paused = true)]
async fn a_stalled_reader_is_bounded_by_itself() {
    let idle = Duration::from_secs(2);
    for stalled in [0, 1] {
        let stage = Stage::with(ControlLayer::new(), |set| {
            set.cache(CacheSettings::new(HOUR)).timeouts(Timeouts::default().idle(idle))
        });
        let first = stage.spawn_patiently(ask(QUESTION));
        let asked = stage.asked().await;
        let second = stage.spawn_patiently(ask(QUESTION));
        stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        let feed = asked.answer(200, EVENTS);
        let mut answers = vec![first.await.unwrap(), second.await.unwrap()];
        let stalls = answers.remove(stalled);
        let mut reads = answers.remove(0);
        for at in 0..10 {
            feed.send(event(&at.to_string()));
            assert_eq!(next(&mut reads).await, event(&at.to_string()));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let end = stage.recorder.end();
        assert_eq!(end.failure, Some(Failure::UnreadTimeout));
        feed.send(DONE);
        drop(feed);
        assert_eq!(text(reads).await, DONE);
        broken(stalls).await;

        // This also holds for a hit.
        let hit = stage.send(ask(QUESTION)).await;
        assert_eq!(status(&hit), "HIT");
        tokio::time::sleep(3 * idle).await;
        assert_eq!(stage.recorder.ends().last().unwrap().failure, Some(Failure::UnreadTimeout));
        broken(hit).await;
        stage.finish().await;
    }
}

/// A store with a stale entry for every request.
#[derive(Debug)]
struct Behind;

impl CacheStore for Behind {
    fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        let entry = CacheEntry::new(NewEntry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            frames: vec![Bytes::from_static(TEXT.as_bytes())],
            times: Vec::new(),
            trailers: None,
            stored_at: SystemTime::now() - Duration::from_secs(90),
            fresh_for: Duration::from_secs(60),
            stale_for: HOUR,
        });
        Box::pin(async { Ok(Found { entry: Some(entry), ..Found::default() }) })
    }

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A store that fails.
#[derive(Debug)]
struct Gone;

impl CacheStore for Gone {
    fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async { Err(CacheStoreError::Timeout) })
    }

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, bool> {
        Box::pin(async { Err(CacheStoreError::Timeout) })
    }

    fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Err(CacheStoreError::Timeout) })
    }
}

#[tokio::test]
async fn without_the_store_requests_share_a_call_in_their_process() {
    let control = ControlLayer::new().cache(Gone);
    let stage = Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)));
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    asked.answer_whole(JSON, TEXT);
    for (answer, expected) in [(first, "MISS"), (second, "HIT")] {
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), text(answer).await.as_str()), (expected, TEXT));
    }
    stage.finish().await;
}

/// Whatever the store reports.
#[tokio::test]
async fn without_the_store_no_request_joins_a_call_from_before_a_purge() {
    let control = ControlLayer::new().cache(Gone);
    let stage = Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)));
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    stage.cache.purge(PurgeTarget::all()).await.unwrap_err();
    let second = stage.spawn(ask(QUESTION));
    stage.asked().await.answer_whole(JSON, "{}");
    asked.answer_whole(JSON, TEXT);
    for (answer, expected) in [(first, TEXT), (second, "{}")] {
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", expected));
    }
    stage.finish().await;
}
