//! Calls for media reserve what they cost, as far as their price and their body tell.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_ai_gateway::settings::limits::{LimitRule, OnUnknownPrice};

use super::scene::{Finish, post};
use super::{Reply, Scene, fixed};

/// The price of an image of `grok-imagine-image`, in ticks.
const IMAGE: u64 = 200_000_000;
/// The price of a character of `tts-1`, in ticks.
const CHARACTER: u64 = 150_000;

const SPEECH: &str = r#"{"model":"tts-1","input":"hello","voice":"v"}"#;

fn image() -> Request<Full<Bytes>> {
    let body = r#"{"model":"grok-imagine-image","prompt":"a cat"}"#;
    post("/v1/acct/gw/grok/v1/images/generations", body)
}

fn speech() -> Request<Full<Bytes>> {
    post("/v1/acct/gw/openai/v1/audio/speech", SPEECH)
}

fn dollars(amount: f64) -> Scene {
    let rule = LimitRule::usd("money", amount, fixed()).on_unknown_price(OnUnknownPrice::Refuse);
    Scene::new(|set| set.limit(rule))
}

#[tokio::test]
async fn images_under_way_hold_their_price() {
    let scene = dollars(0.05);
    scene.replies((0..2).map(|_| Reply::stream(0, None, Finish::GoesOn)));
    let open = [scene.send(image()).await, scene.send(image()).await];
    assert_eq!(scene.ask(image()).await.0, 429);
    drop(open);
    assert_eq!(scene.ask(image()).await.0, 429, "they have counted");
}

#[tokio::test]
async fn the_reported_number_of_images_replaces_the_estimate() {
    let scene = dollars(1.0);
    let three = r#"{"data":[{"url":"a"},{"url":"b"},{"url":"c"}]}"#;
    scene.replies([Reply::Json(200, three.to_owned()), Reply::status(400)]);
    scene.ask(image()).await;
    assert_eq!(scene.end().used("money"), 3 * IMAGE);
    scene.ask(image()).await;
    assert_eq!(scene.end().used("money"), 3 * IMAGE);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_the_head_has_used_the_estimate() {
    for (request, expected) in [(image(), IMAGE), (speech(), SPEECH.len() as u64 * CHARACTER)] {
        let scene = dollars(1.0);
        scene.replies([Reply::Silent]);
        let sent = scene.send(request);
        assert!(tokio::time::timeout(Duration::from_millis(50), sent).await.is_err());
        assert_eq!(scene.end().used("money"), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_estimated_passes_with_any_room() {
    let scene = dollars(0.05);
    let transcription = post("/v1/acct/gw/openai/v1/audio/transcriptions", "{}");
    assert_eq!(scene.ask(transcription).await.0, 200);
}
