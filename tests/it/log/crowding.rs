//! Floods of refused requests must not crowd out other records.

use std::convert::Infallible;
use std::sync::mpsc;

use http::{Method, Request, Response};
use serde_json::Value;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_ai_gateway::log::{LogCounts, LogHook, LogRecord, LogSink, SinkError};
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::log::scene::{CHAT, Kept, LONG, Scene, provider};
use crate::support::message::request;

/// The maximum length of a text in a record, including the mark.
const MOST: usize = 1024 + '\u{2026}'.len_utf8();

/// Waits for the test before each batch.
struct Gate(mpsc::Receiver<()>, Kept);

impl LogSink for Gate {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let _ = self.0.recv();
        self.1.write(batch)
    }
}

/// A head of 300 KB, spread over all places for a client's text.
fn long_head(path: &str) -> Request<String> {
    let long = "x".repeat(50_000);
    Request::builder()
        .method(Method::from_bytes(long.as_bytes()).unwrap())
        .uri(format!("{path}/{long}"))
        .header("user-agent", &long)
        .header("content-type", &long)
        .header("cf-aig-event-id", &long)
        .header("cf-aig-metadata", format!(r#"{{"{long}":"{long}"}}"#))
        .body(String::new())
        .unwrap()
}

/// The texts of a record and the keys of its metadata.
fn texts(record: &LogRecord) -> Vec<String> {
    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                into.push(key.clone());
                collect(value, into);
            }),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(&serde_json::to_value(record).unwrap(), &mut texts);
    texts
}

#[tokio::test]
async fn a_flood_of_refused_requests_does_not_displace_served_records() {
    let (open, gate) = mpsc::channel();
    let kept = Kept::default();
    let log = LogHook::builder(Gate(gate, kept.clone())).queue_limit(400).build().unwrap();
    let layer = GatewayLayer::builder()
        .provider(Provider::xai())
        .mount(Mount::hosted().exclusive())
        .metrics_hook(log.clone());
    let service = layer
        .build()
        .unwrap()
        .client_layer()
        .layer(service_fn(|_| async { Ok::<_, Infallible>(Response::new("{}".to_owned())) }));
    for _ in 0..250 {
        let answer = service.clone().oneshot(long_head("/v1/a/g/nosuch")).await.unwrap();
        assert!(answer.status().is_client_error());
    }
    let LogCounts { queued, queued_bytes, dropped, dropped_refused, .. } = log.counts();
    assert_eq!((queued, dropped, dropped_refused), (100, 150, 150));
    assert!(queued_bytes > 100 * 5 * 1024 && queued_bytes < 100 * 20 * 1024, "{queued_bytes}");

    let mut served = Vec::new();
    for _ in 0..40 {
        let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
        let request = request.header("authorization", "Bearer k").body("{}".to_owned()).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["cf-aig-log-id"].to_str().unwrap().to_owned();
        let mut body = std::pin::pin!(answer.into_body());
        while http_body_util::BodyExt::frame(&mut body).await.is_some() {}
        served.push(id);
    }
    drop(open);
    let report = log.flush(LONG);
    assert_eq!((report.counts.written, report.counts.queued_bytes), (140, 0), "{report}");
    assert!(report.to_string().contains("150 of refused requests dropped"), "{report}");
    let records = kept.take();
    let ids: Vec<_> = records[100..].iter().map(|record| record.id.clone()).collect();
    assert_eq!(ids, served, "40 of 40");
    assert!(records[100..].iter().all(|record| !record.cut));
    for record in &records[..100] {
        assert!(record.cut && record.user_agent.as_ref().unwrap().ends_with('\u{2026}'));
        for text in texts(record) {
            assert!(text.len() <= MOST, "{}: {}", text.len(), &text[..40]);
        }
        let line = serde_json::to_string(record).unwrap().len();
        assert!(line < 20 * 1024, "{line} bytes on the disk");
    }
}

#[tokio::test]
async fn refused_requests_have_a_share_of_the_bytes_too() {
    let (open, gate) = mpsc::channel();
    let log = LogHook::builder(Gate(gate, Kept::default())).queue_bytes(400_000).build().unwrap();
    let mut scene =
        Scene::new(provider(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await, log).await;
    let agent = format!("user-agent: {}", "x".repeat(300_000));
    let mut wire = scene.gateway.connect().await;
    for _ in 0..100 {
        let answer = wire.send_and_read(&request("GET /only/nosuch/x", &[&agent], b"")).await;
        assert_eq!(answer.status(), 400);
        scene.ended().await;
    }
    let refused = scene.log.counts();
    assert!(refused.queued_bytes <= 100_000 && refused.dropped_refused > 0, "{refused:?}");
    for _ in 0..40 {
        assert_eq!(scene.answer(request(CHAT, &[], b"{}")).await.status(), 200);
    }
    drop(open);
    let counts = scene.flush().counts;
    assert_eq!(counts.dropped, counts.dropped_refused);
    assert_eq!(counts.written, refused.queued + 40);
}

#[tokio::test]
async fn a_key_shortened_by_the_cut_is_still_redacted() {
    let kept = Kept::default();
    let log = LogHook::builder(kept.clone()).text_limit(20).build().unwrap();
    let mut scene = Scene::new(provider(b"").await, log).await;
    let agent = "user-agent: 01234567890123 sk-abcdef0123456789";
    scene.answer(request("GET /only/nosuch/x", &[agent], b"")).await;
    scene.settle();
    let record = kept.take().remove(0);
    assert_eq!(record.user_agent.as_deref(), Some("01234567890123 [REDACTED]\u{2026}"));
    assert!(record.cut);
}
