//! The warning about the first answer with an unsupported compression is logged once.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider};

use crate::support::scripted::{Reply, Step, Upstream};
use crate::support::written::Written;

/// A coding that no feature supports.
const UNKNOWN: &[(&str, &str)] =
    &[("content-type", "application/json"), ("content-encoding", "compress")];
const GZIP: &[(&str, &str)] = &[("content-type", "application/json"), ("content-encoding", "gzip")];
const PLAIN: &[(&str, &str)] = &[("content-type", "application/json")];

fn layer() -> GatewayLayer {
    let hook = |_: &EndEvent<'_>| {};
    GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook).build().unwrap()
}

async fn exchange(
    layer: &GatewayLayer,
    method: Method,
    path: &str,
    headers: &'static [(&'static str, &'static str)],
) {
    let upstream = Upstream::always(Reply::status(200).headers(headers).steps(&[Step::Data("{}")]));
    let uri = format!("/v1/acct/gw/grok/v1/{path}");
    let request = Request::builder().method(method).uri(uri).body(Full::<Bytes>::default());
    let response = layer.client_layer().layer(upstream).oneshot(request.unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn the_first_unmetered_response_of_a_layer_is_reported() {
    let (lines, _guard) = Written::capture();
    let first = layer();
    exchange(&first, Method::POST, "chat/completions", PLAIN).await;
    assert_eq!(lines.warnings(), [""; 0]);
    for _ in 0..3 {
        exchange(&first, Method::POST, "chat/completions", UNKNOWN).await;
    }
    let warnings = lines.warnings();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for part in ["not metered", "`decompression`", "grok", "chat"] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    exchange(&layer(), Method::POST, "chat/completions", UNKNOWN).await;
    assert_eq!(lines.warnings().len(), 2, "another layer has a word of its own");
}

#[tokio::test]
async fn no_warning_about_free_responses() {
    let (lines, _guard) = Written::capture();
    let layer = layer();
    exchange(&layer, Method::GET, "models", UNKNOWN).await;
    exchange(&layer, Method::POST, "messages/count_tokens", UNKNOWN).await;
    assert_eq!(lines.warnings(), [""; 0]);
}

#[tokio::test]
async fn no_warning_if_metering_is_off() {
    let (lines, _guard) = Written::capture();
    let layer = GatewayLayer::builder().provider(Provider::xai()).usage_limit(0).build().unwrap();
    exchange(&layer, Method::POST, "chat/completions", UNKNOWN).await;
    assert_eq!(lines.warnings(), [""; 0]);
}

#[tokio::test]
async fn gzip_is_read_with_the_feature_and_reported_without() {
    let (lines, _guard) = Written::capture();
    exchange(&layer(), Method::POST, "chat/completions", GZIP).await;
    let warnings = lines.warnings();
    if cfg!(feature = "decompression") {
        assert_eq!(warnings, [""; 0]);
    } else {
        assert!(warnings[0].contains("without the feature `decompression`"), "{warnings:?}");
    }
}
