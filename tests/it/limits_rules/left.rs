//! Streams that their clients leave count what the provider may bill, and not what was shown alone.

use http_body_util::BodyExt;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::limits::LimitRule;

use super::scene::Finish;
use super::{Reply, Scene, chat, fixed};

const BODY: &str = r#"{"model":"grok-4.5","max_tokens":3000,"messages":[]}"#;

fn scene() -> Scene {
    Scene::new(|set| set.limit(LimitRule::output_tokens("output", 1_000_000, fixed())))
}

/// A whole stream of ten events, with so much reasoning that no event shows.
fn reasoned(reasoning: u64) -> Reply {
    let Reply::Stream(mut events, finish) = Reply::stream(10, Some((10, 10)), Finish::Ends) else {
        unreachable!()
    };
    let details = format!(
        r#""completion_tokens_details":{{"reasoning_tokens":{reasoning}}},"total_tokens":{}}}"#,
        20 + reasoning
    );
    events[10] = events[10].replace(r#""total_tokens":20}"#, &details);
    Reply::Stream(events, finish)
}

/// What a stream counts that is left after so many events, its `finish_reason` among them.
async fn left_after(scene: &Scene, events: usize, body: &str) -> u64 {
    scene.replies([Reply::status(400)]);
    scene.ask(chat(BODY.to_owned())).await;
    let before = scene.end().used("output");
    scene.replies([Reply::stream(events, None, Finish::GoesOn)]);
    let mut answer = scene.send(chat(body.to_owned())).await.into_body();
    for _ in 0..events {
        answer.frame().await.unwrap().unwrap();
    }
    drop(answer);
    assert_eq!(scene.end().outcome, Outcome::Cancelled);
    scene.end().used("output") - before
}

async fn teach(scene: &Scene, reply: Reply) {
    scene.replies([reply]);
    scene.ask(chat(BODY)).await;
}

#[tokio::test]
async fn an_abandoned_stream_of_an_unknown_model_counts_the_estimate() {
    let scene = scene();
    assert_eq!(left_after(&scene, 10, BODY).await, 3000);
    // An answer that is no stream tells nothing of events.
    teach(&scene, Reply::used(10, 50)).await;
    assert_eq!(left_after(&scene, 10, BODY).await, 3000);
    teach(&scene, Reply::stream(10, Some((10, 10)), Finish::Ends)).await;
    assert_eq!(left_after(&scene, 10, BODY).await, 40);
    let other = BODY.replace("grok-4.5", "grok-4");
    assert_eq!(left_after(&scene, 10, &other).await, 3000, "another model");
}

#[tokio::test]
async fn hidden_reasoning_counts_after_a_disconnect() {
    let scene = scene();
    teach(&scene, reasoned(1000)).await;
    assert_eq!(scene.end().used("output"), 1010);
    // It was there before the first event.
    assert_eq!(left_after(&scene, 0, BODY).await, 990);
    assert_eq!(left_after(&scene, 10, BODY).await, 1030);
    let little = BODY.replace("3000", "500");
    assert_eq!(left_after(&scene, 10, &little).await, 500, "no more than was asked for");
}

#[tokio::test]
async fn cheap_streams_do_not_lower_the_count_of_expensive_ones() {
    let scene = scene();
    teach(&scene, reasoned(1000)).await;
    for _ in 0..4 {
        teach(&scene, Reply::stream(10, Some((10, 10)), Finish::Ends)).await;
    }
    let after = left_after(&scene, 10, BODY).await;
    assert!((500..700).contains(&after), "{after}");
}

/// The provider may have made all of it before the first byte came.
#[tokio::test]
async fn a_broken_response_without_a_stream_counts_the_estimate() {
    let scene = scene();
    teach(&scene, Reply::stream(10, Some((10, 10)), Finish::Ends)).await;
    scene.replies([Reply::Broken(r#"{"object":"chat.completion","#.to_owned())]);
    scene.ask(chat(BODY)).await;
    assert_eq!((scene.end().outcome, scene.end().used("output")), (Outcome::Broken, 3010));
}
