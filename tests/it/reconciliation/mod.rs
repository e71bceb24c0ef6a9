//! 10,000 exchanges of all outcomes through the example gateway: its counters, its logs and the
//! provider agree exactly on tokens and costs.

mod client;
mod plan;
mod provider;
mod sum;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{Request, Version};
use serde_json::Value;
use tower_ai_gateway::log::{LogQuery, LogStore, SummaryQuery, Timestamp};

use self::plan::{Course, Exchange};
use self::provider::Books;
use self::sum::Sum;
use crate::support::client::{Connection, collect, full};
use crate::support::guard;
use crate::support::program::Program;
use crate::support::scrape::Page;

const EXCHANGES: u64 = 10_000;
const CLIENTS: u64 = 16;

#[tokio::test]
async fn counters_logs_and_the_provider_agree_exactly() {
    let books = Books::default();
    let provider = books.open().await;
    let folder = tempfile::tempdir().unwrap();
    let (log, database) = (folder.path().join("log.jsonl"), folder.path().join("log.db"));
    let program = Program::start(&[
        "--provider",
        &format!("grok={}", provider.base("/v1")),
        "--provider",
        "dead=http://127.0.0.1:1/v1",
        "--log",
        log.to_str().unwrap(),
        "--log-db",
        database.to_str().unwrap(),
    ]);
    let clients = (0..CLIENTS).map(|start| {
        let books = books.clone();
        tokio::spawn(client::run(program.addr, books, start, CLIENTS as usize, EXCHANGES))
    });
    for client in clients.collect::<Vec<_>>() {
        let bound = tokio::time::timeout(Duration::from_secs(300), client);
        bound.await.expect("the clients come to an end").unwrap();
    }

    let mut expected = BTreeMap::<&str, u64>::new();
    for number in 0..EXCHANGES {
        *expected.entry(Exchange::number(number).course.outcome()).or_default() += 1;
    }
    let written = books.written();
    assert!(written.exchanges > EXCHANGES / 2 && written.ticks > 0, "{written:?}");

    // Prometheus counters.
    let page = settled(&program).await;
    let ended = |outcome: &str| {
        page.sum("ai_gateway_requests_ended_total", &[("ai_gateway_outcome", outcome)])
    };
    for (outcome, count) in &expected {
        assert_eq!(ended(outcome), *count, "{outcome}");
    }
    let tokens = |kind| page.sum("ai_gateway_tokens_total", &[("ai_gateway_token_kind", kind)]);
    let counted = Sum {
        exchanges: written.exchanges,
        input: tokens("input"),
        output: tokens("output"),
        ticks: page.sum("ai_gateway_cost_ticks_total", &[]),
    };
    assert_eq!(counted, written);

    assert!(program.stop().success(), "nothing was lost at the end");

    // The log of JSON lines.
    let text = std::fs::read_to_string(&log).unwrap();
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: BTreeSet<_> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!((records.len() as u64, ids.len() as u64), (EXCHANGES, EXCHANGES));
    let mut outcomes = BTreeMap::<&str, u64>::new();
    let mut logged = Sum::default();
    for record in &records {
        *outcomes.entry(record["outcome"].as_str().unwrap()).or_default() += 1;
        let figure = |name: &str| record[name].as_u64().unwrap_or(0);
        let own = Sum {
            exchanges: u64::from(record["cost_ticks"].is_u64()),
            input: figure("tokens_in"),
            output: figure("tokens_out"),
            ticks: figure("cost_ticks"),
        };
        let number = record["event_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(own, Exchange::number(number).billed(), "{record}");
        logged += own;
    }
    assert_eq!(outcomes, expected);
    assert_eq!(logged, written);

    // The log in SQLite.
    let store = LogStore::open(&database).unwrap();
    assert_eq!(store.count(&LogQuery::default()).unwrap(), EXCHANGES);
    let whole = SummaryQuery::new(Timestamp::UNIX_EPOCH, Timestamp::MAX, Duration::MAX);
    let total = store.summary(&whole).unwrap().totals;
    assert_eq!(
        (total.requests, total.tokens_in, total.tokens_out),
        (EXCHANGES, written.input, written.output)
    );
    assert_eq!(total.cost_ticks, written.ticks);

    // A cancelled stream counts the usage that had arrived, and all courses occur.
    let parts = (0..EXCHANGES).map(Exchange::number).filter(|e| e.course == Course::Cancelled);
    let partial: u64 = parts.map(|exchange| exchange.reported(1).ticks).sum();
    let is_partial =
        |record: &&Value| record["outcome"] == "cancelled" && record["metering"] == "partial";
    let cancelled = records.iter().filter(is_partial);
    let cancelled: u64 = cancelled.map(|record| record["cost_ticks"].as_u64().unwrap()).sum();
    assert_eq!(cancelled, partial);
    println!("{EXCHANGES} exchanges, {expected:?}: {written:?}");
}

/// The counters after all started exchanges have ended, which clients that left cannot see.
async fn settled(program: &Program) -> Page {
    let scrape = async || {
        let admin = program.admin.unwrap();
        let mut connection = Connection::open(admin, Version::HTTP_11).await;
        // Only for this machine, and only under its own name.
        let request = Request::get("/metrics").header("host", admin.to_string());
        let response = connection.send(request.body(full("")).unwrap()).await;
        assert_eq!(response.status(), 200);
        let body = response.into_body();
        Page::parse(str::from_utf8(&collect(body).await.unwrap()).unwrap())
    };
    let poll = async {
        loop {
            let page = scrape().await;
            let started = page.sum("ai_gateway_requests_started_total", &[]);
            if page.sum("ai_gateway_requests_ended_total", &[]) == EXCHANGES {
                assert_eq!(started, EXCHANGES);
                return page;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    guard("every exchange to end", poll).await
}
