//! Reused records.

use serde_json::{Value, json};
use tower_ai_gateway::log::{LogHook, LogRecord};

use crate::log::scene::{CHAT, Kept, Scene};
use crate::support::message::{Message, request, response};
use crate::support::raw_upstream::Recorder;

const ANSWER: &[u8] = br#"{"model":"grok-4-0709","service_tier":"flex","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"server_side_tool_usage_details":{"web_search_calls":2},"cost_in_usd_ticks":1000000001}}"#;
const LIMITED: &[u8] = br#"{"error":{"message":"slow down","code":"rate_limited"}}"#;

fn provider(request: &Message) -> Vec<u8> {
    let (status, body) = match request.body() {
        b"{}" => ("429 Too Many Requests", LIMITED),
        _ => ("200 OK", ANSWER),
    };
    response(status, &["content-type: application/json", "x-request-id: req-1"], body)
}

/// A record without the fields that differ per exchange.
fn lasting(record: &LogRecord) -> Value {
    let mut json = serde_json::to_value(record).unwrap();
    for name in ["id", "event_id", "created_at", "duration", "timings"] {
        json[name] = Value::Null;
    }
    json
}

/// Exchanges of all kinds, each after the previous record was written.
async fn exchanges(scene: &mut Scene, kept: &Kept, turns: usize) -> Vec<LogRecord> {
    let long = format!("user-agent: {}", "x".repeat(20_000));
    let rich = [
        "content-type: application/json",
        "user-agent: test/1.0",
        "cf-aig-collect-log-payload: true",
        "cf-aig-event-id: mine",
        r#"cf-aig-metadata: {"team":"a","n":1.5,"b":true}"#,
    ];
    let sent = [
        request(CHAT, &rich, br#"{"model":"grok-4"}"#),
        request("GET /only/nosuch/x", &[], b""),
        request(CHAT, &[], b"{}"),
        request("GET /only/nosuch/x", &[&long], b""),
        request(CHAT, &["content-type: application/json"], br#"{"model":"grok-4"}"#),
    ];
    let mut records = Vec::new();
    for turn in 0..turns {
        scene.answer(sent[turn % sent.len()].clone()).await;
        scene.settle();
        records.extend(kept.take());
    }
    records
}

#[tokio::test]
async fn a_reused_record_keeps_nothing_of_the_previous_exchange() {
    let upstream = Recorder::answering(provider).await;
    let kept = Kept::default();
    let log = LogHook::builder(kept.clone()).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    // Two records alternate, so that each is used for all kinds.
    let records = exchanges(&mut scene, &kept, 20).await;
    assert_eq!(records.len(), 20);
    for (turn, record) in records.iter().enumerate().skip(5) {
        assert_eq!(lasting(record), lasting(&records[turn % 5]), "turn {turn}");
    }
    let first = &records[0];
    assert!(first.request_head.is_some() && first.metadata.len() == 3 && first.tokens_in.is_some());
    assert_eq!(first.event_id, "mine");
    let refused = &records[16];
    assert_eq!(refused.event_id, refused.id);
    assert_eq!(lasting(refused)["usage_metadata"], json!(null));
    assert!(refused.metadata.is_empty() && refused.request_head.is_none());
    assert_eq!((&refused.user_agent, &refused.model), (&None, &None));
}
