//! All shapes through the example gateway: its counters and both its logs agree exactly with what
//! the providers sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{Request, Response, Version};
use http_body_util::BodyExt;
use serde_json::Value;
use tower_ai_gateway::log::{LogQuery, LogStore, SummaryQuery, Timestamp};

use super::fixture::Fixture;
use super::fixtures;
use crate::support::client::{Connection, collect, full, request};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::program::Program;
use crate::support::scrape::Page;

/// How often each answer is requested.
const ROUNDS: u64 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    exchanges: u64,
    successes: u64,
    input: u64,
    output: u64,
    ticks: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.successes += other.successes;
        self.input += other.input;
        self.output += other.output;
        self.ticks += other.ticks;
    }
}

fn written(fixture: &Fixture) -> Sum {
    let booked = &fixture.booked;
    Sum {
        exchanges: 1,
        successes: u64::from(booked.is_success),
        input: booked.input.unwrap_or(0),
        output: booked.output.unwrap_or(0),
        ticks: booked.ticks.unwrap_or(0),
    }
}

async fn provider(all: Vec<Fixture>) -> HyperUpstream {
    HyperUpstream::start(move |request| {
        let number: usize = request.headers()["x-number"].to_str().unwrap().parse().unwrap();
        let Fixture { kind, body: bytes, .. } = all[number].clone();
        async move {
            request.into_body().collect().await.unwrap();
            Response::builder().header("content-type", kind).body(body(bytes)).unwrap()
        }
    })
    .await
}

#[tokio::test]
async fn counters_and_logs_agree_with_the_fixtures() {
    let all = fixtures();
    let total = all.len() as u64 * ROUNDS;
    let upstream = provider(all.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let (log, database) = (folder.path().join("log.jsonl"), folder.path().join("log.db"));
    // Without a reported figure there is no cost.
    let prices = folder.path().join("prices.toml");
    std::fs::write(&prices, "as_of = 2026-11-01\n").unwrap();
    let mut arguments: Vec<String> = ["--log", log.to_str().unwrap(), "--log-db"]
        .map(str::to_owned)
        .into_iter()
        .chain([database.to_str().unwrap().to_owned()])
        .chain(["--prices".to_owned(), prices.to_str().unwrap().to_owned()])
        .collect();
    let slugs: BTreeSet<_> = all.iter().map(|fixture| fixture.provider).collect();
    for slug in slugs {
        arguments.extend(["--provider".to_owned(), format!("{slug}={}", upstream.base(""))]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = Program::start(&arguments);

    let mut expected = Sum::default();
    let mut connection = Connection::open(program.addr, Version::HTTP_11).await;
    for number in (0..all.len()).cycle().take(all.len() * ROUNDS as usize) {
        let fixture = &all[number];
        let path = format!("/v1/acct/gw/{}/{}", fixture.provider, fixture.path);
        let headers = [
            ("content-type", "application/json"),
            ("authorization", "Bearer test-key"),
            ("x-number", &*number.to_string()),
            ("cf-aig-event-id", &*number.to_string()),
        ];
        let asked = full(r#"{"model":"asked"}"#);
        let request = request(Version::HTTP_11, fixture.method, &path, &headers, asked);
        let response = connection.send(request).await;
        let relayed = collect(response.into_body()).await;
        match relayed {
            Ok(relayed) => assert_eq!(relayed, fixture.body, "{}", fixture.name),
            // A stream without its marker is broken.
            Err(_) => connection = Connection::open(program.addr, Version::HTTP_11).await,
        }
        expected.add(written(fixture));
    }

    let page = settled(&program, total).await;
    let tokens = |kind| page.sum("ai_gateway_tokens_total", &[("ai_gateway_token_kind", kind)]);
    assert_eq!(
        (tokens("input"), tokens("output"), page.sum("ai_gateway_cost_ticks_total", &[])),
        (expected.input, expected.output, expected.ticks),
        "the counters"
    );
    assert!(program.stop().success(), "nothing was lost at the end");

    let text = std::fs::read_to_string(&log).unwrap();
    let mut logged = BTreeMap::<usize, Sum>::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let figure = |name: &str| record[name].as_u64().unwrap_or(0);
        let number: usize = record["event_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(record["model_type"], all[number].booked.operation, "{record}");
        logged.entry(number).or_default().add(Sum {
            exchanges: 1,
            successes: u64::from(record["success"].as_bool().unwrap()),
            input: figure("tokens_in"),
            output: figure("tokens_out"),
            ticks: figure("cost_ticks"),
        });
    }
    for (number, fixture) in all.iter().enumerate() {
        let mut own = Sum::default();
        (0..ROUNDS).for_each(|_| own.add(written(fixture)));
        assert_eq!(logged.get(&number), Some(&own), "{}", fixture.name);
    }

    let store = LogStore::open(&database).unwrap();
    assert_eq!(store.count(&LogQuery::default()).unwrap(), total);
    let whole = SummaryQuery::new(Timestamp::UNIX_EPOCH, Timestamp::MAX, Duration::MAX);
    let sums = store.summary(&whole).unwrap().totals;
    assert_eq!(
        (sums.requests, sums.tokens_in, sums.tokens_out, sums.cost_ticks),
        (total, expected.input, expected.output, expected.ticks),
        "the database"
    );
}

/// The counters after all exchanges have ended.
async fn settled(program: &Program, total: u64) -> Page {
    let admin = program.admin.unwrap();
    let poll = async {
        loop {
            let mut connection = Connection::open(admin, Version::HTTP_11).await;
            let request = Request::get("/metrics").header("host", admin.to_string());
            let response = connection.send(request.body(full("")).unwrap()).await;
            let text = collect(response.into_body()).await.unwrap();
            let page = Page::parse(str::from_utf8(&text).unwrap());
            if page.sum("ai_gateway_requests_ended_total", &[]) == total {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    guard("every exchange to end", poll).await
}
