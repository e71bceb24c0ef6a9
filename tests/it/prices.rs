//! Costs from the price table: of the served model and tier, or unknown.

use tower_ai_gateway::usage::{Price, Prices, Tier, TokenPrice};

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
