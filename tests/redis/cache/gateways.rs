//! Four gateways with their own stores, and one provider.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Response;
use http_body_util::{BodyExt, Channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::cache::CacheHandle;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::*;
use crate::gateway::{AnswerBody, Gateway};

pub(super) const QUESTION: &str = r#"{"model":"grok-4.3","messages":[],"stream":true}"#;
pub(super) const FRAMES: usize = 40;
const GATEWAYS: usize = 4;
/// Clients, as many of each gateway.
const CROWD: usize = 64;

pub(super) fn frame(number: usize) -> String {
    if number + 1 == FRAMES {
        return "data: [DONE]\n\n".to_owned();
    }
    let text = "x".repeat(number * 37 % 400);
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{number} {text}\"}}}}]}}\n\n"
    )
}

/// A stream that goes as far as the test lets it, and begins with its first frame.
async fn stream(
    calls: Arc<AtomicUsize>,
    mut allowed: watch::Receiver<usize>,
) -> Response<AnswerBody> {
    calls.fetch_add(1, Ordering::Relaxed);
    let _ = allowed.wait_for(|frames| *frames > 0).await;
    let (mut sender, body) = Body::new(4);
    tokio::spawn(async move {
        for number in 0..FRAMES {
            let is_allowed = allowed.wait_for(|frames| *frames > number).await.is_ok();
            if !is_allowed || sender.send_data(frame(number).into()).await.is_err() {
                return;
            }
        }
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(body.boxed_unsync())
        .unwrap()
}

/// A body that the test sends.
pub(super) type Body = Channel<Bytes, tower::BoxError>;

/// A provider that gives this response, and expects one call.
pub(super) fn once(
    status: u16,
    body: Body,
) -> impl Fn() -> Ready<Response<AnswerBody>> + Clone + Send + Sync + 'static {
    let response = Response::builder()
        .status(status)
        .header("content-type", "text/event-stream")
        .body(body.boxed_unsync())
        .unwrap();
    let response = Arc::new(Mutex::new(Some(response)));
    move || ready(response.lock().unwrap().take().expect("it is asked once"))
}

struct Scene {
    gateways: Vec<Gateway>,
    caches: Vec<CacheHandle>,
    calls: Arc<AtomicUsize>,
    /// How many frames the provider sends.
    allowed: watch::Sender<usize>,
    /// How many clients have read the first.
    begun: Arc<AtomicUsize>,
}

impl Scene {
    fn new(store: impl Fn() -> RedisCache) -> Self {
        let (calls, begun) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let allowed = watch::Sender::new(0);
        let gateway = |_| {
            let (calls, allowed) = (calls.clone(), allowed.subscribe());
            let control = ControlLayer::new().cache(store());
            let gateway = Gateway::new(
                &control,
                |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
                move || stream(calls.clone(), allowed.clone()),
            );
            (gateway, control.cache_handle())
        };
        let (gateways, caches) = (0..GATEWAYS).map(gateway).unzip();
        Self { gateways, caches, calls: calls.clone(), allowed, begun }
    }

    /// A client of a gateway: the cache status, and the body.
    fn ask(&self, gateway: usize) -> JoinHandle<(String, Vec<u8>)> {
        let (gateway, begun) = (self.gateways[gateway].clone(), self.begun.clone());
        tokio::spawn(async move {
            let response = gateway.ask(QUESTION).await;
            assert_eq!(response.status(), 200);
            let status = response.headers()["cf-aig-cache-status"].to_str().unwrap().to_owned();
            let (mut body, mut data) = (response.into_body(), Vec::new());
            while let Some(frame) = body.frame().await {
                if data.is_empty() {
                    begun.fetch_add(1, Ordering::Relaxed);
                }
                data.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
            }
            (status, data)
        })
    }

    /// Clients that have asked before the provider answers: all but the first of each gateway follow it.
    async fn crowd(&self) -> Vec<JoinHandle<(String, Vec<u8>)>> {
        let clients = (0..CROWD).map(|number| self.ask(number % GATEWAYS)).collect();
        eventually("all follow", async || {
            let followers: u64 = self.caches.iter().map(|cache| cache.stats().followers).sum();
            followers >= (CROWD - GATEWAYS) as u64
        })
        .await;
        clients
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Each gets a frame before the provider sends the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_identical_streams_over_four_gateways_reach_the_provider_once() {
    let expected: String = (0..FRAMES).map(frame).collect();
    let server = Server::start(&[]);
    let scene = Scene::new(|| patient(&server));
    let clients = scene.crowd().await;
    scene.allowed.send(1).unwrap();
    eventually("all have the first frame", async || scene.begun.load(Ordering::Relaxed) == CROWD)
        .await;
    scene.allowed.send(FRAMES).unwrap();
    let mut statuses = Vec::new();
    for client in clients {
        let (status, data) = client.await.unwrap();
        assert!(data == expected.as_bytes());
        statuses.push(status);
    }
    statuses.sort_unstable();
    assert_eq!((&*statuses[CROWD - 2], &*statuses[CROWD - 1]), ("HIT", "MISS"));
    // Then it is stored for all of them.
    for gateway in 0..GATEWAYS {
        eventually("it is kept", async || scene.ask(gateway).await.unwrap().0 == "HIT").await;
    }
    assert_eq!(scene.calls(), 1);
}

/// Without Redis each process calls the provider, and each client is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_redis_each_gateway_makes_its_own_call() {
    let mut server = Server::start(&[]);
    server.kill();
    let expected: String = (0..FRAMES).map(frame).collect();
    let scene = Scene::new(|| RedisCache::builder(server.url()).build().unwrap());
    let clients = scene.crowd().await;
    scene.allowed.send(FRAMES).unwrap();
    for client in clients {
        assert!(client.await.unwrap().1 == expected.as_bytes());
    }
    assert_eq!(scene.calls(), GATEWAYS);
}

/// What a client has not read of an entry from Redis is held for it, and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hit_from_redis_counts_in_the_budget_of_its_gateway_until_its_body_is_gone() {
    let server = Server::start(&[]);
    let scene = Scene::new(|| patient(&server));
    scene.allowed.send(FRAMES).unwrap();
    let other = &scene.gateways[1];
    assert_eq!(scene.ask(0).await.unwrap().0, "MISS");
    eventually("it is kept", async || server.keys().iter().any(|key| key.contains(":e:"))).await;
    let hit = other.ask(QUESTION).await;
    assert_eq!(hit.headers()["cf-aig-cache-status"], "HIT");
    let used = other.budget.used();
    assert!(used > (0..FRAMES).map(|number| frame(number).len()).sum(), "{used}");
    drop(hit);
    assert_eq!(other.budget.used(), 0);
}

/// The leader's client leaves, and the follower at another gateway reads on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_at_another_gateway_gets_every_byte_if_the_first_client_leaves() {
    let server = Server::start(&[]);
    let (mut provider, body) = Body::new(4);
    let answer = once(200, body);
    let gateway = || {
        Gateway::new(
            &ControlLayer::new().cache(patient(&server)),
            |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
            answer.clone(),
        )
    };
    let (one, other) = (gateway(), gateway());
    provider.send_data(frame(0).into()).await.unwrap();
    let mut leader = one.ask(QUESTION).await.into_body();
    leader.frame().await.unwrap().unwrap();
    let follower = other.ask(QUESTION).await;
    assert_eq!(follower.headers()["cf-aig-cache-status"], "HIT");
    let mut follower = follower.into_body();
    let (mut expected, mut data) = (frame(0), Vec::new());
    // The first of these tells the leader's gateway that it is followed. The gateway knows that before it
    // sends the second.
    for number in 1..=2 {
        provider.send_data(frame(number).into()).await.unwrap();
        leader.frame().await.unwrap().unwrap();
        expected += &frame(number);
        while data.len() < expected.len() {
            let frame = follower.frame().await.unwrap().unwrap();
            data.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
    }
    drop(leader);
    let following = tokio::spawn(follower.collect());
    for number in 3..FRAMES {
        provider.send_data(frame(number).into()).await.expect("it is read on");
        expected += &frame(number);
    }
    drop(provider);
    data.extend_from_slice(&following.await.unwrap().unwrap().to_bytes());
    assert!(data == expected.as_bytes(), "{}", String::from_utf8_lossy(&data));
    eventually("it is kept", async || server.keys().iter().any(|key| key.contains(":e:"))).await;
}
