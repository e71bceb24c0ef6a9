//! The number of series is bounded.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::gateway::layer::GatewayLayer;
use crate::provider::Provider;

/// One exchange with a provider that repeats the model.
async fn exchange(layer: &GatewayLayer, gateway: usize, model: usize) {
    let client = service_fn(|request: Request<crate::RequestBody<Full<Bytes>>>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
    });
    let body = Full::from(format!(r#"{{"model":"model-{model}"}}"#));
    let path = format!("/v1/acct/gw-{gateway}/grok/v1/chat/completions");
    let request = Request::post(path).body(body).unwrap();
    layer
        .client_layer()
        .layer(client)
        .oneshot(request)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
}

#[tokio::test]
async fn beyond_the_series_limit_all_models_and_gateways_share_one_series() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let metrics = Metrics::new().recorder(recorder).label_gateways(10);
    let hook = Arc::new(Metrics { max_series: 5, ..metrics });
    let builder = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook.clone());
    let layer = builder.build().unwrap();
    for number in 0..100 {
        exchange(&layer, number / 10, number % 10).await;
    }
    assert_eq!(hook.series.len(), 6, "five that were told apart, and one for the rest");
    let page = handle.render();
    let ended: Vec<_> =
        page.lines().filter(|l| l.starts_with("ai_gateway_requests_ended{")).collect();
    assert_eq!(ended.len(), 6, "{ended:?}");
    let rest = ended.iter().find(|line| line.contains("ai_gateway_gateway=\"other\"")).unwrap();
    assert!(rest.contains("gen_ai_request_model=\"other\"") && rest.ends_with(" 95"), "{rest}");
}
