//! Filters, pages, and hostile queries.

use std::time::Duration;

use serde_json::{Value, json};
use tower_ai_gateway::context::MetadataValue;
use tower_ai_gateway::log::{LogQuery, LogRecord};

use crate::log_sqlite::log::{self, Log, START, id, ids, record, various, write};

#[tokio::test]
async fn every_filter_finds_exactly_its_records() {
    let records = various(120);
    let log = Log::with(&records).await;
    let entry = |record: &LogRecord, key: &str, value: &str| {
        record.metadata.get(key).is_some_and(|found| found.to_string() == value)
    };
    let (from, to) = (START + 20_000, START + 70_000);
    let time = |record: &LogRecord| record.created_at.as_millisecond();
    let rfc_3339 = jiff::Timestamp::from_millisecond(from).unwrap();
    type Fits<'a> = Box<dyn Fn(&LogRecord) -> bool + 'a>;
    let filters: Vec<(String, Fits<'_>)> = vec![
        (format!("from={from}"), Box::new(|r| time(r) >= from)),
        (format!("from={rfc_3339}"), Box::new(|r| time(r) >= from)),
        (format!("to={to}"), Box::new(|r| time(r) < to)),
        (format!("from={from}&to={to}"), Box::new(|r| (from..to).contains(&time(r)))),
        ("provider=grok".into(), Box::new(|r| r.provider.as_deref() == Some("grok"))),
        ("model=gpt-5".into(), Box::new(|r| r.model.as_deref() == Some("gpt-5"))),
        ("model=100%25_'%22".into(), Box::new(|r| r.model.as_deref() == Some("100%_'\""))),
        (
            "provider=grok&model=gpt-5".into(),
            Box::new(|r| {
                r.provider.as_deref() == Some("grok") && r.model.as_deref() == Some("gpt-5")
            }),
        ),
        ("operation=responses".into(), Box::new(|r| r.model_type == "responses")),
        ("status=429".into(), Box::new(|r| r.status_code == Some(429))),
        ("status=4xx".into(), Box::new(|r| r.status_code.is_some_and(|status| status / 100 == 4))),
        ("outcome=rejected".into(), Box::new(|r| r.outcome == "rejected")),
        ("success=true".into(), Box::new(|r| r.success)),
        ("success=false".into(), Box::new(|r| !r.success)),
        ("cached=true".into(), Box::new(|r| r.cached)),
        ("cached=false".into(), Box::new(|r| !r.cached)),
        ("stream=true".into(), Box::new(|r| r.stream)),
        ("stream=false".into(), Box::new(|r| !r.stream)),
        ("event_id=event-17".into(), Box::new(|r| r.event_id == "event-17")),
        (format!("id={}", log::id(18)), Box::new(|r| r.id == log::id(18))),
        ("metadata.key=team&metadata.value=red".into(), Box::new(move |r| entry(r, "team", "red"))),
        ("metadata.team=blue".into(), Box::new(move |r| entry(r, "team", "blue"))),
        ("metadata.number=3".into(), Box::new(move |r| entry(r, "number", "3"))),
        ("metadata.flag=true".into(), Box::new(move |r| entry(r, "flag", "true"))),
        (
            "metadata.team=red&metadata.key=other&metadata.value=red".into(),
            Box::new(move |r| entry(r, "team", "red") && entry(r, "other", "red")),
        ),
        ("min_cost=2.1".into(), Box::new(|r| r.cost_ticks >= Some(21_000_000_000))),
        (
            "max_cost=2.1".into(),
            Box::new(|r| r.cost_ticks.is_some_and(|cost| cost <= 21_000_000_000)),
        ),
        ("min_tokens_in=200".into(), Box::new(|r| r.tokens_in >= Some(200))),
        ("max_tokens_in=200".into(), Box::new(|r| r.tokens_in.is_some_and(|n| n <= 200))),
        ("min_tokens_out=20".into(), Box::new(|r| r.tokens_out >= Some(20))),
        ("max_tokens_out=20".into(), Box::new(|r| r.tokens_out.is_some_and(|n| n <= 20))),
        ("min_duration=55.5".into(), Box::new(|r| r.duration >= 55.5)),
        ("feedback=-1".into(), Box::new(|r| r.feedback == Some(-1))),
        ("feedback=1".into(), Box::new(|r| r.feedback == Some(1))),
    ];
    for (query, fits) in filters {
        let expected: Vec<_> =
            records.iter().rev().filter(|record| fits(record)).map(|r| r.id.clone()).collect();
        assert!(!expected.is_empty() && expected.len() < records.len(), "{query} says nothing");
        assert_eq!(log.ids(&format!("{query}&limit=1000")).await, expected, "{query}");
    }
    for nothing in [
        "provider=gro",
        "provider=GROK",
        "model=gpt%25",
        "outcome=none",
        "event_id=event",
        // The value exists under another key.
        "metadata.team=3",
        "metadata.red=team",
        "metadata.team=red&metadata.key=team&metadata.value=blue",
        "min_cost=1000",
    ] {
        assert!(log.ids(nothing).await.is_empty(), "{nothing}");
    }
}

#[tokio::test]
async fn both_orders_and_a_count_are_right() {
    let records = various(60);
    let log = Log::with(&records).await;
    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    assert_eq!(log.ids("order=asc").await, ids[..50]);
    assert_eq!(log.ids("order=asc&limit=3").await, ids[..3]);
    assert_eq!(log.ids("order=desc&limit=2").await, [ids[59].clone(), ids[58].clone()]);
    let mut query = LogQuery::default();
    assert_eq!(log.store.count(&query).unwrap(), 60);
    query.metadata = vec![("flag".to_owned(), "true".to_owned())];
    query.limit = Some(1);
    assert_eq!(log.store.count(&query).unwrap(), 30);
}

#[tokio::test]
async fn pages_are_consistent_while_records_are_added() {
    for order in ["asc", "desc"] {
        // Many records in the same millisecond, where a page may end.
        let mut records: Vec<_> = (0..100).map(record).collect();
        for (number, record) in records.iter_mut().enumerate() {
            record.created_at = log::record(number / 25).created_at;
        }
        let log = Log::with(&records).await;
        let (mut seen, mut cursor, mut late) = (Vec::new(), String::new(), 1000);
        loop {
            let question = format!("/logs?limit=7&order={order}&cursor={cursor}&outcome=complete");
            let page = log.get(&question).await;
            seen.extend(log::ids(&page));
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
            // One newer and one older than all others.
            if late < 1010 {
                let mut old = record(late + 1);
                old.created_at = jiff::Timestamp::from_millisecond(START - 1).unwrap();
                write(&log.store, &[record(late), old]);
                late += 2;
            }
        }
        let known: Vec<_> = seen.iter().filter(|id| **id < log::id(1000)).cloned().collect();
        let mut expected: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
        if order == "desc" {
            expected.reverse();
        }
        assert_eq!(known, expected);
        seen.sort();
        seen.dedup();
        // Records inserted after the cursor also appear once.
        assert_eq!(seen.len(), 105, "{order}");
    }
}

#[tokio::test]
async fn bodies_are_in_a_record_and_not_in_a_list() {
    let mut whole = various(10).pop().unwrap();
    whole.request_head = Some("the question".to_owned());
    whole.request_head_complete = Some(true);
    whole.response_head = Some("the \0 answer \u{1f600}".to_owned());
    whole.duration = 0.1 + 0.2;
    whole.score = Some(1.0 / 3.0);
    whole.tokens_in = Some(u64::MAX);
    whole.metadata.insert("n".to_owned(), MetadataValue::Number(1e300));
    let log = Log::with(std::slice::from_ref(&whole)).await;
    let listed = &log.get("/logs").await["logs"][0];
    assert!(listed["request_head"].is_null() && listed["response_head"].is_null());
    assert_eq!(listed["request_head_complete"], true);
    let alone: LogRecord =
        serde_json::from_value(log.get(&format!("/logs/{}", whole.id)).await).unwrap();
    assert_eq!(alone, whole);
    assert_eq!(log.store.get(&whole.id).unwrap(), Some(whole));
    assert_eq!(log.send("GET", "/logs/nosuch", b"").await.status(), 404);
}

#[tokio::test]
async fn hostile_queries_find_and_reveal_nothing() {
    let log = Log::with(&various(20)).await;
    let long = "x".repeat(20_000);
    let values = [
        "'%20OR%201=1%20--",
        "%22%20OR%20%22%22=%22",
        "1);DROP%20TABLE%20logs;--",
        "%25",
        "_",
        "*",
        "%00",
        "grok%00",
        "%FF%FE",
        "-1e999",
        "9223372036854775808",
        "%5B%5D",
        "..%2F..%2Fetc%2Fpasswd",
        long.as_str(),
    ];
    let names = "from to provider model operation status outcome success cached stream event_id id \
                 metadata.team metadata.' min_cost max_cost min_tokens_in max_tokens_in \
                 min_tokens_out max_tokens_out min_duration feedback order limit cursor nosuch";
    let mut questions: Vec<_> = values.iter().map(|value| format!("/logs/{value}")).collect();
    for value in values {
        questions.extend(names.split_whitespace().map(|name| format!("/logs?{name}={value}")));
        questions.push(format!("/logs?metadata.key={value}&metadata.value={value}"));
        questions.push(format!("/logs?{value}=1"));
        for name in ["from", "to", "bucket", "provider", "model"] {
            questions.push(format!("/summary?{name}={value}"));
        }
    }
    for question in questions {
        let answer = log.send("GET", &question, b"").await;
        let start = &question[..question.len().min(80)];
        match answer.status() {
            // A very large upper limit excludes nothing.
            200 if question.contains("max_") => {}
            200 if question.starts_with("/logs") => {
                assert_eq!(answer.json()["logs"], serde_json::json!([]), "{start}");
            }
            200 => assert_eq!(answer.json()["totals"]["requests"], 0, "{start}"),
            400 | 404 => {
                let message =
                    answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                assert!(!message.is_empty() && message.len() < 200, "{start}: {message}");
                for reported in ["SELECT", "qlite", "syntax", "log.db"] {
                    assert!(!message.contains(reported), "{start}: {message}");
                }
            }
            status => panic!("{start}: {status}"),
        }
    }
    assert_eq!(log.ids("").await.len(), 20);
}

#[tokio::test]
async fn the_error_names_an_invalid_parameter() {
    let log = Log::start().await;
    for (question, message) in [
        ("/logs?limit=0", "`limit` must be a number from 1 to 1000"),
        ("/logs?provider=a&provider=b", "`provider` is given twice"),
        ("/logs?modle=a", "there is no parameter `modle`"),
        ("/logs?metadata.key=a", "each `metadata.key` must be followed by its `metadata.value`"),
        ("/summary?from=2&to=1", "`from` is before `to`, and `bucket` at least 1 ms"),
        ("/summary?from=0&to=501&bucket=1", "a summary has at most 500 buckets"),
        ("/summary?from=now", "`from` must be a time in RFC 3339 or in milliseconds since 1970"),
    ] {
        let answer = log.send("GET", question, b"").await;
        assert_eq!(answer.status(), 400, "{question}");
        assert_eq!(answer.json()["error"]["message"], message);
        assert_eq!(answer.head.get("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_slow_query_is_ended_and_others_are_answered() {
    let log = Log::of(|store| store.query_timeout(Duration::ZERO)).await;
    write(&log.store, &various(1000));
    let (from, to) = (START, START + 1_000_000);
    // More than are answered at once.
    for _ in 0..5 {
        let answer = log.send("GET", &format!("/summary?from={from}&to={to}"), b"").await;
        assert_eq!(answer.status(), 503, "{}", answer.text());
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("longer than 0ns"), "{message}");
    }
    assert_eq!(log.get(&format!("/logs/{}", id(7))).await["id"], id(7));
}

#[tokio::test]
async fn a_page_leaves_out_only_unreadable_records() {
    let log = Log::with(&(0..5).map(record).collect::<Vec<_>>()).await;
    let other = rusqlite::Connection::open(log.directory.file()).unwrap();
    let spoil = "UPDATE logs SET more = '{' WHERE created_at = ?";
    for number in [1, 4] {
        assert_eq!(other.execute(spoil, [START + 1000 * number]).unwrap(), 1);
    }
    let page = log.get("/logs?order=asc").await;
    assert_eq!(ids(&page), [0, 2, 3].map(id));
    assert_eq!(page["unreadable"], 2);
    // Pages go on behind them.
    let page = log.get("/logs?order=asc&limit=2").await;
    assert_eq!((ids(&page), &page["unreadable"]), (vec![id(0)], &json!(1)));
    let cursor = page["next"].as_str().unwrap();
    let page = log.get(&format!("/logs?order=asc&limit=2&cursor={cursor}")).await;
    assert_eq!((ids(&page), page.get("unreadable")), (vec![id(2), id(3)], None));
    let cursor = page["next"].as_str().unwrap();
    let page = log.get(&format!("/logs?order=asc&limit=2&cursor={cursor}")).await;
    assert_eq!((ids(&page), &page["next"]), (vec![], &Value::Null));
    assert_eq!(log.send("GET", &format!("/logs/{}", id(1)), b"").await.status(), 500);
}
