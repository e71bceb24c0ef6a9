//! Queries by identity.

use serde_json::json;
use tower_ai_gateway::log::LogRecord;

use crate::log_sqlite::log::{self, Log, START, ids};

/// An exchange of one of three subjects in two teams, or without an identity.
fn record(number: usize) -> LogRecord {
    let mut json = log::json(number);
    if number % 4 < 3 {
        json["subject"] = json!(["red/alice", "red/anna", "blue/' OR 1=1 --"][number % 4]);
        json["groups"] = json!(["staff"]);
        let team = ["red", "red", "blue"][number % 4];
        json["labels"] = json!({ "team": team, "plan": "paid" });
    }
    // A client's claims are found only by their own parameter.
    json["metadata"] = json!({ "team": "red", "subject": "red/alice" });
    json["cost_ticks"] = json!(10_u64.pow((number % 4) as u32));
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn records_are_found_by_subject_and_labels() {
    let records: Vec<_> = (0..40).map(record).collect();
    let log = Log::with(&records).await;
    for (query, remainders) in [
        ("subject=red/alice", &[0][..]),
        ("subject=blue/'%20OR%201=1%20--", &[2]),
        ("subject=red", &[]),
        ("label.team=red", &[0, 1]),
        ("label.team=red&label.plan=paid", &[0, 1]),
        ("label.team=red&label.plan=free", &[]),
        ("label.team=red&subject=red/anna", &[1]),
        ("label.none=red", &[]),
        ("metadata.team=red&label.team=blue", &[2]),
        ("subject=", &[0, 1, 2, 3]),
    ] {
        let page = log.get(&format!("/logs?order=asc&limit=1000&{query}")).await;
        let expected: Vec<_> =
            (0..40).filter(|number| remainders.contains(&(number % 4))).map(log::id).collect();
        assert_eq!(ids(&page), expected, "{query}");
    }
    let record = log.get(&format!("/logs/{}", log::id(2))).await;
    assert_eq!(record["subject"], "blue/' OR 1=1 --");
    assert_eq!(record["groups"], json!(["staff"]));
    assert_eq!(record["labels"], json!({ "team": "blue", "plan": "paid" }));
    let many: String = (0..9).map(|number| format!("&label.l{number}=1")).collect();
    assert_eq!(log.send("GET", &format!("/logs?limit=1{many}"), b"").await.status(), 400);
}

#[tokio::test]
async fn costs_are_summed_by_subject_and_by_a_chosen_label() {
    let records: Vec<_> = (0..41).map(record).collect();
    let log = Log::with(&records).await;
    let range = format!("from={START}&to={}", START + 1_000_000);
    let summary = log.get(&format!("/summary?{range}&by_label=team")).await;
    let sums = |list: &str, name: &str| -> Vec<_> {
        let entries = summary[list].as_array().unwrap().iter();
        entries.map(|of| json!([of[name], of["requests"], of["cost_ticks"]])).collect()
    };
    assert_eq!(
        sums("subjects", "subject"),
        [
            json!(["red/alice", 11, 11]),
            json!(["blue/' OR 1=1 --", 10, 1000]),
            json!(["red/anna", 10, 100]),
        ]
    );
    assert_eq!(sums("labels", "value"), [json!(["red", 21, 111]), json!(["blue", 10, 1000])]);
    assert_eq!(summary["totals"]["requests"], 41, "with those of nobody");
    let one = log.get(&format!("/summary?{range}&label.team=red&subject=red/anna")).await;
    assert_eq!((&one["totals"]["requests"], &one["labels"]), (&json!(10), &json!(null)));
    let none = log.get(&format!("/summary?{range}&by_label=nosuch")).await;
    assert_eq!((&none["totals"]["requests"], &none["labels"]), (&json!(41), &json!(null)));
}

#[tokio::test]
async fn the_number_of_listed_subjects_is_bounded() {
    let records = (0..251).map(|number| {
        let mut json = log::json(number);
        json["subject"] = json!(format!("user-{:03}", number.min(249)));
        serde_json::from_value(json).unwrap()
    });
    let log = Log::with(&records.collect::<Vec<LogRecord>>()).await;
    let summary = log.get(&format!("/summary?from={START}&to={}", START + 1_000_000)).await;
    let subjects = summary["subjects"].as_array().unwrap();
    assert_eq!((subjects.len(), &subjects[0]["subject"]), (200, &json!("user-249")));
}
