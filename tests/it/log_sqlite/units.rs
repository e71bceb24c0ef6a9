//! Units other than tokens, and shares of several models: written, read, summed up.

use serde_json::{Value, json};
use tower_ai_gateway::log::LogRecord;

use crate::log_sqlite::log::{Log, START, json as plain};

fn record(number: usize, operation: &str, usage: &Value) -> LogRecord {
    let mut record = plain(number);
    record["model_type"] = json!(operation);
    record["usage_metadata"] = usage.clone();
    serde_json::from_value(record).unwrap()
}

#[tokio::test]
async fn every_unit_is_stored_exactly_and_summed_up() {
    let parts = json!([
        { "model": null, "usage": { "input_uncached": 5, "output_visible": 1 } },
        { "model": "claude-haiku", "usage": { "cache_write_long": 9_007_199_254_740_993_u64 } },
    ]);
    let details = json!({
        "cache_write_long": 4, "audio_input": 5, "image_input": 6, "audio_output": 8,
        "image_output": 9_007_199_254_740_993_u64, "parts": parts,
    });
    let largest = json!({ "pages": u64::MAX });
    let records = [
        record(0, "images", &json!({ "images": 3 })),
        record(1, "transcription", &json!({ "duration_ms": 90_061_500 })),
        record(2, "transcription", &json!({ "duration_ms": 500 })),
        record(3, "speech", &json!({ "characters": 4096 })),
        record(4, "rerank", &json!({ "search_units": 2 })),
        record(5, "ocr", &json!({ "pages": 7 })),
        record(6, "messages", &details),
        record(7, "ocr", &largest),
        record(8, "ocr", &largest),
        record(9, "ocr", &largest),
        record(10, "video", &json!({ "duration_ms": 4000 })),
    ];
    let log = Log::with(&records).await;
    for record in &records {
        let kept = log.store.get(&record.id).unwrap().unwrap();
        assert_eq!(kept, *record);
        let sent = log.get(&format!("/logs/{}", record.id)).await;
        assert_eq!(sent, serde_json::to_value(record).unwrap(), "to the last digit");
    }
    let shown = &log.get(&format!("/logs/{}", records[6].id)).await["usage_metadata"]["parts"];
    assert_eq!(shown[1]["usage"]["cache_write_long"], 9_007_199_254_740_993_u64);
    assert_eq!(log.ids("operation=transcription").await.len(), 2);
    assert_eq!(log.ids("operation=video").await.len(), 1);

    let range = format!("/summary?from={START}&to={}&bucket=1000", START + 11_000);
    let summary = log.get(&range).await;
    let totals = &summary["totals"];
    for (name, sum) in [
        ("images", 3),
        ("duration_ms", 90_066_000),
        ("characters", 4096),
        ("search_units", 2),
        ("pages", u64::MAX),
    ] {
        assert_eq!(totals[name], sum, "{name}");
    }
    assert_eq!(summary["buckets"][5]["pages"], 7);
    assert_eq!(summary["buckets"][5].get("images"), None, "what there is none of is left out");
}
