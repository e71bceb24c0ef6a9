//! Metrics of exchanges in memory: caches, and several hooks.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::hook::CacheStatus;
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::metrics::provider::USAGE;
use crate::metrics::scene::{builder, page, recorder};

/// A client that answers like a cache.
pub(crate) async fn exchange(layer: &GatewayLayer, status: CacheStatus) {
    let client = service_fn(move |_: Request<_>| async move {
        let body = Full::new(Bytes::from(format!(r#"{{"model":"grok-4.3",{USAGE}}}"#)));
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.extension(status).body(body).unwrap())
    });
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = layer.client_layer().layer(client).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn cache_statuses_are_counted_and_a_hit_costs_nothing() {
    let (metrics, handle) = recorder();
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(metrics);
    let layer = builder.build().unwrap();
    use CacheStatus::{Bypass, Hit, Miss, Stale};
    for status in [Miss, Hit, Hit, Bypass, Stale] {
        exchange(&layer, status).await;
    }
    let page = page(&handle);
    for (status, count) in [("hit", 2), ("stale", 1), ("miss", 1), ("bypass", 1)] {
        let status = [("ai_gateway_cache_status", status)];
        assert_eq!(page.sum("ai_gateway_cache_total", &status), count, "{status:?}");
    }
    assert_eq!(page.sum("ai_gateway_cost_ticks_total", &[]), 2 * 1_234_567);
    assert_eq!(page.sum("ai_gateway_cache_saved_ticks_total", &[]), 3 * 1_234_567);
    for (kind, tokens) in [("input", 12), ("output", 291)] {
        let kind = [("gen_ai_token_type", kind)];
        assert_eq!(page.sum("ai_gateway_cache_saved_tokens_total", &kind), 3 * tokens, "{kind:?}");
    }
    let sources = page.sum("ai_gateway_cost_ticks_total", &[("ai_gateway_cost_source", "cache")]);
    assert_eq!(sources, 0, "what costs nothing is no series");
    assert_eq!(page.sum("ai_gateway_cost_unknown_total", &[]), 0);
}

#[tokio::test]
async fn hooks_with_their_own_recorders_are_separate() {
    let installed = builder().install_recorder().unwrap();
    let ((one, first), (other, second)) = (recorder(), recorder());
    let layer = |hooks: Vec<Metrics>| {
        let builder = GatewayLayer::builder().provider(Provider::xai());
        let builder = hooks.into_iter().fold(builder, |builder, hook| builder.metrics_hook(hook));
        builder.build().unwrap()
    };
    let (alone, both) = (layer(vec![one]), layer(vec![other, Metrics::new()]));
    exchange(&alone, CacheStatus::Miss).await;
    for _ in 0..2 {
        exchange(&both, CacheStatus::Miss).await;
    }
    let ended = |handle| page(handle).sum("ai_gateway_requests_ended_total", &[]);
    assert_eq!([&first, &second, &installed].map(ended), [1, 2, 2]);
}
