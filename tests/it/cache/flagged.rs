//! Requests that a guard has labelled: their responses are not stored.

use tower_ai_gateway::Guard;
use tower_ai_gateway::control::cache::NotStored;
use tower_ai_gateway::guard::{GuardRequest, Verdict};

use super::*;

/// Flags requests with metadata, which are not in the key.
struct Flagging;

impl Guard for Flagging {
    async fn check(&self, request: GuardRequest<'_>) -> Verdict {
        match request.head.context.metadata().iter().next() {
            Some(_) => Verdict::flag("looked at"),
            None => Verdict::Pass,
        }
    }
}

fn stage() -> Stage {
    Stage::build(
        ControlLayer::new(),
        BodyBudget::default(),
        |set| set.cache(CacheSettings::new(HOUR)),
        |layer| layer.guard(Flagging),
    )
}

fn flagged() -> Request<Full<Bytes>> {
    let mut request = ask(QUESTION);
    request.headers_mut().insert("cf-aig-metadata", r#"{"a":1}"#.parse().unwrap());
    request
}

#[tokio::test]
async fn the_response_to_a_flagged_request_is_not_stored() {
    let stage = stage();
    for calls in 1..=2 {
        let answer = stage.spawn(flagged());
        stage.asked().await.answer_whole(JSON, TEXT);
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), stage.calls()), ("MISS", calls));
        assert_eq!(text(answer).await, TEXT);
    }
    assert_eq!(stage.cache.stats().not_stored, [(NotStored::Flagged, 2)]);
    stage.finish().await;
}

/// Nobody waits for a response that is not stored.
#[tokio::test]
async fn a_flagged_request_neither_leads_nor_follows() {
    let stage = stage();
    let mut calls = Vec::new();
    for request in [flagged(), ask(QUESTION), flagged()] {
        let answer = stage.spawn(request);
        calls.push((stage.asked().await, answer));
    }
    let follower = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    for (asked, answer) in calls {
        asked.answer_whole(JSON, TEXT);
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", TEXT));
    }
    let shared = follower.await.unwrap();
    assert_eq!((status(&shared), text(shared).await.as_str()), ("HIT", TEXT));
    assert_eq!(stage.cache.stats().not_stored, [(NotStored::Flagged, 2)]);
    let stored = stage.send(flagged()).await;
    assert_eq!((status(&stored), stage.calls()), ("HIT", 3), "a stored response is for all");
    assert_eq!(text(stored).await, TEXT);
    stage.finish().await;
}
