//! Answers from a cache in the log.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tower_ai_gateway::EndEvent;
use tower_ai_gateway::hook::CacheStatus::{Hit, Miss, Stale};
use tower_ai_gateway::log::LogRecord;

use super::scene::{Reply, chat, exchange, layer};

#[tokio::test]
async fn the_saving_is_logged() {
    let records = Arc::new(Mutex::new(Vec::new()));
    let reported = records.clone();
    let hook = move |end: &EndEvent<'_>| reported.lock().unwrap().push(LogRecord::new(end));
    let layer = layer(hook);
    for reply in [Reply::chat().by(Miss), Reply::chat().by(Hit), Reply::stream().by(Stale)] {
        exchange(&layer, chat(), reply).await;
    }
    let records = records.lock().unwrap().clone();
    let of = |record: &LogRecord| {
        let Value::Object(all) = serde_json::to_value(record).unwrap() else { unreachable!() };
        let named = ["cached", "cache_status", "tokens_in", "cost_ticks", "cost_source"];
        let saved = ["saved_tokens", "saved_cost", "saved_cost_ticks"];
        let all = [&named[..], &saved].concat().into_iter().filter_map(|name| {
            let value = all.get(name)?;
            Some((name.to_owned(), value.clone()))
        });
        Value::Object(all.collect())
    };
    let saved = |status| {
        json!({
            "cached": true, "cache_status": status, "tokens_in": null, "cost_ticks": 0,
            "cost_source": "cache", "saved_tokens": 268, "saved_cost": 0.000_224_48,
            "saved_cost_ticks": 2_244_800,
        })
    };
    let fresh = json!({
        "cached": false, "cache_status": "MISS", "tokens_in": 204, "cost_ticks": 2_244_800,
        "cost_source": "reported",
    });
    let records: Vec<_> = records.iter().map(of).collect();
    assert_eq!(records, [fresh, saved("HIT"), saved("STALE")]);
}
