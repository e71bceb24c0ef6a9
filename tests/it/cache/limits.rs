//! Requests that share an answer: what they are charged, what they hold, and how long they wait.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use tower_ai_gateway::Outcome;
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CachePlace, CacheStore, CacheStoreError, Found, Generation, NewEntry,
    Purge,
};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};

use super::*;

const BOUNDED: &str =
    r#"{"model":"grok-4","max_tokens":5000,"messages":[{"role":"user","content":"hi"}]}"#;

/// A request with this head timeout in milliseconds.
fn ask_within(milliseconds: &'static str) -> Request<Full<Bytes>> {
    let mut request = ask(QUESTION);
    request.headers_mut().insert("cf-aig-request-timeout", milliseconds.parse().unwrap());
    request
}

#[tokio::test]
async fn who_leaves_while_others_read_on_is_charged_the_estimate() {
    for has_other in [true, false] {
        let control = ControlLayer::new();
        let limits = control.limits_handle();
        let rule = LimitRule::tokens("flow", 1_000_000, Window::Fixed(Period::Hour));
        let stage =
            Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)).limit(rule.clone()));
        // By it is known what an event stands for.
        let taught = stage.spawn(ask(QUESTION));
        let feed = stage.asked().await.answer(200, EVENTS);
        feed.send(event("a") + USAGE + DONE);
        drop(feed);
        text(taught.await.unwrap()).await;
        let first = stage.spawn(ask(BOUNDED));
        let asked = stage.asked().await;
        let second = has_other.then(|| stage.spawn(ask(BOUNDED)));
        stage
            .until("it follows", |stage| stage.cache.stats().followers == u64::from(has_other))
            .await;
        let feed = asked.answer(200, EVENTS);
        let mut first = first.await.unwrap();
        feed.send(event("a"));
        assert_eq!(next(&mut first).await, event("a"));
        if let Some(second) = second {
            let second = second.await.unwrap();
            drop(first);
            feed.send(DONE);
            drop(feed);
            assert_eq!(text(second).await, event("a") + DONE);
        } else {
            drop(first);
        }
        let used = limits.overview(1).await.rules[0].top[0].used;
        assert_eq!(used >= 4000, has_other, "{used}");
        stage.finish().await;
    }
}

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";

/// The estimate counts until the answer is at its end, and what it has used from then on.
#[tokio::test]
async fn who_leaves_is_charged_in_the_end_what_the_others_have_read() {
    for has_come in [false, true] {
        let control = ControlLayer::new();
        let limits = control.limits_handle();
        let rule = LimitRule::tokens("flow", 1_000_000, Window::Fixed(Period::Hour));
        let stage =
            Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)).limit(rule.clone()));
        let used = async || limits.overview(1).await.rules[0].top[0].used;
        let first = stage.spawn(ask(BOUNDED));
        let asked = stage.asked().await;
        let second = stage.spawn(ask(BOUNDED));
        stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        let feed = asked.answer(200, EVENTS);
        let mut first = first.await.unwrap();
        feed.send(event("a"));
        assert_eq!(next(&mut first).await, event("a"));
        let second = second.await.unwrap();
        let mut first = Some(first);
        if !has_come {
            first = None;
            assert_eq!(stage.recorder.end().outcome, Outcome::Cancelled);
            assert!(used().await >= 4000, "{}", used().await);
        }
        feed.send(USAGE);
        feed.send(DONE);
        drop(feed);
        assert_eq!(text(second).await, event("a") + USAGE + DONE);
        // All has come before it leaves, and it has read a part.
        drop(first);
        assert_eq!(used().await, 10, "{has_come}");
        stage.finish().await;
    }
}

#[tokio::test]
async fn who_leaves_behind_what_the_provider_has_given_is_charged_the_estimate() {
    let control = ControlLayer::new();
    let limits = control.limits_handle();
    let rule = LimitRule::tokens("flow", 1_000_000, Window::Fixed(Period::Hour));
    let stage = Stage::with(control, |set| set.cache(CacheSettings::new(HOUR)).limit(rule));
    let first = stage.spawn(ask(BOUNDED));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(BOUNDED));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let feed = asked.answer(200, EVENTS);
    let (mut first, mut second) = (first.await.unwrap(), second.await.unwrap());
    for text in ["a", "b"] {
        feed.send(event(text));
        assert_eq!(next(&mut second).await, event(text));
    }
    assert_eq!(next(&mut first).await, event("a"));
    drop(second);
    drop(first);
    let used = limits.overview(1).await.rules[0].top[0].used;
    assert!(used >= 4000, "{used}");
    stage.finish().await;
}

/// No answer tells how long the text was that it speaks: who leaves is charged for it at once.
#[tokio::test]
async fn who_leaves_speech_to_others_is_charged_for_the_text() {
    const TEXT: &str = r#"{"model":"tts-1","voice":"alloy","input":"twenty characters 20"}"#;
    let control = ControlLayer::new();
    let limits = control.limits_handle();
    let rule = LimitRule::usd("money", 100.0, Window::Fixed(Period::Hour));
    let stage = Stage::build(
        control,
        BodyBudget::default(),
        |set| set.cache(CacheSettings::new(HOUR)).limit(rule),
        |layer| layer.provider(Provider::openai().base_url("http://provider.test")),
    );
    let speak = || {
        let mut request = ask(TEXT);
        *request.uri_mut() = "/v1/acct/main/openai/audio/speech".parse().unwrap();
        request
    };
    let first = stage.spawn(speak());
    let asked = stage.asked().await;
    let second = stage.spawn(speak());
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let feed =
        asked.answer(200, &[("content-type", "audio/mpeg"), ("transfer-encoding", "chunked")]);
    let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
    feed.send("one");
    assert_eq!(next(&mut first).await, "one");
    drop(first);
    feed.send("two");
    drop(feed);
    assert_eq!(text(second).await, "onetwo");
    // 15 USD for a million characters.
    assert_eq!(limits.overview(1).await.rules[0].top[0].used, 20 * 150_000);
    stage.finish().await;
}

#[tokio::test]
async fn a_follower_keeps_nothing_of_its_request_behind_the_head() {
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

/// A client that does not read is ended by its own timeout; the others get the whole answer.
#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_is_bounded_by_itself() {
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

        // This also holds for an answer from the cache.
        let hit = stage.send(ask(QUESTION)).await;
        assert_eq!(status(&hit), "HIT");
        tokio::time::sleep(3 * idle).await;
        assert_eq!(stage.recorder.ends().last().unwrap().failure, Some(Failure::UnreadTimeout));
        broken(hit).await;
        stage.finish().await;
    }
}

/// Where the provider may be asked once, its time is over then, whoever has asked it.
#[tokio::test(start_paused = true)]
async fn who_waits_for_another_waits_no_longer_than_for_its_provider() {
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
async fn who_asks_after_it_has_waited_has_the_rest_of_its_time() {
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

/// Each attempt has its own time.
#[tokio::test(start_paused = true)]
async fn who_may_ask_again_asks_for_itself_when_it_has_waited() {
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

/// It asks in its turn, and then has all the time that its own call has.
#[tokio::test(start_paused = true)]
async fn who_asks_after_another_is_not_bound_by_its_wait_for_that_one() {
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
async fn a_timeout_of_the_clients_own_makes_nobody_elses_answer_stale() {
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

/// A store with a stale answer to every request.
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

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A store whose look-ups fail.
#[derive(Debug)]
struct Gone;

impl CacheStore for Gone {
    fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async { Err(CacheStoreError::Timeout) })
    }

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, ()> {
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
