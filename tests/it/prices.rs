//! Costs from the price table: of the served model and tier, or unknown.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::usage::{Date, Price, PriceTable, Prices, Tier, TokenPrice};
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider, RequestBody};

use crate::support::memory;
use crate::support::metered::{CHAT, Scene};

#[tokio::test]
async fn the_price_is_that_of_the_served_model_and_tier_or_unknown() {
    let prices = Prices::default();
    let mut scene = Scene::with(|layer| layer.prices(prices.clone())).await;
    let price = Price::per_token(TokenPrice::new(10, 1, 100)).snapshots(true);
    prices.insert("grok/m", price.clone().tier(Tier::percent("flex", 50)));
    prices.insert("grok/untiered", price);
    for (model, tier, total, expected) in [
        ("m", "null", 110, Some(2000)),
        ("m-2026-10-01", "null", 110, Some(2000)),
        ("m", r#""default""#, 110, Some(2000)),
        ("m", r#""flex""#, 110, Some(1000)),
        ("untiered", r#""flex""#, 110, None),
        ("m", r#""scale""#, 110, None),
        ("other", "null", 110, None),
        // A total that does not match.
        ("m", "null", 999, None),
    ] {
        let usage =
            format!(r#"{{"prompt_tokens":100,"completion_tokens":10,"total_tokens":{total}}}"#);
        let body =
            format!(r#"{{"model":"{model}","service_tier":{tier},"choices":[],"usage":{usage}}}"#);
        let end = scene.json(CHAT, &body).await;
        assert_eq!(end.cost.map(|cost| cost.ticks), expected, "{body}");
        assert_eq!(end.usage.unwrap().input(), Some(100));
    }
}

#[tokio::test]
async fn an_empty_name_in_the_response_leaves_the_price_to_the_requests_model() {
    let prices = Prices::default();
    let mut scene = Scene::with(|layer| layer.prices(prices.clone())).await;
    prices.insert("grok/grok-4", Price::per_token(TokenPrice::new(10, 1, 100)));
    for model in [r#""model":"","#, ""] {
        let body = format!(
            r#"{{{model}"choices":[],"usage":{{"prompt_tokens":100,"completion_tokens":10}}}}"#
        );
        assert_eq!(scene.json(CHAT, &body).await.cost.unwrap().ticks, 2000, "{body}");
    }
}

#[tokio::test]
async fn another_name_of_the_requests_model_has_its_price() {
    let prices = Prices::new(PriceTable::empty(Date::default()));
    let mut scene = Scene::with(|layer| layer.prices(prices.clone())).await;
    prices.insert("grok/grok-4", Price::per_token(TokenPrice::new(10, 1, 100)));
    for (model, ticks) in [("grok-4-0709", Some(2000)), ("grok-4-heavy", None), ("grok-5", None)] {
        let body = format!(
            r#"{{"model":"{model}","choices":[],"usage":{{"prompt_tokens":100,"completion_tokens":10}}}}"#
        );
        assert_eq!(scene.json(CHAT, &body).await.cost.map(|cost| cost.ticks), ticks, "{model}");
    }
    prices.insert("grok/grok-4-0709", Price::per_token(TokenPrice::new(20, 2, 200)));
    let body = r#"{"model":"grok-4-0709","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":10}}"#;
    assert_eq!(scene.json(CHAT, body).await.cost.unwrap().ticks, 4000, "its own row comes first");
}

/// The cost of a request to this path, if the provider answers from `served`.
async fn cost_at(path: &str, row: &str, served: &str) -> Option<u64> {
    let mut table = PriceTable::empty(Date::default());
    table.insert(row, Price::per_token(TokenPrice::new(10, 1, 100)));
    let seen = Arc::new(Mutex::new(None));
    let hook = seen.clone();
    let layer = GatewayLayer::builder()
        .providers([Provider::bedrock("us-east-1"), Provider::azure_openai("resource")])
        .prices(Prices::new(table))
        .metrics_hook(move |end: &EndEvent<'_>| {
            *hook.lock().unwrap() = end.cost.map(|cost| cost.ticks);
        })
        .build()
        .unwrap();
    let answer = format!(
        r#"{{"type":"message","model":"{served}","usage":{{"input_tokens":100,"output_tokens":10}}}}"#
    );
    let provider = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let answer = Full::<Bytes>::from(answer.clone());
        async move {
            request.into_body().collect().await.unwrap();
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(answer).unwrap())
        }
    });
    let request = Request::post(format!("/v1/acct/gw/{path}"))
        .header("authorization", "Bearer test-key")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from("{}"))
        .unwrap();
    let service = layer.upstream(provider).layer(service_fn(memory::app));
    service.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    seen.lock().unwrap().take()
}

#[tokio::test]
async fn the_model_in_the_path_has_its_price_whatever_the_response_calls_it() {
    let row = "aws-bedrock/us.anthropic.claude-x-v1:0";
    let path = "aws-bedrock/model/us.anthropic.claude-x-v1%3A0/invoke";
    for served in ["claude-x", "claude-x-20260101", "an-internal-name"] {
        assert_eq!(cost_at(path, row, served).await, Some(2000), "{served}");
    }
    let path = "azure-openai/resource/mine/chat/completions";
    assert_eq!(cost_at(path, "azure-openai/mine", "gpt-x").await, Some(2000));
    assert_eq!(cost_at(path, "azure-openai/another", "gpt-x").await, None);
}
