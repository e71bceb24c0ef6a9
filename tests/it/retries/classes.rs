//! The host's own rules for retries and fallbacks.

use http::{HeaderMap, StatusCode};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::{
    Alternative, CallClass, Classify, FallbackLayer, ReplayLayer, RetryLayer,
};
use tower_ai_gateway::hook::Failure;

use crate::retries::scene::{request, three};
use crate::support::scripted::{Answer, Upstream, answer, fails};

/// 404 is retried, 422 and a degraded response lead to another model, and everything else is returned.
struct Own;

impl Classify for Own {
    fn response(&self, status: StatusCode, headers: &HeaderMap) -> CallClass {
        match status {
            _ if headers.contains_key("x-degraded") => CallClass::Fallback,
            StatusCode::NOT_FOUND => CallClass::Retry,
            StatusCode::UNPROCESSABLE_ENTITY => CallClass::Fallback,
            _ => CallClass::Answer,
        }
    }

    fn failure(&self, _: Failure) -> CallClass {
        CallClass::Answer
    }
}

/// The number of calls if each is answered like this, with three attempts and two models.
async fn calls(of: fn() -> Answer) -> usize {
    let upstream = Upstream::new(move |_, _| of());
    let other = Alternative::new(Provider::xai()).model("n");
    let fallback = FallbackLayer::between(Provider::xai(), [other]).unwrap().classify(Own);
    let retry = RetryLayer::new(three()).classify(Own);
    let client = ReplayLayer::new().layer(fallback.layer(retry.layer(upstream.clone())));
    let _ = client.oneshot(request()).await;
    upstream.count()
}

#[tokio::test(start_paused = true)]
async fn the_hosts_rule_replaces_the_default() {
    assert_eq!(calls(|| answer(404, &[], "")).await, 6);
    assert_eq!(calls(|| answer(422, &[], "")).await, 2);
    assert_eq!(calls(|| answer(503, &[], "")).await, 1);
    const DEGRADED: &[(&str, &str)] = &[("content-type", "application/json"), ("x-degraded", "1")];
    assert_eq!(calls(|| answer(200, DEGRADED, r#"{"choices":[]}"#)).await, 2);
    assert_eq!(calls(|| answer(200, &DEGRADED[..1], r#"{"choices":[]}"#)).await, 1);
    assert_eq!(calls(|| fails(std::io::ErrorKind::ConnectionReset)).await, 1);
}
