//! Exchanges through a gateway, queried from its log.

use std::time::Duration;

use serde_json::{Value, json};
use tower_ai_gateway::Provider;
use tower_ai_gateway::log::{LogHook, LogRecord};

use crate::log_sqlite::log::Log;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, request, response};
use crate::support::raw_upstream::Recorder;

const CHAT: &[u8] = br#"{"model":"grok-4-0709","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost_in_usd_ticks":1000000001}}"#;
const STREAM: &[u8] = b"data: {\"model\":\"grok-4-0709\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,\"cost_in_usd_ticks\":20}}\n\n\
    data: [DONE]\n\n";
const UNPRICED: &[u8] =
    br#"{"model":"house","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
const UNPRICED_ASK: &str = r#"{"model":"house"}"#;
const LIMITED: &[u8] = br#"{"error":{"message":"slow down","code":"rate_limited"}}"#;

fn provider(request: &Message) -> Vec<u8> {
    let (status, kind, body) = if request.body() == UNPRICED_ASK.as_bytes() {
        ("200 OK", "application/json", UNPRICED)
    } else if request.head.target().ends_with("/embeddings") {
        ("429 Too Many Requests", "application/json", LIMITED)
    } else if request.body().starts_with(br#"{"stream":true"#) {
        ("200 OK", "text/event-stream", STREAM)
    } else {
        ("200 OK", "application/json", CHAT)
    };
    response(status, &[&format!("content-type: {kind}")], body)
}

/// Each exchange has its name in its metadata.
async fn send(gateway: &Gateway, case: &str, path: &str, headers: &[&str], body: &str) -> String {
    let metadata = format!(r#"cf-aig-metadata: {{"case":"{case}","user":42}}"#);
    let headers = [headers, &[metadata.as_str(), "connection: close"]].concat();
    let answer = gateway.answer(request(&format!("POST {path}"), &headers, body.as_bytes())).await;
    answer.head.get("cf-aig-log-id").unwrap().to_owned()
}

fn cases(page: &Value) -> Vec<String> {
    let logs = page["logs"].as_array().unwrap().iter();
    let mut cases: Vec<_> =
        logs.map(|log| log["metadata"]["case"].as_str().unwrap_or("-").to_owned()).collect();
    cases.sort();
    cases
}

#[tokio::test]
async fn exchanges_are_found_by_their_properties() {
    let log = Log::start().await;
    let hook = LogHook::builder(log.store.sink()).build().unwrap();
    let upstream = Recorder::answering(provider).await;
    let setup = Setup::new(upstream.base("/v1"))
        .provider(Provider::openai().base_url(upstream.base("/v1")))
        .all_controls()
        .layer(|layer| layer.metrics_hook(hook.clone()));
    let gateway = setup.start().await;

    let chat = "/v1/acct/gw/grok/v1/chat/completions";
    let first =
        send(&gateway, "chat", chat, &["cf-aig-event-id: mine"], r#"{"model":"grok-4"}"#).await;
    let body = r#"{"stream":true,"model":"grok-4"}"#;
    send(&gateway, "stream", chat, &["cf-aig-collect-log-payload: true"], body).await;
    let embeddings = "/v1/acct/gw/openai/v1/embeddings";
    send(&gateway, "limited", embeddings, &[], r#"{"model":"embed"}"#).await;
    let costs = r#"cf-aig-custom-cost: {"total_cost":0.5}"#;
    send(&gateway, "custom", chat, &[costs], r#"{"model":"grok-4"}"#).await;
    send(&gateway, "rejected", "/only/nosuch/chat/completions", &[], "{}").await;
    send(&gateway, "unlogged", chat, &["cf-aig-collect-log: false"], "{}").await;
    let flushing = hook.clone();
    let flush = move || flushing.flush(Duration::from_secs(20));
    let report = tokio::task::spawn_blocking(flush).await.unwrap();
    assert!(report.is_complete(), "{report}");

    for (query, expected) in [
        ("", "chat custom limited rejected stream"),
        ("provider=grok", "chat custom stream"),
        ("provider=openai", "limited"),
        ("model=grok-4-0709", "chat custom stream"),
        ("operation=embeddings", "limited"),
        ("status=429", "limited"),
        ("status=4xx", "limited rejected"),
        ("status=2xx&stream=false", "chat custom"),
        ("outcome=rejected", "rejected"),
        ("success=true", "chat custom stream"),
        ("success=false", "limited rejected"),
        ("cached=true", ""),
        ("stream=true", "stream"),
        ("event_id=mine", "chat"),
        ("metadata.case=chat&metadata.user=42", "chat"),
        ("metadata.key=user&metadata.value=chat", ""),
        ("min_cost=0.1", "chat custom"),
        ("max_cost=0.1", "stream"),
        ("min_tokens_in=8", "chat custom"),
        ("max_tokens_out=3", "stream"),
        ("from=2020-01-01T00:00:00Z", "chat custom limited rejected stream"),
        ("to=2020-01-01T00:00:00Z", ""),
    ] {
        assert_eq!(cases(&log.get(&format!("/logs?{query}")).await).join(" "), expected, "{query}");
    }

    let whole: LogRecord =
        serde_json::from_value(log.get(&format!("/logs/{first}")).await).unwrap();
    assert_eq!((whole.id, whole.tokens_in, whole.tokens_out), (first.clone(), Some(10), Some(5)));
    assert_eq!((whole.cost_ticks, whole.request_head), (Some(1_000_000_001), None));
    let stream = &log.get("/logs?stream=true").await["logs"][0]["id"];
    let stream = log.get(&format!("/logs/{}", stream.as_str().unwrap())).await;
    assert_eq!(stream["request_head"], body);
    assert_eq!(stream["response_head"].as_str().unwrap().as_bytes(), STREAM);
    let classified = log.send("PATCH", &format!("/logs/{first}"), br#"{"feedback":1}"#).await;
    assert_eq!(classified.json()["feedback"], 1);

    let summary = log.get("/summary").await;
    let totals = &summary["totals"];
    for (name, value) in [
        ("requests", json!(5)),
        ("errors", json!(1)),
        ("rejected", json!(1)),
        ("streams", json!(1)),
        ("tokens_in", json!(27)),
        ("tokens_out", json!(13)),
        ("cost_ticks", json!(6_000_000_021_u64)),
    ] {
        assert_eq!(totals[name], value, "{name}");
    }
    assert!(totals["ttft_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["models"][0]["model"], "grok-4-0709");
    assert_eq!(summary["models"][0]["requests"], 3);
}

#[tokio::test]
async fn unknown_costs_are_counted() {
    let log = Log::start().await;
    let hook = LogHook::builder(log.store.sink()).build().unwrap();
    let upstream = Recorder::answering(provider).await;
    let setup = Setup::new(upstream.base("/v1")).all_controls();
    let setup = setup.layer(|layer| layer.metrics_hook(hook.clone()));
    let gateway = setup.start().await;

    let chat = "/v1/acct/gw/grok/v1/chat/completions";
    for _ in 0..2 {
        send(&gateway, "unknown", chat, &[], UNPRICED_ASK).await;
    }
    let costs = r#"cf-aig-custom-cost: {"total_cost":0.5}"#;
    send(&gateway, "custom", chat, &[costs], UNPRICED_ASK).await;
    send(&gateway, "reported", chat, &[], r#"{"model":"grok-4"}"#).await;
    send(&gateway, "limited", "/v1/acct/gw/grok/v1/embeddings", &[], "{}").await;
    send(&gateway, "rejected", "/only/nosuch/chat/completions", &[], "{}").await;
    let flush = move || hook.flush(Duration::from_secs(20));
    assert!(tokio::task::spawn_blocking(flush).await.unwrap().is_complete());

    let summary = log.get("/summary").await;
    assert_eq!(
        (&summary["totals"]["requests"], &summary["totals"]["cost_unknown"]),
        (&json!(6), &json!(2))
    );
    let models = summary["models"].as_array().unwrap().iter();
    let unknown: Vec<_> =
        models.filter(|model| model["cost_unknown"] != 0).map(|model| &model["model"]).collect();
    assert_eq!(unknown, ["house"]);
    let logs = log.get("/logs").await;
    for record in logs["logs"].as_array().unwrap() {
        let is_unknown = record["metadata"]["case"] == "unknown";
        assert_eq!(record["cost_unknown"], is_unknown, "{record:#}");
    }
}
