//! A leader that leaves before its limits are asked is charged for its call all the same.

use super::undecided::{Undecided, unready};
use super::*;

#[tokio::test]
async fn a_leader_that_left_before_its_call_is_charged_the_usage_at_the_end() {
    for waits_for_client in [true, false] {
        let store = Undecided::new();
        let charging = Charging::of(ControlLayer::new().cache(store.clone()));
        let stage = &charging.stage;
        let (first, turn) = store.leader(stage, ask(BOUNDED)).await;
        let second = stage.spawn(ask(BOUNDED));
        stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        let permit = if waits_for_client { unready(stage, turn).await } else { turn };
        first.abort();
        stage.until("it ends", |stage| stage.recorder.ends().len() == 1).await;
        drop(permit);
        let feed = stage.asked().await.answer(200, EVENTS);
        let second = second.await.unwrap();
        assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
        feed.send(event("a") + USAGE + DONE);
        drop(feed);
        assert_eq!(text(second).await, event("a") + USAGE + DONE);
        assert_eq!(charging.used().await, 10, "{waits_for_client}");
        drop(store);
        charging.stage.finish().await;
    }
}
