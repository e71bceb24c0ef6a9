//! The number of series is bounded, and what one exchange adds to a counter.

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
    let path = format!("/v1/acct/gw-{gateway}/grok/v1/chat/completions");
    echo(layer, path, format!(r#"{{"model":"model-{model}"}}"#)).await;
}

/// An exchange whose response is its request.
async fn echo(layer: &GatewayLayer, path: String, body: String) {
    let client = service_fn(|request: Request<crate::RequestBody<Full<Bytes>>>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::new(body)).unwrap())
    });
    let request = Request::post(path).body(Full::from(body)).unwrap();
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

#[tokio::test]
async fn one_absurd_number_does_not_reset_a_counter() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let builder = GatewayLayer::builder().provider(Provider::xai());
    let layer = builder.metrics_hook(Metrics::new().recorder(recorder)).build().unwrap();
    for number in [5, u64::MAX] {
        let usage = format!(
            r#"{{"prompt_tokens":1,"completion_tokens":{number},"cost_in_usd_ticks":{number}}}"#
        );
        let body = format!(r#"{{"model":"m","choices":[],"usage":{usage}}}"#);
        echo(&layer, "/v1/a/g/grok/v1/chat/completions".to_owned(), body).await;
    }
    let page = handle.render();
    let value = |start: &str, label: &str| {
        let of = |line: &&str| line.starts_with(start) && line.contains(label);
        let line = page.lines().find(of).unwrap_or_else(|| panic!("{start}: {page}"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let most = (1 << 53) + 5;
    assert_eq!(value("ai_gateway_cost_ticks", "reported"), most);
    assert_eq!(value("ai_gateway_tokens", "\"output\""), most);
}
