//! Migration of a file from an earlier release.

use rusqlite::Connection;
use tower_ai_gateway::log::{JsonLines, LogQuery, LogRecord, LogSink as _, LogStore};

use crate::log_sqlite::log::{Directory, record, write};

/// A file with schema 2: records of all kinds, one with feedback, one with bodies, some with
/// numbers that no column represents exactly.
const SCHEMA_2: &str = include_str!("schema-2.sql");

/// The records as that release returned them.
fn answers(connection: &Connection) -> Vec<LogRecord> {
    let sql = "SELECT record, request_head, response_head FROM records ORDER BY seq";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let record: String = row.get(0)?;
        let mut record: LogRecord = serde_json::from_str(&record).unwrap();
        record.request_head = row.get(1)?;
        record.response_head = row.get(2)?;
        Ok(record)
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_file_of_the_previous_release_keeps_every_record_exactly() {
    let directory = Directory::new();
    let old = Connection::open(directory.file()).unwrap();
    old.execute_batch(SCHEMA_2).unwrap();
    let expected = answers(&old);
    assert_eq!(expected.len(), 18);
    drop(old);

    let store = LogStore::open(directory.file()).unwrap();
    for record in &expected {
        let found = store.get(&record.id).unwrap();
        assert_eq!(found.as_ref(), Some(record));
        let json = |record| serde_json::to_string(record).unwrap();
        assert_eq!(json(&found.unwrap()), json(record));
    }
    let mut query = LogQuery::default();
    query.oldest_first = true;
    let listed = store.query(&query).unwrap().logs;
    assert_eq!(listed.len(), 18);
    for mut record in expected {
        let found = listed.iter().find(|found| found.id == record.id).unwrap();
        (record.request_head, record.response_head) = (None, None);
        assert_eq!(*found, record);
    }
    let count = |change: &dyn Fn(&mut LogQuery)| {
        let mut query = LogQuery::default();
        change(&mut query);
        store.count(&query).unwrap()
    };
    assert_eq!(count(&|query| query.subject = Some("red/alice".to_owned())), 1);
    assert_eq!(count(&|query| query.labels = vec![("team".to_owned(), "red".to_owned())]), 1);
    assert_eq!(count(&|query| query.metadata = vec![("b".to_owned(), "true".to_owned())]), 1);
    assert_eq!(count(&|query| query.event_id = Some("mine, and not a uuid".to_owned())), 1);
    assert_eq!(count(&|query| query.feedback = Some(-1)), 1);

    // The file continues to work as a log.
    write(&store, &[record(1)]);
    assert_eq!(count(&|_| ()), 19);
    drop(store);
    assert_eq!(LogStore::open(directory.file()).unwrap().count(&LogQuery::default()).unwrap(), 19);
}

#[test]
fn a_json_line_equals_that_of_the_previous_release() {
    let old = Connection::open_in_memory().unwrap();
    old.execute_batch(SCHEMA_2).unwrap();
    let mut statement = old.prepare("SELECT record FROM records").unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    let records: Vec<LogRecord> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut written = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    JsonLines::new(Sent(sender)).write(&records).unwrap();
    while let Ok(bytes) = receiver.try_recv() {
        written.extend(bytes);
    }
    assert_eq!(String::from_utf8(written).unwrap(), lines.join("\n") + "\n");
}

/// A writer that passes its bytes to a receiver.
struct Sent(std::sync::mpsc::Sender<Vec<u8>>);

impl std::io::Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Typical exchanges: SDK paths, usage, and generated ids.
fn typical(number: usize) -> LogRecord {
    let model = ["grok-4.3", "gpt-5.2-mini", "claude-sonnet-4-5"][number % 3];
    let id =
        format!("019ebad4-{:04x}-7{:03x}-8a5f-{:012x}", number / 100, number % 4096, number * 7919);
    let created = jiff::Timestamp::from_millisecond(1_780_000_000_000 + 13 * number as i64);
    serde_json::from_value(serde_json::json!({
        "id": id, "event_id": id, "created_at": created.unwrap().to_string(),
        "account": "8f2d1c", "gateway": "production", "provider": "openai",
        "model": model, "request_model": model, "model_type": "chat", "request_type": "native",
        "method": "POST", "path": "/v1/8f2d1c/production/openai/v1/chat/completions",
        "duration": 812.345_678 + number as f64, "request_content_type": "application/json",
        "response_content_type": "text/event-stream; charset=utf-8",
        "user_agent": "AsyncOpenAI/Python 2.8.0", "status_code": 200, "success": true,
        "outcome": "complete", "stream": true, "terminal": "done", "attempts": 1,
        "metering": "complete", "tokens_in": 1900 + number, "tokens_out": 400 + number,
        "usage_metadata": {
            "input_uncached": 36 + number, "cache_read": 1864, "audio_input": 0, "audio_output": 0,
            "output_visible": 400 + number, "reasoning": 0, "total_reported": 2300 + 2 * number,
            "service_tier": "default",
        },
        "cost": (1_234_567 + number) as f64 / 1e10, "cost_ticks": 1_234_567 + number,
        "cost_source": "table 2026-05-01", "provider_request_id": format!("req_{number:024x}"),
        "metadata": { "user": format!("u-{}", number % 500), "team": "search" },
        "timings": {
            "to_head": 410.123_456, "to_first_data": 420.123_457, "to_first_token": 421.000_001,
            "inter_token": 9.876_543, "overhead": 0.031_337,
        },
        "request_size": 21_504, "response_size": 104_448,
    }))
    .unwrap()
}

#[test]
fn a_record_without_bodies_takes_at_most_800_bytes_on_disk() {
    const RECORDS: usize = 5000;
    let directory = Directory::new();
    let store = LogStore::open(directory.file()).unwrap();
    let records: Vec<_> = (0..RECORDS).map(typical).collect();
    for batch in records.chunks(200) {
        write(&store, batch);
    }
    assert_eq!(store.get(&records[4321].id).unwrap().as_ref(), Some(&records[4321]));
    drop(store);
    let connection = Connection::open(directory.file()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let size = number("page_count").unwrap() * number("page_size").unwrap();
    let each = size / RECORDS as i64;
    println!("{each} bytes a record");
    assert!(each < 800, "{each} bytes a record");
}
