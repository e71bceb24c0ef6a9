//! Allocations of a log's record: one more copy of a text is noticed.

use serde_json::json;
use tower_ai_gateway::log::{JsonLines, LogRecord, LogSink, LogStore};

use super::*;

/// A new record of an exchange: an allocation per text, and none to make them.
const FILLED: u64 = 15;
/// A row of a record with labels, metadata and flags: the JSON of members that few records have.
const ROW: u64 = 3;

#[test]
fn a_record_is_filled_with_one_copy_of_each_text() {
    let native = "/v1/acct/gw/grok/v1/chat/completions";
    let of = |hook: fn(&EndEvent<'_>)| {
        let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook);
        allocations(&layer.build().unwrap().client_layer().layer(AtOnce), native)
    };
    let filled = of(|end| drop(LogRecord::new(end))) - of(|_| ());
    println!("allocations of a new record: {filled}");
    assert_eq!(filled, FILLED);
}

/// Records of different exchanges.
fn records(from: usize, count: usize) -> Vec<LogRecord> {
    let record = |number: usize| {
        let id = format!("01900000-0000-7000-8000-{number:012}");
        let record = json!({
            "id": id, "event_id": id, "created_at": "2026-06-01T10:00:00.123Z", "gateway": "gw",
            "provider": "grok", "model": "grok-4", "path": "/v1/chat/completions",
            "groups": ["staff"], "labels": { "team": "red" }, "metadata": { "user": "u" },
            "flags": ["pii"], "limits": ["daily"], "session": "s", "affinity": "kept",
            "usage_metadata": { "input_uncached": 7, "parts": [{ "model": "m" }] },
        });
        serde_json::from_value(record).unwrap()
    };
    (from..from + count).map(record).collect()
}

fn written(sink: &mut impl LogSink, batch: &[LogRecord]) -> u64 {
    measure(|| sink.write(batch).unwrap()).count_total
}

#[test]
fn a_row_copies_no_text() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = LogStore::open(directory.path().join("log.db")).unwrap().sink();
    written(&mut sink, &records(0, 1));
    let one = written(&mut sink, &records(1, 1));
    let eleven = written(&mut sink, &records(2, 11));
    println!("allocations of a row: {}, of a batch: {one}", (eleven - one) / 10);
    assert_eq!(eleven - one, 10 * ROW);
}

#[test]
fn a_line_allocates_nothing() {
    let mut sink = JsonLines::new(std::io::sink());
    written(&mut sink, &records(0, 20));
    assert_eq!(written(&mut sink, &records(1, 20)), 0);
}
