//! Four gateways with their own stores, and one provider.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::Response;
use http_body_util::{BodyExt, Channel};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::CacheSettings;

use super::*;
use crate::gateway::{AnswerBody, Gateway};

pub(super) const QUESTION: &str = r#"{"model":"grok-4.3","messages":[],"stream":true}"#;
pub(super) const FRAMES: usize = 40;

pub(super) fn frame(number: usize) -> String {
    if number + 1 == FRAMES {
        return "data: [DONE]\n\n".to_owned();
    }
    let text = "x".repeat(number * 37 % 400);
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{number} {text}\"}}}}]}}\n\n"
    )
}

/// A slow stream, with a delay before its start and between frames.
async fn stream(calls: Arc<AtomicUsize>) -> Response<AnswerBody> {
    calls.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (mut sender, body) = Body::new(4);
    tokio::spawn(async move {
        for number in 0..FRAMES {
            if sender.send_data(frame(number).into()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
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
    calls: Arc<AtomicUsize>,
}

impl Scene {
    fn new(server: &Server) -> Self {
        let calls = Arc::<AtomicUsize>::default();
        let gateway = |_| {
            let calls = calls.clone();
            Gateway::new(
                &ControlLayer::new().cache(patient(server)),
                |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
                move || stream(calls.clone()),
            )
        };
        Self { gateways: (0..4).map(gateway).collect(), calls: calls.clone() }
    }
}

/// A client's result: the cache status, the time of the first byte, and the body.
async fn ask(gateway: Gateway) -> (String, Instant, Vec<u8>) {
    let response = gateway.ask(QUESTION).await;
    assert_eq!(response.status(), 200);
    let status = response.headers()["cf-aig-cache-status"].to_str().unwrap().to_owned();
    let mut body = response.into_body();
    let (mut first, mut data) = (None, Vec::new());
    while let Some(frame) = body.frame().await {
        first.get_or_insert_with(Instant::now);
        data.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    (status, first.unwrap(), data)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_identical_streams_over_four_gateways_reach_the_provider_once() {
    let expected: String = (0..FRAMES).map(frame).collect();
    let mut behind = Duration::MAX;
    // The best of several runs, as the machine may be busy.
    for _ in 0..5 {
        let server = Server::start(&[]);
        let scene = Scene::new(&server);
        let clients: Vec<_> =
            (0..64).map(|number| tokio::spawn(ask(scene.gateways[number % 4].clone()))).collect();
        let (mut leader, mut followers) = (Vec::new(), Vec::new());
        for client in clients {
            let (status, first, data) = client.await.unwrap();
            assert!(data == expected.as_bytes());
            match &*status {
                "MISS" => leader.push(first),
                "HIT" => followers.push(first),
                other => panic!("{other}"),
            }
        }
        assert_eq!(scene.calls.load(Ordering::Relaxed), 1);
        assert_eq!((leader.len(), followers.len()), (1, 63));
        let last = followers.into_iter().max().unwrap();
        behind = behind.min(last.saturating_duration_since(leader[0]));
        // Then it is stored for all of them.
        for gateway in &scene.gateways {
            let mut status = String::new();
            eventually("it is kept", async || {
                status = ask(gateway.clone()).await.0;
                status == "HIT"
            })
            .await;
        }
        assert_eq!(scene.calls.load(Ordering::Relaxed), 1);
    }
    assert!(behind < Duration::from_millis(20), "{behind:?}");
}

/// Without Redis each process calls the provider, and each client is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_redis_each_gateway_makes_its_own_call() {
    let mut server = Server::start(&[]);
    server.kill();
    let expected: String = (0..FRAMES).map(frame).collect();
    let calls = Arc::<AtomicUsize>::default();
    let gateway = |_| {
        let store = RedisCache::builder(server.url()).build().unwrap();
        let calls = calls.clone();
        Gateway::new(
            &ControlLayer::new().cache(store),
            |set| set.cache(CacheSettings::new(Duration::from_secs(300))),
            move || stream(calls.clone()),
        )
    };
    let gateways: Vec<_> = (0..4).map(gateway).collect();
    let clients: Vec<_> =
        (0..64).map(|number| tokio::spawn(ask(gateways[number % 4].clone()))).collect();
    for client in clients {
        assert!(client.await.unwrap().2 == expected.as_bytes());
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

/// What a client has not read of an entry from Redis is held for it, and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hit_from_redis_counts_in_the_budget_of_its_gateway_until_its_body_is_gone() {
    let server = Server::start(&[]);
    let scene = Scene::new(&server);
    let (one, other) = (&scene.gateways[0], &scene.gateways[1]);
    assert_eq!(ask(one.clone()).await.0, "MISS");
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
