//! Every statement finds its records by an index.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;

use super::filter::Filter;
use super::page::{one_sql, page_sql};
use super::percentiles::NearestRank;
use super::query::LogQuery;
use super::schema;
use super::summary::WITH_LABELS;
use super::totals::sums_sql;
use super::write::{DELETE_BEYOND, DELETE_OLD};

/// The indices that SQLite uses for a statement.
fn indices(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Unbound parameters are null.
    let mut plan = statement.raw_query();
    let mut used = Vec::new();
    while let Some(step) = plan.next().unwrap() {
        let step: String = step.get(3).unwrap();
        let name = step.split_once(" INDEX ").and_then(|(_, rest)| rest.split(' ').next());
        used.extend(name.map(str::to_owned));
    }
    used
}

#[test]
fn every_statement_uses_an_index_and_every_index_is_used() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    NearestRank::register(&connection).unwrap();
    let page = |change: &dyn Fn(&mut LogQuery)| {
        let mut query = LogQuery::default();
        change(&mut query);
        page_sql(&Filter::from(&query), "ORDER BY created_at DESC, seq DESC")
    };
    let range = || Some(Timestamp::UNIX_EPOCH);
    let sums = |from: &str, change: &dyn Fn(&mut LogQuery)| {
        let mut query = LogQuery { from: range(), to: range(), ..LogQuery::default() };
        change(&mut query);
        let filter = Filter::from(&query);
        let is_by_label = from == WITH_LABELS;
        let filter =
            if is_by_label { filter.and("key = ?", ["x".to_owned().into()]) } else { filter };
        sums_sql(from, &filter, if is_by_label { "value" } else { "provider, model" }, 9)
    };
    let text = || Some("x".to_owned());
    let pairs = || vec![("x".to_owned(), "x".to_owned())];
    let mut used = BTreeSet::new();
    for (sql, expected) in [
        (one_sql(), &["logs_by_id"][..]),
        (page(&|_| ()), &["logs_by_time"]),
        (page(&|query| query.from = Some(Timestamp::UNIX_EPOCH)), &["logs_by_time"]),
        (page(&|query| query.outcome = text()), &["logs_by_time"]),
        (page(&|query| query.model = text()), &["logs_by_model"]),
        (page(&|query| (query.provider, query.model) = (text(), text())), &["logs_by_model"]),
        (page(&|query| query.id = text()), &["logs_by_id"]),
        (page(&|query| query.event_id = text()), &["logs_by_event", "logs_by_id"]),
        (page(&|query| query.subject = text()), &["logs_by_subject"]),
        (page(&|query| query.labels = pairs()), &["labels_by_value"]),
        (page(&|query| query.metadata = pairs()), &["metadata_by_value"]),
        (page(&|query| query.provider = text()), &["logs_by_time"]),
        // Within a range, only its records are read.
        (
            page(&|query| (query.from, query.labels) = (range(), pairs())),
            &["logs_by_time", "labels_by_value"],
        ),
        (
            page(&|query| (query.from, query.metadata) = (range(), pairs())),
            &["logs_by_time", "metadata_by_value"],
        ),
        (sums("logs", &|_| ()), &["logs_by_time"]),
        (sums("logs", &|query| query.provider = text()), &["logs_by_time"]),
        (sums("logs", &|query| query.model = text()), &["logs_by_model"]),
        (sums("logs", &|query| query.subject = text()), &["logs_by_subject"]),
        (sums("logs", &|query| query.labels = pairs()), &["logs_by_time", "labels_by_value"]),
        (sums(WITH_LABELS, &|_| ()), &["logs_by_time"]),
        (DELETE_OLD.to_owned(), &["logs_by_time"]),
        // By the number of the record.
        (DELETE_BEYOND.to_owned(), &[]),
    ] {
        let found = indices(&connection, &sql);
        assert_eq!(found, expected, "{sql}");
        used.extend(found);
    }
    let all = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let mut all = connection.prepare(all).unwrap();
    let all = all.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(all.collect::<Result<BTreeSet<String>, _>>().unwrap(), used);
}
