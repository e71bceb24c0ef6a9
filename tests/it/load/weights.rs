//! The choice of a target: by weight if all are idle, else by active requests.

use http_body_util::BodyExt;
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;

use crate::load::{CHAT, assert_shares, counts, key};
use crate::support::controlled::{Scene, every_gateway, post, secret, with};
use crate::support::scripted::Reply;

fn scene(weights: [u32; 2], reply: Reply) -> Scene {
    fastrand::seed(11);
    let settings = every_gateway(|settings| {
        let settings = settings.weighted_key("grok", "default", secret("one"), weights[0]);
        settings.weighted_key("xai", "default", secret("two"), weights[1])
    });
    Scene::new(
        |builder| builder.provider(Provider::xai()).settings(settings),
        ControlLayer::new(),
        move |_| reply.clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn idle_keys_are_used_by_their_weights() {
    let scene = scene([1, 3], Reply::ok());
    for _ in 0..20_000 {
        assert_eq!(scene.ask(post(CHAT)).await.0, 200);
    }
    assert_shares(&counts(&scene.sent(), key), &[("one", 0.25), ("two", 0.75)]);
}

#[tokio::test(start_paused = true)]
async fn a_loaded_key_is_avoided_until_its_stream_ends() {
    let scene = scene([1, 1], Reply::ok().timed(&[10, 10]));
    let mut held = scene.send(post(CHAT)).await.into_body();
    let loaded = key(&scene.one());
    // A head and a first frame do not end the request.
    held.frame().await.unwrap().unwrap();
    for _ in 0..50 {
        drop(scene.send(post(CHAT)).await);
    }
    let others = counts(&scene.sent(), key);
    assert!(others.len() == 1 && !others.contains_key(&loaded), "{loaded} {others:?}");
    while held.frame().await.is_some() {}
    for _ in 0..50 {
        drop(scene.send(post(CHAT)).await);
    }
    assert_eq!(counts(&scene.sent(), key).len(), 2, "the body is still here, and has ended");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn open_streams_converge_to_the_weights() {
    let scene = scene([1, 3], Reply::ok().timed(&[1_000_000]));
    let mut held = Vec::new();
    for _ in 0..400 {
        held.push(scene.send(post(CHAT)).await);
    }
    let counts = counts(&scene.sent(), key);
    assert_eq!((counts["one"], counts["two"]), (100, 300));
}

#[tokio::test(start_paused = true)]
async fn a_single_key_is_always_used() {
    let settings = every_gateway(|settings| settings.key("grok", secret("only")));
    let scene = Scene::new(
        |builder| builder.provider(Provider::xai()).settings(settings),
        ControlLayer::new(),
        |_| Reply::ok(),
    );
    scene.ask(post(CHAT)).await;
    scene.ask(with(post(CHAT), "authorization", "Bearer own")).await;
    let keys: Vec<_> = scene.sent().iter().map(key).collect();
    assert_eq!(keys, ["only", "own"]);
}
