//! `GET /metrics`: the gateway's metrics, in Prometheus' text format.

mod histograms;

use axum::Router;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{Counter, Key, KeyName, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tower_ai_gateway::metrics::Metrics;
use tower_ai_gateway::usage::Prices;

use self::histograms::Histograms;
use super::admin::{self, Guard};
use super::log;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

// The boundaries that OpenTelemetry's conventions for generative AI recommend.
const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// From 5 µs.
const OVERHEAD: [f64; 12] =
    [5e-6, 1e-5, 2e-5, 4e-5, 8e-5, 1.6e-4, 3.2e-4, 6.4e-4, 1.28e-3, 1e-2, 1e-1, 1.0];

/// The hook that measures, and the route that shows it, with `more` at the end of the page.
pub(crate) fn start(
    guard: Guard,
    prices: Prices,
    more: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> (Metrics, Router) {
    // Adds `_total` to counters, and units.
    let exporter = PrometheusBuilder::new().with_recommended_naming(true).build_recorder();
    let handle = exporter.handle();
    let dropped = dropped_lines(&exporter);
    let histograms = Histograms::new(bounds);
    let recorder = histograms.over(exporter);
    let page = get(|| async move {
        dropped.absolute(log::stderr().dropped());
        page(handle.render() + &histograms.render() + &more())
    });
    let router = Router::new()
        .route("/metrics", page)
        .layer(middleware::from_fn_with_state(guard, admin::guard));
    (Metrics::new().recorder(recorder).prices(prices), router)
}

fn bounds(histogram: &str) -> &'static [f64] {
    match histogram {
        "gen_ai.client.token.usage" => &TOKENS,
        "ai_gateway.overhead" => &OVERHEAD,
        _ => &SECONDS,
    }
}

/// Counts dropped lines of standard error: see [`log::Lines`].
fn dropped_lines(recorder: &PrometheusRecorder) -> Counter {
    const NAME: &str = "ai_gateway.log.lines.dropped";
    let what = "Log lines that standard error did not accept, or not in time.";
    recorder.describe_counter(KeyName::from_const_str(NAME), None, what.into());
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    recorder.register_counter(&Key::from_static_name(NAME), &metadata)
}

fn page(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;
    use http_body_util::BodyExt;
    use tower::{Layer, ServiceExt};
    use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};

    use super::*;
    use crate::gateway::mock;

    #[tokio::test]
    async fn exchanges_are_counted_on_the_page() {
        let (hook, app) = start(Guard::from_env().unwrap(), Prices::default(), String::new);
        let mock = format!("http://{}/v1", mock::start().await.unwrap());
        let layer = GatewayLayer::builder()
            .provider(Provider::xai().base_url(mock))
            .metrics_hook(hook)
            .build()
            .unwrap();
        let gateway = layer.upstream(HttpClient::new().unwrap()).layer(app);

        let ask = r#"{"model":"grok-4.3","messages":[{"role":"user","content":"hello"}]}"#;
        let request = http::Request::post("/v1/acct/gw/grok/v1/chat/completions")
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .body(ask.to_owned())
            .unwrap();
        let answer = gateway.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer = answer.into_body().collect().await.unwrap().to_bytes();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();

        let scrape = |host: &str| {
            let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9)));
            let request = http::Request::get("/metrics").header("host", host).extension(peer);
            gateway.clone().oneshot(request.body(String::new()).unwrap())
        };
        let refused = scrape("gateway.example").await.unwrap();
        assert_eq!(refused.status(), 403);
        let page = scrape("127.0.0.1:8787").await.unwrap();
        assert_eq!(page.headers()["content-type"], CONTENT_TYPE);
        let page = page.into_body().collect().await.unwrap().to_bytes();
        let page = str::from_utf8(&page).unwrap();
        let line = |begin: &str, with: &str| {
            let mut lines = page.lines();
            let line = lines.find(|line| line.starts_with(begin) && line.contains(with));
            line.unwrap_or_else(|| panic!("no {begin} with {with} in {page}")).to_owned()
        };
        let ticks = line("ai_gateway_cost_ticks_total{", "ai_gateway_cost_source=\"reported\"");
        assert!(ticks.ends_with(&format!(" {}", answer["usage"]["cost_in_usd_ticks"])), "{ticks}");
        for (bucket, bound) in [
            ("gen_ai_client_operation_duration_seconds_bucket{", "le=\"81.92\"} 1"),
            ("gen_ai_client_token_usage_bucket{", "le=\"67108864\"} 1"),
            ("ai_gateway_overhead_seconds_bucket{", "le=\"1\"} 1"),
        ] {
            assert!(line(bucket, bound).contains("gen_ai_provider_name=\"x_ai\""));
        }
    }
}
