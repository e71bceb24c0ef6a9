//! Checks that all counts agree, and prints them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Version};
use serde_json::Value;
use tower_ai_gateway::log::{LogQuery, LogStore};

use super::books::Books;
use super::clients::{self, Course};
use super::provider::TICKS;
use super::support::client::{Connection, collect, full};
use super::support::guard;
use super::support::program::Program;
use super::support::scrape::Page;
use super::watch::Sample;

pub(crate) struct Summary {
    pub(crate) seconds: u64,
    pub(crate) reloads: u64,
    pub(crate) fillings: u64,
    pub(crate) samples: Vec<Sample>,
}

/// The counters after all exchanges have ended and all records are written or dropped.
pub(crate) async fn settled(program: &Program) -> Page {
    let poll = async {
        loop {
            let page = scrape(program).await;
            let started = page.sum("ai_gateway_requests_started_total", &[]);
            let ended = page.sum("ai_gateway_requests_ended_total", &[]);
            if started == ended
                && records(&page, "file") == ended
                && records(&page, "sqlite") == ended
            {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    guard("every exchange to end, and its records", poll).await
}

/// Sends requests that are refused until standard error, which nobody reads, has no room for their lines.
pub(crate) async fn fill_standard_error(program: &Program, books: &Arc<Books>) {
    let fill = async {
        while scrape(program).await.sum("ai_gateway_log_lines_dropped_total", &[]) == 0 {
            let end = Instant::now() + Duration::from_millis(500);
            clients::run(Course::Refused, program.addr, books.clone(), end).await;
        }
    };
    guard("lines are dropped", fill).await;
}

/// Records of a log that were written or dropped.
fn records(page: &Page, log: &str) -> u64 {
    written(page, log) + dropped(page, log)
}

fn written(page: &Page, log: &str) -> u64 {
    of_result(page, log, "written")
}

fn dropped(page: &Page, log: &str) -> u64 {
    let results = ["failed", "dropped", "dropped_refused"];
    results.iter().map(|result| of_result(page, log, result)).sum()
}

fn of_result(page: &Page, log: &str, result: &str) -> u64 {
    page.sum("ai_gateway_log_records_total", &[("log", log), ("result", result)])
}

async fn scrape(program: &Program) -> Page {
    let address = program.admin.unwrap();
    let mut connection = Connection::open(address, Version::HTTP_11).await;
    let request = Request::get("/metrics").header("host", address.to_string());
    let response = connection.send(request.body(full("")).unwrap()).await;
    let body = collect(response.into_body()).await.unwrap();
    Page::parse(str::from_utf8(&body).unwrap())
}

/// Compares the counts of clients, provider and gateway.
pub(crate) fn check_books(books: &Books, page: &Page) {
    assert_eq!(Books::of(&books.foreign_keys), 0, "a key reached another host");
    assert_eq!(Books::of(&books.unexpected), 0, "every request went as its course promises");
    let reset = Books::of(&books.reset);
    assert!(reset <= 20 + Books::of(&books.called) / 100, "{books:?}");
    let ended = page.sum("ai_gateway_requests_ended_total", &[]);
    let (answered, given_up) = (Books::of(&books.answered), Books::of(&books.given_up));
    assert!((answered..=answered + given_up).contains(&ended), "{ended} ended: {books:?}");
    let rejected =
        page.sum("ai_gateway_requests_ended_total", &[("ai_gateway_outcome", "rejected")]);
    assert_eq!(rejected, Books::of(&books.refused));
    for gauge in ["ai_gateway_requests_active", "ai_gateway_streams_active"] {
        assert_eq!(page.sum(gauge, &[]), 0, "{gauge}");
    }
    let ticks = page.sum("ai_gateway_cost_ticks_total", &[]);
    assert_eq!(ticks % TICKS, 0);
    let bounds = Books::of(&books.read_whole)..=Books::of(&books.written);
    assert!(bounds.contains(&(ticks / TICKS)), "{ticks} ticks: {books:?}");
}

/// Checks that both logs contain as many records as they report.
pub(crate) fn check_logs(page: &Page, log: &Path, database: &Path) {
    let ended = page.sum("ai_gateway_requests_ended_total", &[]);
    let store = LogStore::open(database).unwrap();
    assert_eq!(store.count(&LogQuery::default()).unwrap(), written(page, "sqlite"));
    assert_eq!(dropped(page, "sqlite"), 0, "its disk was never full");
    assert!(dropped(page, "file") > 0, "its disk was full");
    assert!(written(page, "file") > 0 && records(page, "file") == ended);
    assert!(page.sum("ai_gateway_log_lines_dropped_total", &[]) > 0, "nobody reads standard error");
    // A line cut by a full disk stands alone, and was counted as lost.
    let text = std::fs::read_to_string(log).unwrap();
    let is_torn = |line: &&str| serde_json::from_str::<Value>(line).is_err();
    let torn = text.trim_start_matches('\0').lines().filter(is_torn).count() as u64;
    assert!(torn <= dropped(page, "file"), "{torn} lines are torn");
}

impl Summary {
    /// Compares the second quarter with the last: the first is warm-up.
    fn quarters(&self) -> (Sample, Sample) {
        let quarter = self.samples.len() / 4;
        let last = Sample::peak(&self.samples[3 * quarter..]);
        (Sample::peak(&self.samples[quarter..2 * quarter]), last)
    }

    pub(crate) fn check_flat(&self) {
        let (second, last) = self.quarters();
        let bound = second.rss_kib + second.rss_kib / 10 + 16 * 1024;
        assert!(last.rss_kib <= bound, "memory grows: {second:?}, {last:?}");
        assert!(last.descriptors <= second.descriptors + 32, "{second:?}, {last:?}");
        assert!(last.threads <= second.threads + 4, "{second:?}, {last:?}");
    }

    pub(crate) fn text(&self, books: &Books, page: &Page) -> String {
        let Self { seconds, reloads, fillings, .. } = self;
        let (second, last) = self.quarters();
        let ended = |outcome| {
            page.sum("ai_gateway_requests_ended_total", &[("ai_gateway_outcome", outcome)])
        };
        let outcomes: Vec<_> = ["complete", "rejected", "failed", "broken", "cancelled"]
            .map(|outcome| format!("{outcome} {}", ended(outcome)))
            .into();
        format!(
            "{seconds} s, {reloads} reloads, {fillings} full disks\n\
             ended: {}\n\
             clients and provider: {books:?}\n\
             JSON lines: {} written, {} dropped; SQLite: {} written; lines of standard error dropped: {}\n\
             second quarter: {second:?}\n\
             last quarter:   {last:?}",
            outcomes.join(", "),
            written(page, "file"),
            dropped(page, "file"),
            written(page, "sqlite"),
            page.sum("ai_gateway_log_lines_dropped_total", &[]),
        )
    }
}
