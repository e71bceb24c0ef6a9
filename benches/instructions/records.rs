//! The records of a log, and its writer's work.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_ai_gateway::EndEvent;
use tower_ai_gateway::internals::prepare;
use tower_ai_gateway::log::{LogRecord, LogSink};

use crate::count::{TIMES, counted, each_time};

/// A typical record of an exchange without bodies.
pub(crate) fn record(number: u32) -> LogRecord {
    let json = r#"{
        "id": "019ebad4-0001-7000-8000-000000000000", "created_at": "2026-06-01T10:00:00.123Z",
        "event_id": "019ebad4-0001-7000-8000-000000000000", "account": "acct", "gateway": "gw",
        "provider": "grok", "model": "grok-4.3", "request_model": "grok-4.3",
        "model_type": "chat", "request_type": "native", "method": "POST",
        "path": "/v1/acct/gw/grok/v1/chat/completions", "duration": 812.345678,
        "request_content_type": "application/json", "response_content_type": "application/json",
        "user_agent": "OpenAI/JS 6.49.0", "status_code": 200, "success": true,
        "outcome": "complete", "terminal": "json", "attempts": 1, "metering": "complete",
        "tokens_in": 32, "tokens_out": 9, "usage_metadata": {
            "input_uncached": 26, "cache_read": 6, "output_visible": 9, "reasoning": 0,
            "total_reported": 41, "service_tier": "default"
        },
        "cost": 0.0000561, "cost_ticks": 561000, "cost_source": "reported",
        "provider_request_id": "1",
        "timings": { "to_head": 810.123456, "to_first_data": 811.1, "overhead": 0.031337 },
        "request_size": 1024, "response_size": 1024
    }"#;
    let mut record: LogRecord = serde_json::from_str(json).unwrap();
    record.id = format!("019ebad4-0001-7000-8000-{number:012x}");
    record.event_id.clone_from(&record.id);
    record
}

/// The log writer's work for a batch of records.
pub(crate) fn written(sink: &mut impl LogSink, batch: u32) {
    let mut numbers = 0..;
    each_time(
        || numbers.by_ref().take(batch as usize).map(record).collect::<Vec<_>>(),
        |mut records| {
            records.iter_mut().for_each(prepare);
            sink.write(&records).unwrap();
            records
        },
    );
}

/// A hook that makes a record of each exchange. The first records are not counted.
pub(crate) fn each_record() -> impl Fn(&EndEvent<'_>) {
    let made = AtomicUsize::new(0);
    move |end| {
        let is_counted = made.fetch_add(1, Ordering::Relaxed) >= TIMES;
        let new = || LogRecord::new(end);
        drop(black_box(if is_counted { counted(new) } else { new() }));
    }
}
