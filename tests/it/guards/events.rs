//! Flags in events, logs and spans.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tower_ai_gateway::guard::Verdict;
use tower_ai_gateway::log::{LogFile, LogHook, LogQuery, LogStore};
use tower_ai_gateway::metrics::Metrics;

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn flags_are_in_the_event_and_in_both_logs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log.jsonl");
    let store = LogStore::open(directory.path().join("log.db")).unwrap();
    let log = LogHook::builder(LogFile::open(&file).unwrap()).sink(store.sink()).build().unwrap();
    let log = std::sync::Arc::new(log);
    let provider = Recorder::start().await;
    let (spy, _reports) = Spy::new(100, |seen| match seen.text() {
        "{}" => Verdict::Pass,
        _ => Verdict::flag("self-harm\n".repeat(10)),
    });
    let (other, _others) = Spy::new(0, |_| Verdict::flag("pii"));
    let (hook, mut ends) = Ends::by(|end| end.flags.len());
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let layer = layer(&provider).guard(spy).guard(other).metrics_hook(log.clone());
    let layer = layer.metrics_hook(Metrics::new().recorder(recorder));
    let gateway = serve(layer.metrics_hook(hook)).await;
    let long = "self-harm\n".repeat(10)[..64].to_owned();
    let flagged = gateway.answer(request(NATIVE, &[], b"[]")).await;
    assert_eq!(ends.next().await, 2);
    gateway.answer(request(NATIVE, &[], b"{}")).await;
    assert_eq!(ends.next().await, 1);
    assert_eq!(log.flush(Duration::from_secs(10)).counts.lost(), 0);

    let page = metrics.render();
    let flagged_line = page.lines().find(|line| line.starts_with("ai_gateway_requests_flagged{"));
    assert!(flagged_line.is_some_and(|line| line.ends_with(" 2")), "{page}");

    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["flags"], serde_json::json!([long, "pii"]));
    assert_eq!(lines[1]["flags"], serde_json::json!(["pii"]));
    let id = flagged.head.get("cf-aig-log-id").unwrap();
    assert_eq!(store.get(id).unwrap().unwrap().flags, [long.as_str(), "pii"]);
    assert_eq!(store.query(&LogQuery::default()).unwrap().logs.len(), 2);
}
