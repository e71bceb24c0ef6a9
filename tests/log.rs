//! One JSON line per exchange: what is in it, what is not, and what becomes of it.
#![allow(clippy::unwrap_used)]
#![recursion_limit = "256"]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use support::gateway::{Gateway, Setup};
use support::guard;
use support::message::{Message, chunk, request};
use support::raw_upstream::{RawUpstream, Recorder};
use tokio::sync::mpsc;
use tower_ai_gateway::EndEvent;
use tower_ai_gateway::log::{
    FlushReport, JsonLines, LogFile, LogHook, LogRecord, LogSink, SinkError,
};

const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
const JSON: &str = "content-type: application/json";
const PAYLOAD: &str = "cf-aig-collect-log-payload: true";
const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\n\
    transfer-encoding: chunked\r\n\r\n";
const LONG: Duration = Duration::from_secs(30);

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("gateway-log-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("gateway.jsonl")
    }

    /// All files, in the order of their names, the current one last.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort_by_key(|path| (*path == self.log(), path.clone()));
        files
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lines of a file, each of which is JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole: {text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Keeps records in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<LogRecord>>>);

impl Kept {
    fn take(&self) -> Vec<LogRecord> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl LogSink for Kept {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

/// A gateway with a log, and a signal when a record is in its queue.
struct Scene {
    gateway: Gateway,
    log: LogHook,
    ends: mpsc::UnboundedReceiver<()>,
}

impl Scene {
    async fn new(base: String, log: LogHook) -> Self {
        let (sender, ends) = mpsc::unbounded_channel();
        let told = move |_: &EndEvent<'_>| {
            let _ = sender.send(());
        };
        let hook = log.clone();
        let setup = Setup::new(base).layer(|layer| layer.metrics_hook(hook).metrics_hook(told));
        Self { gateway: setup.start().await, log, ends }
    }

    async fn ended(&mut self) {
        guard("the end of an exchange", self.ends.recv()).await.unwrap();
    }

    async fn answer(&mut self, request: Vec<u8>) -> Message {
        let answer = self.gateway.answer(request).await;
        self.ended().await;
        answer
    }

    /// Exchanges that need no provider, on one connection.
    async fn refuse(&mut self, count: usize) -> Vec<String> {
        let mut wire = self.gateway.connect().await;
        let mut ids = Vec::new();
        for _ in 0..count {
            let answer = wire.send_and_read(&request("GET /only/nosuch/x", &[], b"")).await;
            ids.push(answer.head.get("cf-aig-log-id").unwrap().to_owned());
            self.ended().await;
        }
        ids
    }

    fn flush(&self) -> FlushReport {
        self.log.flush(LONG)
    }

    /// Flushes, and everything must be written.
    #[track_caller]
    fn settle(&self) {
        let report = self.flush();
        assert!(report.is_complete() && report.counts.queued == 0, "{report}");
    }
}

async fn provider(answer: &'static [u8]) -> String {
    Recorder::answering(move |_| answer.to_vec()).await.base("/v1")
}

#[tokio::test]
async fn a_line_says_all_of_a_stream() {
    let directory = Directory::new();
    let mut upstream = RawUpstream::start().await;
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let mut client = scene.gateway.connect().await;
    let body = br#"{"model":"grok-4","stream":true,"messages":[]}"#;
    let headers = [
        "content-type: application/json; charset=utf-8",
        "user-agent: test/1.0",
        "cf-aig-event-id: mine",
        r#"cf-aig-metadata: {"team":"a","n":1.5,"b":true}"#,
        PAYLOAD,
    ];
    client.send(request(&format!("{CHAT}?a=b"), &headers, body)).await;
    let mut wire = upstream.accept().await;
    wire.read_message().await;
    let events = [
        r#"data: {"model":"grok-4-0709","service_tier":"default","choices":[{"delta":{"content":"a"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[{"delta":{"content":"b"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[{"delta":{"content":"c"}}]}"#,
        r#"data: {"model":"grok-4-0709","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":290},"server_side_tool_usage_details":{"web_search_calls":2,"mcp_calls":0},"cost_in_usd_ticks":2244800}}"#,
        "data: [DONE]",
    ];
    let stream: String = events.iter().map(|event| format!("{event}\n\n")).collect();
    wire.send(STREAM).await;
    for event in events {
        wire.send(chunk(format!("{event}\n\n").as_bytes())).await;
    }
    wire.send(chunk(b"")).await;
    let answer = client.read_message().await;
    scene.ended().await;
    scene.settle();

    let mut lines = lines(&directory.log());
    let [line] = &mut lines[..] else { panic!("{lines:?}") };
    let duration = line["duration"].as_f64().unwrap();
    let timings = line["timings"].clone();
    let [head, data, token, gap, overhead] =
        ["to_head", "to_first_data", "to_first_token", "inter_token", "overhead"]
            .map(|name| timings[name].as_f64().unwrap());
    assert!(0.0 < head && head <= data && data <= token && token < duration, "{timings}");
    assert!(0.0 < gap && gap < duration && 0.0 < overhead && overhead < duration, "{timings}");
    let created = line["created_at"].as_str().unwrap().to_owned();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
    let expected = json!({
        "id": answer.head.get("cf-aig-log-id").unwrap(),
        "created_at": created,
        "event_id": "mine",
        "account": "acct",
        "gateway": "gw",
        "provider": "grok",
        "model": "grok-4-0709",
        "request_model": "grok-4",
        "model_type": "chat",
        "request_type": "native",
        "method": "POST",
        "path": "/v1/acct/gw/grok/v1/chat/completions",
        "duration": duration,
        "request_content_type": "application/json; charset=utf-8",
        "response_content_type": "text/event-stream",
        "user_agent": "test/1.0",
        "status_code": 200,
        "success": true,
        "outcome": "complete",
        "failure": null,
        "gateway_code": null,
        "provider_error": null,
        "provider_request_id": "req-1",
        "stream": true,
        "terminal": "done",
        "cached": false,
        "cache_status": null,
        "step": 0,
        "attempts": 1,
        "metering": "complete",
        "tokens_in": 12,
        "tokens_out": 291,
        "usage_metadata": {
            "input_uncached": 8, "cache_read": 4, "cache_write": null, "output_visible": 1,
            "reasoning": 290, "total_reported": 303, "tool_calls": 2, "images": null,
            "tools": {
                "web_search": 2, "x_search": null, "code_interpreter": null, "file_search": null,
                "mcp": 0, "document_search": null, "image_generation": null,
            },
            "service_tier": "default", "inconsistent": false,
        },
        "cost": 0.000_224_48,
        "cost_ticks": 2_244_800,
        "cost_source": "reported",
        "custom_cost": false,
        "metadata": { "team": "a", "n": 1.5, "b": true },
        "timings": timings,
        "request_size": body.len(),
        "request_head": str::from_utf8(body).unwrap(),
        "request_head_complete": true,
        "response_size": stream.len(),
        "response_head": stream,
        "response_head_complete": true,
        "feedback": null,
        "score": null,
    });
    assert_eq!(*line, expected);
    let back: LogRecord = serde_json::from_value(line.clone()).unwrap();
    assert_eq!(serde_json::to_value(back).unwrap(), expected, "a line reads back as it was");
}

/// What a provider does with one exchange, and what the line says of it.
struct Case {
    name: &'static str,
    line: &'static str,
    answer: &'static [u8],
    client_leaves: bool,
    expected: Value,
}

fn cases() -> Vec<Case> {
    let case =
        |name, line, answer, expected| Case { name, line, answer, client_leaves: false, expected };
    vec![
        case(
            "json",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 81\r\n\r\n\
              {\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}   ",
            json!({ "outcome": "complete", "status_code": 200, "success": true, "model": "m",
                "stream": false, "metering": "complete", "tokens_in": 3, "tokens_out": 2 }),
        ),
        case(
            "a total that does not add up",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 81\r\n\r\n\
              {\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":77}}",
            json!({ "metering": "complete", "tokens_in": 3, "tokens_out": 2, "usage_metadata": {
                "input_uncached": 3, "cache_read": null, "cache_write": null, "output_visible": 2,
                "reasoning": null, "total_reported": 77, "tool_calls": null, "tools": null,
                "images": null, "service_tier": null, "inconsistent": true,
            } }),
        ),
        case(
            "provider error",
            CHAT,
            b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n\
              {\"error\":{\"code\":\"rate_limited\",\"message\":\"slow\"}}  ",
            json!({ "outcome": "complete", "status_code": 429, "success": false,
                "provider_error": "rate_limited", "model": "grok-4", "tokens_in": null }),
        ),
        case(
            "refused",
            "POST /only/nosuch/v1/chat/completions",
            b"",
            json!({ "outcome": "rejected", "status_code": 400, "success": false, "provider": null,
                "gateway_code": 2008, "attempts": 0, "metering": "none" }),
        ),
        case(
            "failed",
            CHAT,
            b"nonsense\r\n\r\n",
            json!({ "outcome": "failed", "status_code": 502, "success": false, "attempts": 1,
                "failure": "protocol", "gateway_code": 2005, "response_content_type": null }),
        ),
        case(
            "broken",
            CHAT,
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
              8\r\ndata: 1\n\r\n",
            json!({ "outcome": "broken", "status_code": 200, "success": false, "stream": true,
                "failure": "reset", "terminal": null, "metering": "partial", "response_size": 8 }),
        ),
        Case {
            client_leaves: true,
            ..case(
                "cancelled",
                CHAT,
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                  8\r\ndata: 1\n\r\n",
                json!({ "outcome": "cancelled", "status_code": 200, "success": false, "failure": null,
                    "metering": "partial", "response_size": 8 }),
            )
        },
    ]
}

#[tokio::test]
async fn every_ending_is_one_line() {
    let directory = Directory::new();
    let mut upstream = RawUpstream::start().await;
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let mut ids = Vec::new();
    for case in cases() {
        let mut client = scene.gateway.connect().await;
        client.send(request(case.line, &[JSON], br#"{"model":"grok-4"}"#)).await;
        let mut wire = None;
        if !case.answer.is_empty() {
            let mut accepted = upstream.accept().await;
            accepted.read_message().await;
            accepted.send(case.answer).await;
            wire = Some(accepted).filter(|_| case.client_leaves);
        }
        let head = client.read_head().await;
        if case.client_leaves {
            client.read_chunk().await;
        } else {
            client.read_content(&head).await;
        }
        drop(client);
        scene.ended().await;
        drop(wire);
        ids.push(head.get("cf-aig-log-id").unwrap().to_owned());
    }
    scene.settle();
    let lines = lines(&directory.log());
    let logged: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(logged, ids, "a line for each, under the id that the client got");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for (case, line) in cases().iter().zip(&lines) {
        for (name, expected) in case.expected.as_object().unwrap() {
            assert_eq!(&line[name], expected, "{}: {name} in {line}", case.name);
        }
        assert_eq!(line["request_head"], Value::Null);
    }
}

#[tokio::test]
async fn clients_decide_for_their_own_requests() {
    let base = provider(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes").await;
    for (collect, payloads) in [(true, false), (true, true), (false, false), (false, true)] {
        let kept = Kept::default();
        let log = LogHook::builder(kept.clone()).collect(collect).payloads(payloads).build();
        let mut scene = Scene::new(base.clone(), log.unwrap()).await;
        for of_log in [None, Some(false), Some(true)] {
            for of_payload in [None, Some(false), Some(true)] {
                let headers = [
                    of_log.map(|value| format!("cf-aig-collect-log: {value}")),
                    of_payload.map(|value| format!("cf-aig-collect-log-payload: {value}")),
                ];
                let headers: Vec<_> = headers.iter().flatten().map(String::as_str).collect();
                scene.answer(request(CHAT, &headers, b"{}")).await;
                scene.settle();
                let records = kept.take();
                let is_wanted = of_log.unwrap_or(collect);
                assert_eq!(records.len(), usize::from(is_wanted), "{collect} {headers:?}");
                for record in records {
                    let wanted = of_payload.unwrap_or(payloads).then_some(("{}", "yes"));
                    let heads = (record.request_head.as_deref(), record.response_head.as_deref());
                    assert_eq!(heads.0.zip(heads.1), wanted, "{payloads} {headers:?}");
                    assert_eq!((record.request_size, record.response_size), (2, 3));
                }
            }
        }
    }
}

#[tokio::test]
async fn no_secret_reaches_the_file() {
    const SECRET: &str = "LEAK0123456789LEAK";
    let directory = Directory::new();
    let answer = format!(
        "{{\"error\":{{\"code\":\"sk-{SECRET}\",\"message\":\"Incorrect key xai-{SECRET} in \
         {{\\\"authorization\\\":\\\"{SECRET}\\\"}}\"}},\"token\":\"{SECRET}\"}}"
    );
    let head = format!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\nset-cookie: {SECRET}\r\n\
         x-request-id: sk-{SECRET}\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let answer = [head, answer].concat().into_bytes();
    let upstream = Recorder::answering(move |_| answer.clone()).await;
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).payloads(true);
    let log = log.redact(|text| *text = text.replace("internal-host", "[HOST]")).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let headers = [
        format!("authorization: Bearer {SECRET}"),
        format!("x-api-key: {SECRET}"),
        format!("cookie: session={SECRET}"),
        format!("cf-aig-authorization: Bearer {SECRET}"),
        format!("user-agent: curl Bearer {SECRET}"),
        format!("content-type: application/json; key=gsk_{SECRET}"),
        format!(
            r#"cf-aig-metadata: {{"api_key":"{SECRET}","note":"sk-{SECRET}","sk-{SECRET}":1}}"#
        ),
    ];
    let body = format!(
        r#"{{"api_key":"{SECRET}","Client-Secret":"a\"{SECRET}","model":"sk-{SECRET}",
            "messages":[{{"content":"on internal-host, my key is xai-{SECRET}: \u0073k-{SECRET}"}}]}}"#
    );
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let line = format!("{CHAT}/sk-{SECRET}?key={SECRET}&api_key={SECRET}");
    scene.answer(request(&line, &headers, body.as_bytes())).await;
    scene.settle();
    assert!(upstream.only().head.text().contains(SECRET), "the provider does get the keys");
    let text = fs::read_to_string(directory.log()).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("internal-host"), "{text}");
    let line = &lines(&directory.log())[0];
    assert_eq!(line["path"], "/v1/acct/gw/grok/v1/chat/completions/[REDACTED]");
    assert_eq!(line["provider_error"], "[REDACTED]");
    assert_eq!(
        line["metadata"],
        json!({ "api_key": "[REDACTED]", "note": "[REDACTED]", "[REDACTED]": 1 })
    );
    let sent: Value = serde_json::from_str(line["request_head"].as_str().unwrap()).unwrap();
    assert_eq!(sent["messages"][0]["content"], "on [HOST], my key is [REDACTED]: [REDACTED]");
}

#[tokio::test]
async fn bodies_are_cut_and_what_is_no_text_is_marked() {
    let kept = Kept::default();
    let bodies: [(&str, Vec<u8>); 5] = [
        ("", "\u{e9}".repeat(50_000).into_bytes()),
        ("", b"\x89PNG\r\n\x1a\n".to_vec()),
        (
            "content-encoding: compress\r\ncontent-type: application/json\r\n",
            b"looks like text".to_vec(),
        ),
        ("", b"<binary>".to_vec()),
        ("", Vec::new()),
    ];
    let answers = bodies.clone();
    let upstream = Recorder::answering(move |message| {
        let number: usize = message.head.target().rsplit('/').next().unwrap().parse().unwrap();
        let (headers, body) = &answers[number];
        let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    })
    .await;
    let log = LogHook::builder(kept.clone()).payloads(true).payload_limit(65_537).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    for (number, (_, body)) in bodies.iter().enumerate() {
        scene.answer(request(&format!("POST /v1/a/g/grok/x/{number}"), &[], body)).await;
    }
    scene.settle();
    let records = kept.take();
    let cut = "\u{e9}".repeat(32_768);
    for (number, request, response) in [
        (0, (cut.as_str(), Some(false)), (cut.as_str(), Some(false))),
        (1, ("<binary>", None), ("<binary>", None)),
        (2, ("looks like text", Some(true)), ("<encoded>", None)),
        (3, ("<binary>", Some(true)), ("<binary>", Some(true))),
        (4, ("", Some(true)), ("", Some(true))),
    ] {
        let record = &records[number];
        let head = record.request_head.as_deref().unwrap();
        assert_eq!((head, record.request_head_complete), request, "{number}");
        let head = record.response_head.as_deref().unwrap();
        assert_eq!((head, record.response_head_complete), response, "{number}");
        assert_eq!(record.response_size, bodies[number].1.len() as u64);
    }
}

/// A sink that waits for the test before each batch, and keeps what it then gets.
struct Gate {
    open: std_mpsc::Receiver<()>,
    kept: Kept,
    /// Goes with the sink.
    _done: Option<std_mpsc::Sender<()>>,
}

impl LogSink for Gate {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let _ = self.open.recv();
        self.kept.write(batch)
    }
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_and_nobody_waits() {
    let (open, gate) = std_mpsc::channel();
    let kept = Kept::default();
    let log = LogHook::builder(Gate { open: gate, kept: kept.clone(), _done: None }).queue_limit(5);
    let mut scene = Scene::new(provider(b"").await, log.build().unwrap()).await;
    let ids = scene.refuse(20).await;
    let counts = scene.log.counts();
    assert_eq!((counts.queued, counts.dropped, counts.written), (5, 15, 0));

    let report = scene.log.flush(Duration::from_millis(20));
    assert!(!report.in_time && !report.is_complete() && report.counts.queued == 5, "{report}");
    drop(open);
    let report = scene.flush();
    assert!(report.in_time && !report.is_complete());
    assert_eq!((report.counts.written, report.counts.queued, scene.log.dropped()), (5, 0, 15));
    let logged: Vec<_> = kept.take().into_iter().map(|record| record.id).collect();
    assert_eq!(logged, ids[..5], "the first ones, in their order");

    let later = scene.refuse(3).await;
    let log = scene.log.clone();
    let report = tokio::task::spawn_blocking(move || log.flush(LONG)).await.unwrap();
    assert_eq!((report.counts.written, report.counts.dropped), (8, 15));
    let logged: Vec<_> = kept.take().into_iter().map(|record| record.id).collect();
    assert_eq!(logged, later, "there is room again");
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_too() {
    let (open, gate) = std_mpsc::channel();
    let kept = Kept::default();
    let log =
        LogHook::builder(Gate { open: gate, kept: kept.clone(), _done: None }).queue_bytes(50_000);
    let base = provider(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut scene = Scene::new(base, log.payloads(true).build().unwrap()).await;
    for _ in 0..10 {
        scene.answer(request(CHAT, &[], &[b'a'; 20_000])).await;
    }
    let counts = scene.log.counts();
    assert_eq!((counts.queued, counts.dropped), (2, 8));
    drop(open);
    assert_eq!(scene.flush().counts.written, 2);
    scene.answer(request(CHAT, &[], &[b'a'; 20_000])).await;
    assert_eq!(scene.flush().counts.written, 3, "what is written takes up no room");
}

#[tokio::test]
async fn rotation_loses_and_tears_nothing() {
    let directory = Directory::new();
    let file = LogFile::open(directory.log()).unwrap().max_size(40_000).keep(1_000);
    let mut scene = Scene::new(provider(b"").await, LogHook::builder(file).build().unwrap()).await;
    let ids = scene.refuse(3_000).await;
    scene.settle();
    let files = directory.files();
    assert!(files.len() > 50, "{} files", files.len());
    let mut logged = Vec::new();
    for file in &files {
        let size = fs::metadata(file).unwrap().len();
        assert!(0 < size && size <= 40_000, "{size} bytes in {file:?}");
        logged.extend(lines(file).iter().map(|line| line["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(logged, ids, "every record once, in the order of the names");
}

#[tokio::test]
async fn only_so_many_files_are_kept_and_no_other_is_touched() {
    let directory = Directory::new();
    let other = directory.0.join("gateway-2026.jsonl");
    fs::write(&other, "not ours").unwrap();
    // Each record has a file of its own.
    let file = LogFile::open(directory.log()).unwrap().max_size(1).keep(2);
    let mut scene = Scene::new(provider(b"").await, LogHook::builder(file).build().unwrap()).await;
    let ids = scene.refuse(10).await;
    scene.settle();
    assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
    let files: Vec<_> = directory.files().into_iter().filter(|file| *file != other).collect();
    let logged: Vec<_> =
        files.iter().flat_map(|file| lines(file)).map(|line| line["id"].clone()).collect();
    assert_eq!(logged, ids[7..]);
}

/// A record that has a file for itself needs no gateway.
fn record(id: &str, created_at: &str) -> LogRecord {
    let mut record = LogRecord::default();
    record.id = id.to_owned();
    record.created_at = created_at.parse().unwrap();
    record
}

#[test]
fn each_day_has_its_file() {
    let directory = Directory::new();
    let mut file = LogFile::open(directory.log()).unwrap().daily(true);
    let records = [
        record("1", "2026-01-31T22:00:00Z"),
        record("2", "2026-01-31T23:59:59.999Z"),
        record("3", "2026-02-01T00:00:00Z"),
        // Began before midnight, ended after it.
        record("4", "2026-01-31T23:59:58Z"),
        record("5", "2026-02-02T00:00:01+00:00"),
    ];
    file.write(&records[..1]).unwrap();
    file.write(&records[1..]).unwrap();
    let ids = |file: &PathBuf| {
        lines(file).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let days: Vec<_> = directory.files().iter().map(ids).collect();
    assert_eq!(days, [&["1", "2"][..], &["3", "4"], &["5"]]);
}

#[test]
fn rotations_within_a_millisecond_overwrite_nothing() {
    let directory = Directory::new();
    let mut file = LogFile::open(directory.log()).unwrap().max_size(1).keep(1_000);
    let ids: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let records: Vec<_> = ids.iter().map(|id| record(id, "2026-01-31T22:00:00Z")).collect();
    file.write(&records).unwrap();
    let files = directory.files();
    let logged: Vec<_> =
        files.iter().flat_map(|file| lines(file)).map(|line| line["id"].clone()).collect();
    assert_eq!((files.len(), logged), (200, ids.into_iter().map(Value::from).collect()));
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_file_does_not_take_is_tried_on_the_same_path_again() {
    let directory = Directory::new();
    std::os::unix::fs::symlink("/dev/full", directory.log()).unwrap();
    let mut file = LogFile::open(directory.log()).unwrap();
    fs::remove_file(directory.log()).unwrap();
    file.write(&[record("1", "2026-01-31T22:00:00Z")]).unwrap();
    assert_eq!(lines(&directory.log())[0]["id"], "1");
}

#[test]
fn a_line_that_a_crash_has_torn_is_left_alone() {
    let directory = Directory::new();
    fs::write(directory.log(), "{\"id\":\"ha").unwrap();
    let mut file = LogFile::open(directory.log()).unwrap();
    file.write(&[record("1", "2026-01-31T22:00:00Z")]).unwrap();
    let text = fs::read_to_string(directory.log()).unwrap();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"id\":\"ha");
    assert_eq!(serde_json::from_str::<Value>(whole).unwrap()["id"], "1");
}

/// A writer that fails while it is told to, after some bytes of a line.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, Option<usize>)>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = match state.1.as_mut() {
            None => bytes.len(),
            Some(0) => return Err(io::ErrorKind::StorageFull.into()),
            Some(room) => std::mem::take(room).min(bytes.len()),
        };
        state.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_that_fails_and_recovers_loses_only_what_it_failed_at() {
    let disk = Disk::default();
    let log = LogHook::builder(JsonLines::new(disk.clone())).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    let before = scene.refuse(2).await;
    scene.settle();
    disk.0.lock().unwrap().1 = Some(100);
    scene.refuse(3).await;
    let report = scene.flush();
    assert_eq!((report.counts.written, report.counts.failed), (2, 3));
    assert!(report.in_time && !report.is_complete());
    assert_eq!(report.to_string(), "2 log records written, 3 that could not be written");
    disk.0.lock().unwrap().1 = None;
    let after = scene.refuse(2).await;
    assert_eq!(scene.flush().counts.written, 4);
    let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
    let (whole, torn): (Vec<_>, Vec<_>) =
        text.lines().map(serde_json::from_str::<Value>).partition(Result::is_ok);
    let ids: Vec<_> = whole.into_iter().map(|line| line.unwrap()["id"].clone()).collect();
    assert_eq!(ids, [before, after].concat());
    assert_eq!(torn.len(), 1, "the torn line has a line of its own");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_counted_and_a_better_one_is_used_as_soon_as_it_is_there() {
    let directory = Directory::new();
    std::os::unix::fs::symlink("/dev/full", directory.log()).unwrap();
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    scene.refuse(4).await;
    assert_eq!(scene.flush().counts.failed, 4);
    fs::remove_file(directory.log()).unwrap();
    let ids = scene.refuse(3).await;
    let report = scene.flush();
    assert_eq!((report.counts.failed, report.counts.written), (4, 3), "{report}");
    let logged: Vec<_> = lines(&directory.log()).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(logged, ids);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_move_or_delete_is_begun_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    scene.refuse(1).await;
    scene.settle();
    let mode = fs::metadata(directory.log()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    let moved = directory.0.join("moved");
    fs::rename(directory.log(), &moved).unwrap();
    scene.refuse(2).await;
    scene.settle();
    assert_eq!((lines(&moved).len(), lines(&directory.log()).len()), (1, 2));

    fs::remove_dir_all(&directory.0).unwrap();
    scene.refuse(3).await;
    assert_eq!(scene.flush().counts.failed, 3);
    fs::create_dir(&directory.0).unwrap();
    let ids = scene.refuse(4).await;
    assert_eq!(scene.flush().counts.written, 7);
    let logged: Vec<_> = lines(&directory.log()).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(logged, ids);
}

/// Panics at every other batch; its flush fails.
struct Moody(Kept, bool);

impl LogSink for Moody {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.1 = !self.1;
        assert!(!self.1, "planted");
        self.0.write(batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("planted"))
    }
}

#[tokio::test]
async fn sinks_and_closures_that_panic_are_counted_and_called_again() {
    let (moody, calm) = (Kept::default(), Kept::default());
    let log = LogHook::builder(Moody(moody.clone(), false))
        .sink(calm.clone())
        .redact(|text| assert!(!text.contains("panic"), "planted"))
        .map(|record| record.gateway.push_str(" mapped"));
    let mut scene = Scene::new(provider(b"").await, log.build().unwrap()).await;
    for (expected_failed, expected_written) in [(1, 0), (1, 1)] {
        scene.refuse(1).await;
        let report = scene.flush();
        assert_eq!(
            (report.counts.failed, report.counts.written),
            (expected_failed, expected_written)
        );
        assert_eq!(report.error.as_ref().unwrap().to_string(), "planted");
        assert!(!report.is_complete());
    }
    scene.answer(request("GET /only/nosuch/panic", &[], b"")).await;
    assert_eq!(scene.flush().counts.failed, 2, "what cannot be redacted is not written");
    assert_eq!((moody.take().len(), calm.0.lock().unwrap().len()), (1, 2));
    assert!(calm.take().iter().all(|record| record.gateway == "default mapped"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_is_written_or_counted_whoever_else_makes_some() {
    let directory = Directory::new();
    let file = LogFile::open(directory.log()).unwrap();
    let log = LogHook::builder(file).queue_limit(20).build().unwrap();
    let tasks = (0..8).map(|_| tokio::spawn(refuse_and_drop(log.clone(), 400)));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let counts = log.flush(LONG).counts;
    assert_eq!(counts.written + counts.dropped, 3_200, "{counts:?}");
    let lines = lines(&directory.log());
    let ids: BTreeSet<_> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!((lines.len() as u64, ids.len()), (counts.written, lines.len()));
}

/// Refuses so many requests in memory, then drops the layer and with it the last of its hook.
async fn refuse_and_drop(log: LogHook, count: usize) {
    use tower::{Layer as _, ServiceExt as _, service_fn};
    use tower_ai_gateway::{GatewayLayer, Mount, Provider};

    let layer =
        GatewayLayer::builder().provider(Provider::xai()).mount(Mount::hosted().exclusive());
    let service = layer.metrics_hook(log).build().unwrap().layer(service_fn(|_| async {
        Err::<http::Response<String>, _>(io::Error::other("nobody is called"))
    }));
    for _ in 0..count {
        let request = http::Request::get("/v1/a/g/nosuch/x").body(String::new()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn dropping_the_hook_writes_what_is_queued() {
    let directory = Directory::new();
    let log = LogHook::builder(LogFile::open(directory.log()).unwrap()).build().unwrap();
    refuse_and_drop(log, 500).await;
    assert_eq!(lines(&directory.log()).len(), 500);
}

#[tokio::test]
async fn dropping_the_hook_ends_though_its_sink_hangs_and_the_sink_still_gets_all() {
    let (open, gate) = std_mpsc::channel();
    let (done, is_done) = std_mpsc::channel();
    let kept = Kept::default();
    let sink = Gate { open: gate, kept: kept.clone(), _done: Some(done) };
    // Does not return at all where the drop waits for the sink.
    refuse_and_drop(LogHook::builder(sink).build().unwrap(), 700).await;
    assert_eq!(kept.take().len(), 0);
    drop(open);
    // The thread drops its sinks when it ends.
    assert_eq!(is_done.recv_timeout(LONG), Err(std_mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(kept.take().len(), 700);
}
