//! Feedback over a socket.

use serde_json::{Value, json};
use tower_ai_gateway::log::{Feedback, LogStoreError};

use crate::log_sqlite::log::{Log, id, record, various, write};
use crate::support::guard;

async fn patch(log: &Log, id: &str, body: Value) -> Value {
    let answer = log.send("PATCH", &format!("/logs/{id}"), body.to_string().as_bytes()).await;
    assert_eq!(answer.status(), 200, "{body}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn feedback_changes_only_its_fields_and_can_be_queried() {
    let mut before = record(1);
    before.request_head = Some("the question".to_owned());
    before.metadata = serde_json::from_value(json!({ "user": "u", "team": "red" })).unwrap();
    let log = Log::with(&[before.clone(), record(2)]).await;

    let after = patch(&log, &id(1), json!({ "feedback": 1, "score": 0.7 })).await;
    let mut expected = serde_json::to_value(&before).unwrap();
    expected["feedback"] = json!(1);
    expected["score"] = json!(0.7);
    assert_eq!(after, expected);
    assert_eq!(log.ids("feedback=1").await, [id(1)]);

    let change = json!({ "feedback": -1, "metadata": { "team": null, "user": 7, "good": true } });
    let after = patch(&log, &id(1), change).await;
    expected["feedback"] = json!(-1);
    expected["metadata"] = json!({ "user": 7, "good": true });
    assert_eq!(after, expected);
    assert_eq!(log.ids("feedback=-1").await, [id(1)]);
    assert!(log.ids("feedback=1").await.is_empty());
    assert_eq!(log.ids("metadata.user=7&metadata.good=true").await, [id(1)]);
    assert!(log.ids("metadata.team=red").await.is_empty());

    let after = patch(&log, &id(1), json!({ "feedback": null })).await;
    assert_eq!((&after["feedback"], &after["score"]), (&Value::Null, &json!(0.7)));
    assert!(log.ids("feedback=-1").await.is_empty());
    let after = patch(&log, &id(1), json!({})).await;
    assert_eq!(log.get(&format!("/logs/{}", id(1))).await, after);
    assert_eq!(log.store.get(&id(2)).unwrap(), Some(record(2)));
}

#[tokio::test]
async fn metadata_of_feedback_is_cut_and_redacted_as_in_records() {
    const SECRET: &str = "sk-LEAK0123456789";
    let log = Log::with(&[record(1)]).await;
    let long = "x".repeat(3000);
    let metadata = json!({
        "api_key": SECRET, "note": format!("with {SECRET}"), SECRET: 1, "pwd": 19_191_919,
        "long": long, "n": 7, "tokens": 5,
    });
    let after = patch(&log, &id(1), json!({ "metadata": metadata })).await;
    let expected = json!({
        "api_key": "[REDACTED]", "note": "with [REDACTED]", "[REDACTED]": 1, "pwd": "[REDACTED]",
        "long": format!("{}\u{2026}", &long[..1024]), "n": 7, "tokens": 5,
    });
    assert_eq!((&after["metadata"], &after["cut"]), (&expected, &json!(true)));
    assert_eq!(log.get(&format!("/logs/{}", id(1))).await, after, "that is what is stored");
    assert!(log.ids("metadata.api_key=sk-LEAK0123456789").await.is_empty());

    let after = patch(&log, &id(1), json!({ "metadata": { SECRET: null, "long": null } })).await;
    assert_eq!(after["metadata"].get("[REDACTED]"), None, "it is found by the name it came with");
}

#[tokio::test]
async fn invalid_feedback_changes_nothing() {
    let records = various(3);
    let log = Log::with(&records).await;
    let path = format!("/logs/{}", records[1].id);
    let long = format!(r#"{{"metadata":{{"a":"{}"}}}}"#, "x".repeat(70_000));
    for (body, status) in [
        ("", 400),
        ("1", 400),
        ("[]", 400),
        ("{\"feedback\":1", 400),
        (r#"{"feedback":2}"#, 400),
        (r#"{"feedback":"' OR 1=1 --"}"#, 400),
        (r#"{"score":"1"}"#, 400),
        (r#"{"score":1e999}"#, 400),
        (r#"{"metadata":{"a":{}}}"#, 400),
        (r#"{"success":true}"#, 400),
        (&long, 413),
    ] {
        let answer = log.send("PATCH", &path, body.as_bytes()).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert!(answer.json()["error"]["message"].is_string());
    }
    assert_eq!(log.store.get(&records[1].id).unwrap().as_ref(), Some(&records[1]));

    for unknown in ["nosuch", "'%20OR%201=1%20--", "%00", "%FF", &id(99)] {
        let answer = log.send("PATCH", &format!("/logs/{unknown}"), br#"{"feedback":1}"#).await;
        assert_eq!(answer.status(), 404, "{unknown}: {}", answer.text());
    }
    assert!(log.ids("feedback=1").await.iter().all(|id| *id == records[1].id));
}

#[tokio::test]
async fn feedback_waits_for_a_record_being_written() {
    // It waits for a second, in which a busy machine may not write the record.
    for _ in 0..5 {
        let log = Log::start().await;
        let store = log.store.clone();
        let (started, has_started) = std::sync::mpsc::channel();
        let waiting = tokio::task::spawn_blocking(move || {
            let mut feedback = Feedback::default();
            feedback.feedback = Some(Some(1));
            // The record is written only after the first look-up.
            assert!(matches!(store.set_feedback("soon", &feedback), Err(LogStoreError::UnknownId)));
            started.send(()).unwrap();
            store.set_feedback(&id(1), &feedback)
        });
        has_started.recv().unwrap();
        for number in [5, 4, 3, 2, 1] {
            write(&log.store, &[record(number)]);
        }
        match guard("feedback", waiting).await.unwrap() {
            Ok(record) => {
                assert_eq!((record.id, record.feedback), (id(1), Some(1)));
                return;
            }
            Err(error) => assert!(matches!(error, LogStoreError::UnknownId), "{error:?}"),
        }
    }
    panic!("feedback does not wait");
}
