//! Compares sums and percentiles with a simple computation.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tower_ai_gateway::log::LogRecord;

use crate::log_sqlite::log::{Log, START, record, various};

fn percentiles(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    // The smallest value that at least this percentage does not exceed.
    let at = |percent: usize| {
        let reached = |value: &&f64| {
            values.iter().filter(|v| v <= value).count() * 100 >= percent * values.len()
        };
        values.iter().find(reached)
    };
    json!({ "p50": at(50), "p90": at(90), "p99": at(99) })
}

fn totals(records: &[&LogRecord]) -> Value {
    let count = |fits: &dyn Fn(&LogRecord) -> bool| records.iter().filter(|r| fits(r)).count();
    let sum =
        |of: &dyn Fn(&LogRecord) -> Option<u64>| records.iter().filter_map(|r| of(r)).sum::<u64>();
    let ticks = sum(&|r| r.cost_ticks);
    let cached = count(&|r| r.cached);
    json!({
        "requests": records.len(),
        "errors": count(&|r| !r.success && r.outcome != "rejected" && r.outcome != "cancelled"),
        "rejected": count(&|r| r.outcome == "rejected"),
        "cancelled": count(&|r| r.outcome == "cancelled"),
        "streams": count(&|r| r.stream),
        "cached": cached,
        "cache_rate": (!records.is_empty()).then(|| cached as f64 / records.len() as f64),
        "tokens_in": sum(&|r| r.tokens_in),
        "tokens_out": sum(&|r| r.tokens_out),
        "cost_ticks": ticks,
        "cost": ticks as f64 / 1e10,
        "cost_unknown": count(&|r| r.cost_unknown),
        "latency_ms": percentiles(records.iter().map(|r| r.duration).collect()),
        "ttft_ms": percentiles(records.iter().filter_map(|r| r.timings.to_first_token).collect()),
    })
}

/// Merges two objects.
fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    object.as_object_mut().unwrap().extend(more);
    object
}

fn expected(records: &[&LogRecord], from: i64, to: i64, bucket: i64) -> Value {
    let time = |record: &LogRecord| record.created_at.as_millisecond();
    let records: Vec<_> =
        records.iter().copied().filter(|r| (from..to).contains(&time(r))).collect();
    let starts = (0..).map(|n| from + n * bucket).take_while(|start| *start < to);
    let buckets: Vec<_> = starts
        .map(|start| {
            let within = start..start + bucket;
            let own: Vec<_> =
                records.iter().copied().filter(|r| within.contains(&time(r))).collect();
            with(json!({ "start": start }), totals(&own))
        })
        .collect();
    let mut models = BTreeMap::<_, Vec<_>>::new();
    for record in &records {
        models.entry((&record.provider, &record.model)).or_default().push(*record);
    }
    let mut models: Vec<_> = models.into_iter().collect();
    models.sort_by_key(|(_, own)| std::cmp::Reverse(own.len()));
    let models: Vec<_> = models
        .into_iter()
        .map(|((provider, model), own)| {
            with(json!({ "provider": provider, "model": model }), totals(&own))
        })
        .collect();
    json!({ "from": from, "to": to, "bucket": bucket, "totals": totals(&records),
        "buckets": buckets, "models": models })
}

#[tokio::test]
async fn sums_agree_with_the_records() {
    let records = various(200);
    let log = Log::with(&records).await;
    let all: Vec<_> = records.iter().collect();
    // The whole range, a part with a shortened last bucket, one bucket, and an empty range.
    for (from, to, bucket) in [
        (START, START + 200_000, 10_000),
        (START + 3_500, START + 100_001, 7_000),
        (START - 5_000, START + 300_000, 1_000_000),
        (START - 5_000, START, 1_000),
    ] {
        let path = format!("/summary?from={from}&to={to}&bucket={bucket}&provider=&model=");
        assert_eq!(log.get(&path).await, expected(&all, from, to, bucket), "{path}");
    }
    let (from, to, bucket) = (START, START + 200_000, 50_000);
    let range = format!("/summary?from={from}&to={to}&bucket={bucket}");
    let some: Vec<_> =
        all.iter().copied().filter(|r| r.provider.as_deref() == Some("grok")).collect();
    let summary = log.get(&format!("{range}&provider=grok")).await;
    assert_eq!(summary, expected(&some, from, to, bucket));
    let some: Vec<_> = some.into_iter().filter(|r| r.model.as_deref() == Some("gpt-5")).collect();
    assert!(!some.is_empty());
    let summary = log.get(&format!("{range}&provider=grok&model=gpt-5")).await;
    assert_eq!(summary, expected(&some, from, to, bucket));
    assert_eq!(
        log.get("/summary?from=0&to=500&bucket=1").await["buckets"].as_array().unwrap().len(),
        500
    );
}

#[tokio::test]
async fn sums_saturate() {
    let mut records: Vec<_> = (0..4).map(record).collect();
    for record in &mut records {
        record.cost_ticks = Some(u64::MAX);
        record.tokens_in = Some(u64::MAX - 1);
    }
    let log = Log::with(&records).await;
    let summary = log.get(&format!("/summary?from={START}&to={}", START + 10_000)).await;
    assert_eq!(summary["totals"]["cost_ticks"], u64::MAX);
    assert_eq!(summary["totals"]["tokens_in"], u64::MAX);
    assert_eq!(log.store.get(&records[0].id).unwrap().unwrap().cost_ticks, Some(u64::MAX));
    assert_eq!(log.ids("min_cost=1").await.len(), 4);
}

#[tokio::test]
async fn the_number_of_listed_models_is_bounded() {
    let mut records: Vec<_> = (0..251).map(record).collect();
    for (number, record) in records.iter_mut().enumerate().skip(1) {
        record.model = Some(format!("model-{number:03}"));
    }
    records[250].model = records[0].model.clone();
    let log = Log::with(&records).await;
    let summary = log.get(&format!("/summary?from={START}&to={}", START + 1_000_000)).await;
    let models = summary["models"].as_array().unwrap();
    assert_eq!((models.len(), &models[0]["model"]), (200, &json!("grok-4")));
    assert_eq!(summary["totals"]["requests"], 251);
}
