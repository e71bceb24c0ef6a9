//! A log in a temporary directory, and its router on a socket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Router;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_ai_gateway::log::{LogRecord, LogSink as _, LogStore};

use crate::support::message::{Message, request};
use crate::support::wire::Wire;

/// The instant of the first of many records.
pub const START: i64 = 1_700_000_000_000;

/// A directory that is removed after the test.
pub struct Directory(TempDir);

impl Directory {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self) -> PathBuf {
        self.path().join("log.db")
    }
}

/// A store with a served router.
pub struct Log {
    pub store: LogStore,
    pub addr: SocketAddr,
    pub directory: Directory,
}

impl Log {
    pub async fn start() -> Self {
        Self::of(|store| store).await
    }

    /// A log with this change of its settings.
    pub async fn of(change: impl FnOnce(LogStore) -> LogStore) -> Self {
        let directory = Directory::new();
        let store = change(LogStore::open(directory.file()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = Router::new().nest("/observe", store.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { store, addr, directory }
    }

    pub async fn with(records: &[LogRecord]) -> Self {
        let log = Self::start().await;
        write(&log.store, records);
        log
    }

    pub async fn send(&self, method: &str, path: &str, body: &[u8]) -> Message {
        let mut wire = Wire::connect(self.addr).await;
        wire.send(request(&format!("{method} /observe{path}"), &["connection: close"], body)).await;
        wire.read_message().await
    }

    /// The JSON of a `200`.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, b"").await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(answer.head.get("content-type"), Some("application/json"));
        assert_eq!(answer.head.get("cache-control"), Some("no-store"));
        answer.json()
    }

    /// The ids on one page.
    pub async fn ids(&self, query: &str) -> Vec<String> {
        ids(&self.get(&format!("/logs?{query}")).await)
    }
}

pub fn ids(page: &Value) -> Vec<String> {
    let logs = page["logs"].as_array().unwrap();
    logs.iter().map(|log| log["id"].as_str().unwrap().to_owned()).collect()
}

pub fn write(store: &LogStore, records: &[LogRecord]) {
    store.sink().write(records).unwrap();
}

pub fn id(number: usize) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// A successful exchange that arrived `number` seconds after the start, as JSON of a record.
pub fn json(number: usize) -> Value {
    let created_at = jiff::Timestamp::from_millisecond(START + 1000 * number as i64).unwrap();
    json!({
        "id": id(number), "created_at": created_at.to_string(), "event_id": format!("event-{number}"),
        "gateway": "gw", "provider": "grok", "model": "grok-4", "model_type": "chat",
        "method": "POST", "path": "/v1/acct/gw/grok/v1/chat/completions", "duration": 100.0,
        "status_code": 200, "success": true, "outcome": "complete", "metering": "full",
    })
}

pub fn record(number: usize) -> LogRecord {
    serde_json::from_value(json(number)).unwrap()
}

/// Records that differ in all queryable fields.
pub fn various(count: usize) -> Vec<LogRecord> {
    let various = |number: usize| {
        let mut record = record(number);
        record.provider =
            (!number.is_multiple_of(7)).then(|| ["grok", "openai"][number % 2].to_owned());
        record.model =
            (number % 7 > 1).then(|| ["grok-4", "gpt-5", "100%_'\""][number % 3].to_owned());
        record.model_type = ["chat", "responses", "embeddings"][number / 2 % 3].to_owned();
        record.outcome =
            ["complete", "rejected", "failed", "broken", "cancelled"][number % 5].to_owned();
        record.status_code = (number % 5 != 2).then(|| [200, 400, 404, 429, 502][number / 3 % 5]);
        record.success = number.is_multiple_of(5) && record.status_code == Some(200);
        record.cached = number.is_multiple_of(4);
        record.cache_entry = record.cached.then(|| format!("{number:080}"));
        record.stream = number.is_multiple_of(3);
        record.tokens_in = (!number.is_multiple_of(6)).then_some(number as u64 * 10);
        record.tokens_out = (!number.is_multiple_of(6)).then_some(number as u64);
        record.cost_ticks = (number % 6 > 1).then_some(number as u64 * 1_000_000_000);
        record.cost_unknown = record.cost_ticks.is_none() && number.is_multiple_of(5);
        record.duration = 1.5 * (number * 37 % 101) as f64;
        record.timings.to_first_token = record.stream.then_some((number * 53 % 97) as f64 + 0.25);
        record.feedback = [None, Some(1), Some(-1)][number % 3];
        record.metadata = serde_json::from_value(json!({
            "team": (["red", "blue"][number / 2 % 2]), "other": (["blue", "red"][number / 3 % 2]),
            "number": number % 4, "flag": number.is_multiple_of(2),
        }))
        .unwrap();
        record
    };
    (0..count).map(various).collect()
}
