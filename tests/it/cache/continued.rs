//! Calls that go on for followers after the leader's client has left.

use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::cache::CacheRule;

use super::*;

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"cost_in_usd_ticks\":50}}\n\n";

/// When the leader leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    Early,
    AtTheMarker,
    AtTheEnd,
}

/// No limit and no event would count this usage.
#[tokio::test]
async fn usage_after_the_leader_left_is_counted() {
    let long = event(&"x".repeat(2_000));
    let rest = USAGE.to_owned() + DONE;
    // Whether the response is stored, and when the leader leaves.
    for (most, leaves, counted) in [
        (1_000_000, Leaves::Early, 1),
        (1_000, Leaves::Early, 1),
        (1_000_000, Leaves::AtTheMarker, 0),
        (1_000_000, Leaves::AtTheEnd, 0),
    ] {
        let rule = CacheRule::keep(HOUR).max_response_bytes(most);
        let cache = CacheSettings::new(HOUR).rule(rule);
        let stage = Stage::with(ControlLayer::new(), |set| set.cache(cache));
        let first = stage.spawn(ask(QUESTION));
        let asked = stage.asked().await;
        let second = stage.spawn(ask(QUESTION));
        stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        let feed = asked.answer(200, EVENTS);
        let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
        feed.send(long.clone());
        assert!(next(&mut first).await == long);
        let mut first = Some(first);
        if leaves == Leaves::Early {
            first = None;
            assert_eq!(stage.recorder.end().outcome, Outcome::Cancelled);
        }
        feed.send(rest.clone());
        if leaves == Leaves::AtTheMarker
            && let Some(mut first) = first.take()
        {
            // It has seen the marker, and does not wait for the end.
            assert!(next(&mut first).await == rest);
        }
        drop(feed);
        assert!(text(second).await == long.clone() + &rest);
        drop(first);
        let continued = stage.cache.stats().continued;
        let used = [continued.input_tokens, continued.output_tokens, continued.cost_ticks];
        assert_eq!(continued.calls, counted, "{most} {leaves:?}");
        assert_eq!(used, [7, 3, 50].map(|used| used * counted), "{most} {leaves:?}");
        stage.finish().await;
    }
}
