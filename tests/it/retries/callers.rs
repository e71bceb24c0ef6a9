//! A caller pays for the retries of failures that it has caused itself.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::util::BoxCloneService;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::support::scripted::{Reply, Upstream};

const REQUESTS: usize = 1000;

/// The reserve of a budget, and a fifth of the requests that failed.
const OF_CALLER: usize = 10 * 10 + REQUESTS / 5;

fn without_body<R>(response: Response<R>) -> Response<()> {
    response.map(drop)
}

struct Scene {
    upstream: Upstream,
    service: BoxCloneService<Request<Full<Bytes>>, Response<()>, BoxError>,
}

impl Scene {
    /// A provider that answers by the caller's key.
    fn new(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let upstream = Upstream::new(move |call, _| reply(call.key().unwrap()));
        let gateway = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
        let service = ServiceBuilder::new()
            .layer(gateway.client_layer())
            .layer(ControlLayer::new())
            .service(upstream.clone());
        let service = ServiceExt::<Request<Full<Bytes>>>::map_response(service, without_body);
        Self { upstream, service: BoxCloneService::new(service) }
    }

    /// How often these requests are sent again.
    async fn retries(&self, requests: usize, key: &str, headers: &[(&str, &str)]) -> usize {
        let before = self.upstream.count();
        for _ in 0..requests {
            let request = Request::post("/v1/acct/gw/grok/v1/chat/completions")
                .header("authorization", format!("Bearer {key}"))
                .header("cf-aig-max-attempts", "5")
                .header("cf-aig-retry-delay", "0");
            let all = headers.iter();
            let request = all.fold(request, |request, (name, value)| request.header(*name, *value));
            let request = request.body(Full::from("{}")).unwrap();
            drop(self.service.clone().oneshot(request).await);
        }
        self.upstream.count() - before - requests
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_key_of_a_client_leaves_others_their_retries() {
    let scene = Scene::new(|key| Reply::status(if key.contains("throttled") { 429 } else { 503 }));
    assert_eq!(scene.retries(REQUESTS, "throttled", &[]).await, OF_CALLER);
    assert_eq!(scene.retries(1, "throttled-too", &[]).await, 4);
    assert_eq!(scene.retries(REQUESTS, "another", &[]).await, 10 * 10);
}

#[tokio::test(start_paused = true)]
async fn timeouts_that_a_client_has_chosen_leave_others_their_retries() {
    let scene =
        Scene::new(|key| if key.contains("slow") { Reply::silent() } else { Reply::status(503) });
    let hasty = [("cf-aig-request-timeout", "1")];
    // A millisecond each: the window of the budget is not over before the last one.
    assert_eq!(scene.retries(REQUESTS, "slow", &hasty).await, OF_CALLER);
    assert_eq!(scene.retries(1, "another", &hasty).await, 4);
}
