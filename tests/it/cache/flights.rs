//! Concurrent identical requests.

use tower_ai_gateway::control::cache::{NotStored, PurgeTarget};
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::settings::cache::CacheRule;

use super::*;

/// Starts this many requests. All but the first follow its call, which has reached the provider.
async fn together(stage: &Stage, count: usize) -> (Asked, Vec<tokio::task::JoinHandle<Answer>>) {
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let mut all = vec![first];
    all.extend((1..count).map(|_| stage.spawn(ask(QUESTION))));
    let others = count as u64 - 1;
    stage.until("the others follow", |stage| stage.cache.stats().followers == others).await;
    (asked, all)
}

async fn heads(all: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for answer in all {
        answers.push(answer.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_one_leads_and_each_gets_every_byte_as_it_arrives() {
    let stage = Stage::new();
    let (asked, all) = together(&stage, 64).await;
    let feed = asked.answer(200, EVENTS);
    let mut answers = heads(all).await;
    let hits = answers.iter().filter(|answer| status(answer) == "HIT").count();
    assert_eq!((hits, status(&answers[0])), (63, "MISS"));

    let frames: Vec<String> = (0..100).map(|at| event(&at.to_string())).collect();
    feed.send(frames[0].clone());
    for answer in &mut answers {
        assert_eq!(next(answer).await, frames[0], "it comes before the next is sent");
    }
    let readers: Vec<_> = answers.into_iter().map(|answer| tokio::spawn(text(answer))).collect();
    frames[1..].iter().for_each(|frame| feed.send(frame.clone()));
    feed.send(DONE);
    drop(feed);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), frames[1..].concat() + DONE);
    }
    assert_eq!(stage.calls(), 1);
    assert!(is_kept(&stage).await);
    stage.finish().await;
}

#[tokio::test]
async fn the_leader_can_leave_at_any_time() {
    for leaves_before_the_head in [true, false] {
        let stage = Stage::new();
        let (asked, mut all) = together(&stage, 3).await;
        let first = all.remove(0);
        let feed = if leaves_before_the_head {
            first.abort();
            assert!(first.await.is_err());
            asked.answer(200, EVENTS)
        } else {
            let feed = asked.answer(200, EVENTS);
            let mut first = first.await.unwrap();
            feed.send(event("a"));
            assert_eq!(next(&mut first).await, event("a"));
            feed
        };
        let answers = heads(all).await;
        if leaves_before_the_head {
            feed.send(event("a"));
        }
        feed.send(DONE);
        drop(feed);
        for answer in answers {
            assert_eq!(status(&answer), "HIT");
            assert_eq!(text(answer).await, event("a") + DONE);
        }
        assert_eq!(stage.calls(), 1);
        assert!(is_kept(&stage).await);
        stage.finish().await;
    }
}

#[tokio::test]
async fn the_last_member_that_leaves_ends_the_call() {
    let stage = Stage::new();
    let (mut asked, all) = together(&stage, 3).await;
    all.iter().for_each(tokio::task::JoinHandle::abort);
    asked.cancelled().await;
    drop((asked, all));

    let (asked, all) = together(&stage, 3).await;
    let feed = asked.answer(200, EVENTS);
    let mut answers = heads(all).await;
    feed.send(event("a"));
    for answer in &mut answers {
        assert_eq!(next(answer).await, event("a"));
    }
    answers.truncate(1);
    feed.send(event("b"));
    assert_eq!(next(&mut answers[0]).await, event("b"));
    drop(answers);
    feed.cancelled().await;
    let stats = stage.cache.stats();
    assert_eq!(stats.not_stored, [(NotStored::Abandoned, 1)]);
    stage.finish().await;
}

#[tokio::test]
async fn after_a_failure_exactly_one_follower_calls() {
    let stage = Stage::new();
    let (asked, mut all) = together(&stage, 64).await;
    asked.fail();
    assert_eq!(all.remove(0).await.unwrap().status(), 502);
    let asked = stage.asked().await;
    stage.until("one asks", |stage| stage.cache.stats().followers == 62).await;
    // Give the followers time for calls of their own, which they must not make.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.calls(), 2);
    // A refusal applies only to the request that caused it.
    drop(asked.answer(400, JSON));
    let asked = stage.asked().await;
    assert_eq!(stage.calls(), 3);
    asked.answer_whole(JSON, TEXT);
    let answers = heads(all).await;
    let mut seen: Vec<_> =
        answers.iter().map(|answer| (answer.status().as_u16(), status(answer))).collect();
    seen.sort_unstable();
    assert_eq!(seen[..2], [(200, "HIT"), (200, "HIT")]);
    assert_eq!(seen[61..], [(200, "MISS"), (400, "MISS")]);
    for answer in answers {
        let is_refused = answer.status() == 400;
        assert_eq!(text(answer).await, if is_refused { "" } else { TEXT });
    }
    assert_eq!(stage.calls(), 3);
    stage.finish().await;
}

#[tokio::test]
async fn a_follower_that_stalls_or_leaves_does_not_disturb_the_others() {
    let stage = Stage::new();
    let (asked, all) = together(&stage, 4).await;
    let feed = asked.answer(200, EVENTS);
    let mut answers = heads(all).await;
    let mut slow = answers.remove(0);
    drop(answers.remove(0));
    let frames: Vec<String> = (0..50).map(|at| event(&at.to_string())).collect();
    for frame in &frames {
        feed.send(frame.clone());
        for answer in &mut answers {
            assert_eq!(next(answer).await, *frame);
        }
    }
    feed.send(DONE);
    drop(feed);
    for answer in answers {
        assert_eq!(text(answer).await, DONE);
    }
    assert_eq!(next(&mut slow).await, frames[0]);
    assert_eq!(text(slow).await, frames[1..].concat() + DONE);
    stage.finish().await;
}

#[tokio::test]
async fn a_response_purged_under_way_is_neither_stored_nor_joined() {
    let stage = Stage::new();
    let (asked, all) = together(&stage, 2).await;
    stage.cache.purge(PurgeTarget::all()).await.unwrap();
    let late = stage.spawn(ask(QUESTION));
    let second = stage.asked().await;
    asked.answer_whole(JSON, TEXT);
    for answer in heads(all).await {
        assert_eq!(text(answer).await, TEXT);
    }
    second.answer_whole(JSON, r#"{"new":1}"#);
    assert_eq!(text(late.await.unwrap()).await, r#"{"new":1}"#);
    let hit = stage.send(ask(QUESTION)).await;
    assert_eq!((status(&hit), text(hit).await.as_str()), ("HIT", r#"{"new":1}"#));
    assert_eq!(stage.calls(), 2);
    stage.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_waited_too_long_makes_its_own_call() {
    let stage = Stage::new();
    let first = stage.spawn_patiently(ask(QUESTION));
    let asked = stage.asked().await;
    let mut all = vec![first, stage.spawn_patiently(ask(QUESTION))];
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let began = tokio::time::Instant::now();
    // Longer than the maximum wait.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let second = stage.asked().await;
    assert_eq!(began.elapsed().as_secs_f64().round() as u64, 30);
    second.answer_whole(JSON, TEXT);
    let answer = all.remove(1).await.unwrap();
    assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", TEXT));
    asked.answer_whole(JSON, TEXT);
    assert_eq!(text(all.remove(0).await.unwrap()).await, TEXT);
    stage.finish().await;
}

/// The head shows that the response cannot be shared.
#[tokio::test(start_paused = true)]
async fn an_unshared_response_lets_followers_call_at_once_with_all_their_time() {
    let head = Timeouts::default().head(Duration::from_secs(20));
    let stage =
        Stage::with(ControlLayer::new(), |set| set.cache(CacheSettings::new(HOUR)).timeouts(head));
    let varies = [("content-type", "application/json"), ("vary", "*")];
    let mut all = vec![stage.spawn_patiently(ask(QUESTION))];
    let first = stage.asked().await;
    all.extend((1..5).map(|_| stage.spawn_patiently(ask(QUESTION))));
    stage.until("the others follow", |stage| stage.cache.stats().followers == 4).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    first.answer_whole(&varies, TEXT);
    let mut others = Vec::new();
    for _ in 1..5 {
        others.push(stage.asked().await);
    }
    tokio::time::sleep(Duration::from_secs(15)).await;
    others.into_iter().for_each(|asked| asked.answer_whole(&varies, TEXT));
    for answer in heads(all).await {
        assert_eq!((answer.status().as_u16(), status(&answer)), (200, "MISS"));
    }
    assert_eq!(stage.calls(), 5);
    stage.finish().await;
}

#[tokio::test]
async fn a_call_has_at_most_a_thousand_followers() {
    let stage = Stage::new();
    let (asked, all) = together(&stage, 1001).await;
    let own = stage.spawn(ask(QUESTION));
    stage.asked().await.answer_whole(JSON, TEXT);
    assert_eq!(status(&own.await.unwrap()), "MISS");
    asked.answer_whole(JSON, TEXT);
    assert_eq!(heads(all).await.iter().filter(|answer| status(answer) == "HIT").count(), 1000);
    assert_eq!(stage.calls(), 2);
    stage.finish().await;
}

/// Settings may change while a response is under way.
#[tokio::test]
async fn a_follower_that_stores_other_statuses_makes_its_own_call() {
    let stage = Stage::with(ControlLayer::new(), |set| set.cache(keeping(201)));
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    stage.settings.replace(table(|set| set.cache(keeping(200))));
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let feed = asked.answer(201, EVENTS);
    let first = first.await.unwrap();
    feed.send(DONE);
    drop(feed);
    stage.asked().await.answer_whole(JSON, TEXT);
    let second = second.await.unwrap();
    assert_eq!((status(&second), second.status().as_u16()), ("MISS", 200));
    assert_eq!(text(second).await, TEXT);
    assert_eq!(text(first).await, DONE);
    stage.finish().await;
}

fn keeping(status: u16) -> CacheSettings {
    CacheSettings::new(HOUR).rule(CacheRule::keep(HOUR).statuses([status]))
}
