//! Metrics of limits: usage, refusals, and failures of the store.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};
use tower_ai_gateway::settings::{GatewaySettings, Settings, SettingsTable};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::metrics::scene::{page, recorder};
use crate::support::failing_store::FailingStore;
use crate::support::scrape::Page;

/// Three requests under a limit of two, and a shadow limit of one.
pub(crate) async fn refused() -> Page {
    let rule = |name, most| LimitRule::requests(name, most, Window::Fixed(Period::Month));
    let settings = GatewaySettings::builder().limit(rule("most", 2)).limit(rule("one", 1).shadow());
    let settings = settings.authenticated_elsewhere().build().unwrap();
    let (metrics, handle) = recorder();
    let layer = GatewayLayer::builder()
        .mount(Mount::hosted())
        .provider(Provider::xai())
        .settings(Settings::new(SettingsTable::new().serve_unknown(settings)))
        .metrics_hook(metrics)
        .build()
        .unwrap();
    let client = service_fn(|_: Request<_>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("{}"))))
    });
    let store = FailingStore { is_failing: true.into(), ..Default::default() };
    let service = layer.client_layer().layer(ControlLayer::new().limits(store).layer(client));
    for _ in 0..3 {
        let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let Ok(response) = service.clone().oneshot(request).await else { continue };
        response.into_body().collect().await.unwrap();
    }
    page(&handle)
}

#[tokio::test]
async fn refusals_and_failures_are_counted_by_rule() {
    let page = refused().await;
    let sum = |name: &str, rule: &str| page.sum(name, &[("ai_gateway_limit_rule", rule)]);
    assert_eq!((sum("ai_gateway_limit", "most"), sum("ai_gateway_limit_used", "most")), (2, 2));
    assert_eq!(sum("ai_gateway_requests_limited_total", "most"), 1);
    assert_eq!(sum("ai_gateway_requests_limited_total", "one"), 2);
    assert_eq!(sum("ai_gateway_limit_store_failed_total", "most"), 3);
}
