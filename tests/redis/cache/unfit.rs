//! Responses that other gateways cannot use.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::Response;
use http_body_util::{BodyExt, Full};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};

use super::gateways::{Body, FRAMES, QUESTION, frame, once};
use super::*;
use crate::gateway::Gateway;

/// Longer than one call of the provider, but shorter than two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(7);
const PROVIDER_TAKES: Duration = Duration::from_secs(4);

/// A gateway that stores only `status`, and whose provider answers with it after a while.
fn keeping(server: &Server, status: u16, body: Body, after: Duration) -> Gateway {
    let cache = CacheSettings::new(Duration::from_secs(300));
    let rule = CacheRule::keep(Duration::from_secs(300)).statuses([status]);
    let answer = once(status, body);
    Gateway::new(
        &ControlLayer::new().cache(patient(server)),
        |set| set.cache(cache.rule(rule)).timeouts(Timeouts::default().head(HEAD_TIMEOUT)),
        move || {
            let answer = answer.clone();
            async move {
                tokio::time::sleep(after).await;
                answer().await
            }
        },
    )
}

/// One gateway stores 201 and the other 200: neither serves what only the other stores.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_follows_no_response_that_it_would_not_store() {
    let server = Server::start(&[]);
    let (mut to_leader, led) = Body::new(4);
    let (mut to_other, others) = Body::new(4);
    let (one, other) =
        (keeping(&server, 201, led, Duration::ZERO), keeping(&server, 200, others, Duration::ZERO));
    to_leader.send_data(frame(0).into()).await.unwrap();
    to_other.send_data(frame(0).into()).await.unwrap();
    let leader = one.ask(QUESTION).await;
    assert_eq!(leader.status(), 201);
    // The first response goes on while the second begins.
    let follower = other.ask(QUESTION).await;
    assert_eq!(
        (follower.status().as_u16(), &follower.headers()["cf-aig-cache-status"]),
        (200, &HeaderValue::from_static("MISS"))
    );
    for (mut sender, answer) in [(to_other, follower), (to_leader, leader)] {
        sender.send_data(frame(FRAMES - 1).into()).await.unwrap();
        drop(sender);
        let data = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(data, frame(0) + &frame(FRAMES - 1));
    }
}

/// After a wait for a response that does not suit it, the call has its whole head timeout.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_wait_for_an_unfit_response_does_not_shorten_the_head_timeout() {
    let server = Server::start(&[]);
    let [(one, _sender), (other, sender)] = [201, 200].map(|status| {
        let (sender, body) = Body::new(4);
        (keeping(&server, status, body, PROVIDER_TAKES), sender)
    });
    let leader = tokio::spawn(async move { one.ask(QUESTION).await });
    eventually("it asks", async || server.keys().iter().any(|key| key.contains(":l:"))).await;
    let follower = other.ask(QUESTION).await;
    assert_eq!(leader.await.unwrap().status(), 201);
    assert_eq!(follower.status(), 200);
    drop(sender);
}

/// The head shows that the response cannot be shared.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_unshared_response_lets_followers_elsewhere_call_at_once_with_all_their_time() {
    let server = Server::start(&[]);
    let calls = Arc::<Mutex<Vec<Instant>>>::default();
    let gateways = [(); 3].map(|()| {
        let calls = calls.clone();
        Gateway::new(
            &ControlLayer::new().cache(patient(&server)),
            |set| {
                let cache = CacheSettings::new(Duration::from_secs(300));
                set.cache(cache).timeouts(Timeouts::default().head(HEAD_TIMEOUT))
            },
            move || {
                calls.lock().unwrap().push(Instant::now());
                async {
                    tokio::time::sleep(PROVIDER_TAKES).await;
                    let response = Response::builder().header("vary", "*");
                    let response = response.header("content-type", "application/json");
                    let body = Full::from("{}").map_err(|never| match never {});
                    response.body(body.boxed_unsync()).unwrap()
                }
            },
        )
    });
    let ask = |gateway: usize| {
        let gateway = gateways[gateway].clone();
        tokio::spawn(async move { gateway.ask(QUESTION).await })
    };
    let leader = ask(0);
    eventually("it asks", async || server.keys().iter().any(|key| key.contains(":l:"))).await;
    // The second request to a gateway follows its first.
    for answer in [leader, ask(1), ask(1), ask(2), ask(2)] {
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cf-aig-cache-status"]),
            (200, &HeaderValue::from_static("MISS"))
        );
    }
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 5);
    let others = calls[4] - calls[1];
    assert!(others < PROVIDER_TAKES && calls[1] - calls[0] >= PROVIDER_TAKES, "{others:?}");
    let left = server.keys().into_iter().filter(|key| key.contains(":l:"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new(), "nobody leads");
}
