//! Answers from a cache in spans.

use serde_json::json;
use tower_ai_gateway::hook::CacheStatus::{Hit, Miss};
use tower_ai_gateway::otel::SpanHook;

use super::scene::{Reply, chat, exchange, layer};
use crate::support::collector::{Collector, flush, object};

#[tokio::test]
async fn the_saving_is_an_attribute() {
    let collector = Collector::start().await;
    let tracing = collector.provider(|provider| provider);
    let layer = layer(SpanHook::from_provider(&tracing));
    for status in [Miss, Hit] {
        exchange(&layer, chat(), Reply::chat().by(status)).await;
    }
    flush(&tracing).await;
    let mut reported = Vec::new();
    for (_, span) in collector.spans() {
        let attributes = object(&span.attributes);
        let of = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| attributes.get(*name).cloned().unwrap_or_default()).collect()
        };
        reported.push(json!({
            "status": of(&["ai_gateway.cache_status", "ai_gateway.attempts"]),
            "spent": of(&["gen_ai.usage.input_tokens", "ai_gateway.cost.ticks"]),
            "source": of(&["ai_gateway.cost.source"]),
            "tokens": of(&["ai_gateway.saved.input_tokens", "ai_gateway.saved.output_tokens"]),
            "cost": of(&["ai_gateway.saved.cost.ticks", "ai_gateway.saved.cost.usd"]),
        }));
    }
    reported.sort_by_key(|reported| reported["status"].to_string());
    let hit = json!({
        "status": ["HIT", 0], "spent": [null, 0], "source": ["cache"], "tokens": [204, 64],
        "cost": [2_244_800, 0.000_224_48],
    });
    let miss = json!({
        "status": ["MISS", 1], "spent": [204, 2_244_800], "source": ["reported"],
        "tokens": [null, null], "cost": [null, null],
    });
    assert_eq!(reported, [hit, miss]);
}
