//! Nothing that a log, its dashboard or a metric shows holds a secret.

use super::*;

#[cfg(feature = "log")]
#[tokio::test(start_paused = true)]
async fn no_log_line_contains_a_secret() {
    use tower_ai_gateway::log::{LogFile, LogHook};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.jsonl");
    let log = LogHook::builder(LogFile::open(&path).unwrap()).payloads(true).build().unwrap();
    let written = Written::default();
    let layer = layer(&written).metrics_hook(log.clone()).build().unwrap();
    send_all(&layer, &written).await;
    assert!(log.flush(std::time::Duration::from_secs(30)).is_complete());
    let lines = std::fs::read_to_string(path).unwrap();
    assert_eq!(lines.lines().count(), 3 * REQUESTS.len());
    written.text(&lines);
    written.note(&log);
    written.assert_clean(&["[REDACTED]"]);
}

/// The dashboard shows the log's answers.
#[cfg(feature = "log-sqlite")]
#[tokio::test(start_paused = true)]
async fn no_response_of_the_log_router_contains_a_secret() {
    use tower_ai_gateway::log::{LogHook, LogStore};

    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path().join("gateway.db")).unwrap();
    let log = LogHook::builder(store.sink()).payloads(true).build().unwrap();
    let written = Written::default();
    let layer = layer(&written).metrics_hook(log.clone()).build().unwrap();
    send_all(&layer, &written).await;
    assert!(log.flush(std::time::Duration::from_secs(30)).is_complete());
    let ask = async |path: String| {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = store.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let list = ask("/logs?limit=100".to_owned()).await;
    let json: serde_json::Value = serde_json::from_str(&list).unwrap();
    let records = json["logs"].as_array().unwrap();
    assert_eq!(records.len(), 3 * REQUESTS.len());
    for record in records {
        written.text(&ask(format!("/logs/{}", record["id"].as_str().unwrap())).await);
    }
    written.text(&list);
    written.text(&ask("/summary".to_owned()).await);
    written.note(&store);
    written.assert_clean(&["[REDACTED]"]);
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn no_metric_contains_a_secret() {
    use tower_ai_gateway::metrics::Metrics;

    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let written = Written::default();
    let metrics = Metrics::new().recorder(recorder);
    let layer = layer(&written).metrics_hook(metrics).build().unwrap();
    send_all(&layer, &written).await;
    written.text(&handle.render());
    written.assert_clean(&["# TYPE"]);
}
