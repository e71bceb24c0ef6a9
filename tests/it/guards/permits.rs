//! A guard holds no permit of the upstream stack.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::Barrier;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::guard::{GuardRequest, Verdict};
use tower_ai_gateway::{GatewayLayer, Guard, Provider};

use crate::support::guard;

/// Passes two requests when both have arrived.
struct Both(Barrier);

impl Guard for Both {
    async fn check(&self, _: GuardRequest<'_>) -> Verdict {
        self.0.wait().await;
        Verdict::Pass
    }
}

#[tokio::test]
async fn a_request_waiting_for_a_guard_holds_no_permit() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = service_fn(move |_: Request<_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    // One call at a time: if guards held the permit, two requests would block each other.
    let client = ConcurrencyLimitLayer::new(1).layer(client);
    let gateway = GatewayLayer::builder().provider(Provider::xai()).guard(Both(Barrier::new(2)));
    let gateway = gateway.build().unwrap().client_layer().layer(client);
    let call = || {
        let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
        gateway.clone().oneshot(request.body(Full::<Bytes>::from("{}")).unwrap())
    };
    let (one, other) = guard("both requests", async { tokio::join!(call(), call()) }).await;
    assert_eq!(
        (one.unwrap().status(), other.unwrap().status()),
        (200.try_into().unwrap(), http::StatusCode::OK)
    );
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}
