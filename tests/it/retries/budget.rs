//! The retry budget bounds retries to a share of the load.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt};
use tower_ai_gateway::control::{ReplayLayer, RetryLayer, RetrySettings};

use crate::support::scripted::{Call, Upstream, answer};

const REQUESTS: usize = 1000;

fn at_once() -> RetrySettings {
    RetrySettings::attempts(5).delay(Duration::ZERO)
}

fn request(host: &str) -> Request<Full<Bytes>> {
    Request::post(format!("https://{host}/v1")).body(Full::from("x")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_always_fails_gets_few_retries() {
    let upstream = Upstream::new(|_, _| answer(503, &[], ""));
    let layer = RetryLayer::new(at_once());
    for _ in 0..REQUESTS {
        // Each request uses its own service: the budget belongs to the layer.
        let client = ReplayLayer::new().layer(layer.layer(upstream.clone()));
        client.oneshot(request("a.test")).await.unwrap();
    }
    let reserve = 10 * 10;
    assert!(upstream.count() <= REQUESTS + REQUESTS / 5 + reserve, "{}", upstream.count());
    assert_eq!(upstream.count(), REQUESTS + reserve, "what was not answered earns nothing");
    tokio::time::advance(Duration::from_secs(20)).await;
    let before = upstream.count();
    let client = ReplayLayer::new().layer(layer.layer(upstream.clone()));
    client.oneshot(request("a.test")).await.unwrap();
    assert_eq!(upstream.count() - before, 5, "time gives back what was used up");
}

#[tokio::test(start_paused = true)]
async fn responses_earn_retries_only_for_their_own_origin() {
    let is_up = |call: &Call| call.body == b"up";
    let upstream =
        Upstream::new(move |call, _| answer(if is_up(call) { 200 } else { 503 }, &[], ""));
    let layer = RetryLayer::new(at_once()).budget(0, 0.2);
    let mut client = ReplayLayer::new().layer(layer.layer(upstream.clone()));
    for _ in 0..REQUESTS {
        let mut request = request("a.test");
        *request.body_mut() = Full::from("up");
        client.call(request).await.unwrap();
    }
    assert_eq!(upstream.count(), REQUESTS);
    for (host, expected) in [("b.test", 0), ("a.test", REQUESTS / 5)] {
        let before = upstream.count();
        for _ in 0..REQUESTS {
            client.call(request(host)).await.unwrap();
        }
        assert_eq!(upstream.count() - before - REQUESTS, expected, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_retry_budget_can_be_set() {
    for (per_second, share) in
        [(0, f32::NAN), (0, 0.0), (0, -1.0), (u32::MAX, f32::INFINITY), (0, 1e-30), (1, 1e30)]
    {
        let upstream = Upstream::new(|_, _| answer(503, &[], ""));
        let layer = RetryLayer::new(at_once()).budget(per_second, share);
        let client = ReplayLayer::new().layer(layer.layer(upstream.clone()));
        client.oneshot(request("a.test")).await.unwrap();
        assert_eq!(upstream.count(), if per_second == 0 { 1 } else { 5 }, "{per_second} {share}");
    }
}
