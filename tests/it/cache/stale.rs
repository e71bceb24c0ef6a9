//! Stale entries when the provider fails.

use std::time::Instant;

use tower_ai_gateway::control::cache::{MemoryCache, PurgeTarget};

use super::*;
use crate::support::controlled::with;
use crate::support::older::Older;

/// A gateway with an entry of this age. Entries are fresh for an hour, and may be stale for another hour.
async fn stage(age: Duration, stale: bool) -> Stage {
    let control = ControlLayer::new().cache(Older(MemoryCache::new(), age));
    let stage = Stage::with(control, |set| {
        let cache = CacheSettings::new(HOUR);
        set.cache(if stale { cache.stale_if_error(HOUR) } else { cache })
    });
    let answer = stage.fill(QUESTION, TEXT).await;
    assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", TEXT));
    stage
}

#[tokio::test]
async fn a_stale_entry_is_served_only_if_the_provider_fails() {
    let minute = Duration::from_secs(60);
    for (age, stale, code, given) in [
        (minute, true, 500, (200, "HIT")),
        (HOUR + minute, true, 500, (200, "STALE")),
        (HOUR + minute, true, 429, (200, "STALE")),
        (HOUR + minute, true, 0, (200, "STALE")),
        // An error of the client.
        (HOUR + minute, true, 400, (400, "MISS")),
        // Stale entries are not allowed.
        (HOUR + minute, false, 500, (500, "MISS")),
        // Too old even for a stale entry.
        (HOUR * 2 + minute, true, 500, (500, "MISS")),
    ] {
        let stage = stage(age, stale).await;
        let answer = stage.spawn(ask(QUESTION));
        if given.1 != "HIT" {
            let asked = stage.asked().await;
            match code {
                0 => asked.fail(),
                code => drop(asked.answer(code, JSON)),
            }
        }
        let answer = answer.await.unwrap();
        assert_eq!((answer.status().as_u16(), status(&answer)), given, "{age:?} {stale} {code}");
        if given.0 == 200 {
            let seconds = answer.headers()["age"].to_str().unwrap().parse::<u64>().unwrap();
            assert!(seconds >= age.as_secs() && seconds < age.as_secs() + 30);
            assert_eq!(text(answer).await, TEXT);
        } else {
            assert_eq!(answer.headers().get("age"), None);
            drop(answer);
        }
        stage.finish().await;
    }
}

/// Also if the request may be sent only once.
#[tokio::test]
async fn the_failed_call_before_a_stale_answer_is_counted() {
    for attempts in ["1", "2"] {
        let stage = stage(HOUR + Duration::from_secs(60), true).await;
        for code in [0, 500] {
            let request = with(ask(QUESTION), "cf-aig-max-attempts", attempts);
            let answer = stage.spawn(with(request, "cf-aig-retry-delay", "1"));
            for _ in 0..attempts.parse().unwrap() {
                match (stage.asked().await, code) {
                    (asked, 0) => asked.fail(),
                    (asked, code) => drop(asked.answer(code, JSON)),
                }
            }
            let answer = answer.await.unwrap();
            assert_eq!((status(&answer), text(answer).await.as_str()), ("STALE", TEXT));
            let end = stage.recorder.ends().pop().unwrap();
            assert_eq!(end.attempts.to_string(), attempts, "{code}");
        }
        let failed = " request attempt head end"
            .replace(" attempt", &" attempt".repeat(attempts.parse().unwrap()));
        assert!(stage.recorder.order().ends_with(&failed), "{}", stage.recorder.order());
        stage.finish().await;
    }
}

#[tokio::test]
async fn a_recovered_provider_gives_a_new_response() {
    let stage = stage(HOUR + Duration::from_secs(60), true).await;
    let answer = stage.fill(QUESTION, r#"{"new":1}"#).await;
    assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", r#"{"new":1}"#));
    stage.finish().await;
}

#[tokio::test]
async fn all_followers_get_the_stale_entry_at_the_first_failure() {
    let stage = stage(HOUR + Duration::from_secs(60), true).await;
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let others: Vec<_> = (0..8).map(|_| stage.spawn(ask(QUESTION))).collect();
    stage.until("they follow", |stage| stage.cache.stats().followers == 8).await;
    asked.fail();
    for answer in std::iter::once(first).chain(others) {
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), text(answer).await.as_str()), ("STALE", TEXT));
    }
    assert_eq!(stage.calls(), 2);
    assert_eq!(stage.cache.stats().stale, 9);
    stage.finish().await;
}

#[tokio::test]
async fn an_entry_purged_while_the_provider_fails_is_not_served() {
    let stage = stage(HOUR + Duration::from_secs(60), true).await;
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let others: Vec<_> = (0..3).map(|_| stage.spawn(ask(QUESTION))).collect();
    stage.until("they follow", |stage| stage.cache.stats().followers == 3).await;
    stage.cache.purge(PurgeTarget::all()).await.unwrap();
    asked.fail();
    let first = first.await.unwrap();
    assert_eq!((first.status().as_u16(), status(&first)), (502, "none"));
    // One follower calls for all of them.
    stage.asked().await.answer_whole(JSON, r#"{"new":1}"#);
    let mut given = Vec::new();
    for answer in others {
        let answer = answer.await.unwrap();
        given.push(status(&answer));
        assert_eq!(text(answer).await, r#"{"new":1}"#);
    }
    given.sort_unstable();
    assert_eq!(given, ["HIT", "HIT", "MISS"]);
    assert_eq!((stage.calls(), stage.cache.stats().stale), (3, 0));
    drop(first);
    stage.finish().await;
}

#[tokio::test]
async fn an_entry_that_expires_while_the_provider_fails_is_not_served() {
    // On a busy machine the provider may be asked too late: then the entry may have been too old before.
    for left in [200, 1_000, 5_000].map(Duration::from_millis) {
        let stage = stage(HOUR * 2 - left, true).await;
        let sent = Instant::now();
        let answer = stage.spawn(ask(QUESTION));
        let asked = stage.asked().await;
        let was_left = sent.elapsed() < left;
        let began = Instant::now();
        stage.until("its time is over", |_| began.elapsed() > left).await;
        drop(asked.answer(500, JSON));
        let answer = answer.await.unwrap();
        assert_eq!((answer.status().as_u16(), status(&answer)), (500, "MISS"));
        drop(answer);
        stage.finish().await;
        if was_left {
            return;
        }
    }
    panic!("the provider was never asked in time");
}
