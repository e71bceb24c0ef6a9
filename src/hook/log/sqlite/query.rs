//! Queries for records, one page at a time.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params_from_iter};
use serde::{Serialize, Serializer};

use super::StoreError;
use super::columns::{self, Id};
use super::filter::{Filter, integer};
use super::write::{BOOLEAN, NUMBER};
use crate::directives::metadata::MetadataValue;
use crate::hook::log::LogRecord;

/// The maximum number of records on a page.
pub(super) const MOST: u32 = 1000;
const DEFAULT: u32 = 50;

/// Selects the records that match all fields that are set. Texts are compared exactly.
///
/// ```
/// use tower_ai_gateway::log::LogQuery;
///
/// let mut query = LogQuery::default();
/// query.provider = Some("grok".to_owned());
/// query.status = Some(400..=499);
/// query.metadata = vec![("user".to_owned(), "42".to_owned())];
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LogQuery {
    /// Arrived at this instant or later.
    pub from: Option<Timestamp>,
    /// Arrived before this instant.
    pub to: Option<Timestamp>,
    /// The provider's slug.
    pub provider: Option<String>,
    /// The model, as in [`LogRecord::model`].
    pub model: Option<String>,
    /// The kind of API call, as in [`LogRecord::model_type`].
    pub operation: Option<String>,
    /// The status: `429..=429` is one, `400..=499` a class.
    pub status: Option<RangeInclusive<u16>>,
    /// The outcome, as in [`LogRecord::outcome`].
    pub outcome: Option<String>,
    /// As in [`LogRecord::success`].
    pub success: Option<bool>,
    /// From a cache or not.
    pub cached: Option<bool>,
    /// An event stream or not.
    pub stream: Option<bool>,
    /// The id of the event.
    pub event_id: Option<String>,
    /// The id of the log.
    pub id: Option<String>,
    /// The subject of the request's identity, as in [`LogRecord::subject`].
    pub subject: Option<String>,
    /// Labels that the identity must have.
    pub labels: Vec<(String, String)>,
    /// Entries that the metadata must have. Numbers and booleans are compared as text.
    pub metadata: Vec<(String, String)>,
    /// The minimum cost, in ticks: 1 USD = 10^10 ticks. This and the following conditions exclude
    /// records without the value.
    pub min_cost_ticks: Option<u64>,
    /// The maximum cost, in ticks.
    pub max_cost_ticks: Option<u64>,
    /// The minimum number of input tokens.
    pub min_tokens_in: Option<u64>,
    /// The maximum number of input tokens.
    pub max_tokens_in: Option<u64>,
    /// The minimum number of output tokens.
    pub min_tokens_out: Option<u64>,
    /// The maximum number of output tokens.
    pub max_tokens_out: Option<u64>,
    /// The minimum time from arrival to end.
    pub min_duration: Option<Duration>,
    /// The rating: -1 or 1.
    pub feedback: Option<i8>,
    /// Oldest records first. Default: newest first.
    pub oldest_first: bool,
    /// The number of records on a page, at most 1,000. Default: 50.
    pub limit: Option<u32>,
    /// The [`LogPage::next`] of the previous page.
    pub cursor: Option<Cursor>,
}

impl From<&LogQuery> for Filter {
    fn from(query: &LogQuery) -> Self {
        let mut filter = Self::default();
        filter.is("created_at >= ?", query.from.map(|from| from.as_millisecond()));
        filter.is("created_at < ?", query.to.map(|to| to.as_millisecond()));
        filter.is("provider = ?", query.provider.clone());
        filter.is("model = ?", query.model.clone());
        filter.is("operation = ?", query.operation.clone());
        if let Some(status) = &query.status {
            filter
                .add("status BETWEEN ? AND ?", [(*status.start()).into(), (*status.end()).into()]);
        }
        filter.is("outcome = ?", query.outcome.clone());
        filter.is("success = ?", query.success);
        filter.is("cached = ?", query.cached);
        filter.is("stream = ?", query.stream);
        if let Some(event_id) = &query.event_id {
            let id = Id::value(event_id);
            filter.add("(event_id = ? OR event_id IS NULL AND id = ?)", [id.clone(), id]);
        }
        filter.is("id = ?", query.id.as_deref().map(Id::value));
        filter.is("subject = ?", query.subject.clone());
        let labels = "seq IN (SELECT seq FROM labels WHERE key = ? AND value = ?)";
        let metadata = "seq IN (SELECT seq FROM metadata WHERE key = ? AND value = ?)";
        for (condition, entries) in [(labels, &query.labels), (metadata, &query.metadata)] {
            for (key, value) in entries {
                filter.add(condition, [key.clone().into(), value.clone().into()]);
            }
        }
        filter.is("cost_ticks >= ?", query.min_cost_ticks.map(integer));
        filter.is("cost_ticks <= ?", query.max_cost_ticks.map(integer));
        filter.is("tokens_in >= ?", query.min_tokens_in.map(integer));
        filter.is("tokens_in <= ?", query.max_tokens_in.map(integer));
        filter.is("tokens_out >= ?", query.min_tokens_out.map(integer));
        filter.is("tokens_out <= ?", query.max_tokens_out.map(integer));
        let nanoseconds = |least: Duration| i64::try_from(least.as_nanos()).unwrap_or(i64::MAX);
        filter.is("duration >= ?", query.min_duration.map(nanoseconds));
        filter.is("feedback = ?", query.feedback);
        filter
    }
}

/// A page of the records that match a [`LogQuery`], without bodies.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogPage {
    /// In the requested order; records of the same millisecond in the order of writing.
    pub logs: Vec<LogRecord>,
    /// The start of the next page, if there is one.
    pub next: Option<Cursor>,
}

/// A position between two records, which stays valid while others are written. Its text is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    created_at: i64,
    seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let numbers = text.split_once('.').and_then(|(created_at, seq)| {
            Some(Self { created_at: created_at.parse().ok()?, seq: seq.parse().ok()? })
        });
        numbers.ok_or(StoreError::Invalid("the cursor is not one that a page ended with"))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn page(connection: &Connection, query: &LogQuery) -> Result<LogPage, StoreError> {
    let limit = query.limit.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(StoreError::Invalid("a page has between 1 and 1000 records"));
    }
    let mut filter = Filter::from(query);
    if let Some(Cursor { created_at, seq }) = query.cursor {
        filter.beyond([created_at, seq], query.oldest_first);
    }
    let order = if query.oldest_first {
        "ORDER BY created_at, seq"
    } else {
        "ORDER BY created_at DESC, seq DESC"
    };
    let sql = page_sql(&filter, order);
    // Read one more to see whether there is a next page.
    let one_more = i64::from(limit + 1).into();
    let values = filter.values().iter().chain([&one_more]);
    // Read all parts of the records from one snapshot.
    let snapshot = connection.unchecked_transaction()?;
    let mut statement = snapshot.prepare(&sql)?;
    let mut more = Entries::prepare(&snapshot)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = LogPage { logs: Vec::new(), next: None };
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.logs.len() == limit as usize {
            page.next = last;
            break;
        }
        let seq = row.get(0)?;
        let mut record = LogRecord {
            request_head_complete: row.get(1)?,
            response_head_complete: row.get(2)?,
            ..columns::read(row, 3)?
        };
        more.add(seq, &mut record)?;
        last = Some(Cursor { created_at: record.created_at.as_millisecond(), seq });
        page.logs.push(record);
    }
    Ok(page)
}

/// Joins the records last, so that only those of the page are sorted.
fn page_sql(filter: &Filter, order: &str) -> String {
    let chosen = filter.sql("SELECT seq AS chosen, created_at AS arrived FROM logs");
    // The cross join keeps SQLite from scanning all logs and looking each of them up among the
    // chosen ones.
    format!(
        "SELECT seq, request_complete, response_complete, {}
         FROM ({chosen} {order} LIMIT ?) CROSS JOIN logs ON seq = chosen
         LEFT JOIN bodies USING (seq) {}",
        columns::SELECTED,
        order.replace("created_at", "arrived").replace("seq", "chosen")
    )
}

pub(super) fn count(connection: &Connection, query: &LogQuery) -> Result<u64, StoreError> {
    let filter = Filter::from(query);
    let sql = filter.sql(COUNT);
    let count: i64 =
        connection.query_row(&sql, params_from_iter(filter.values()), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

const COUNT: &str = "SELECT count(*) FROM logs";

/// A record with its bodies, and its number.
pub(super) fn get(
    connection: &Connection,
    id: &str,
) -> Result<Option<(i64, LogRecord)>, StoreError> {
    let mut statement = connection.prepare_cached(&one_sql())?;
    let mut rows = statement.query([Id::value(id)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let seq = row.get(0)?;
    let mut record = LogRecord {
        request_head_complete: row.get(1)?,
        response_head_complete: row.get(2)?,
        request_head: row.get(3)?,
        response_head: row.get(4)?,
        ..columns::read(row, 5)?
    };
    Entries::prepare(connection)?.add(seq, &mut record)?;
    Ok(Some((seq, record)))
}

fn one_sql() -> String {
    format!(
        "SELECT seq, request_complete, response_complete, request_head, response_head, {}
         FROM logs LEFT JOIN bodies USING (seq) WHERE id = ?",
        columns::SELECTED
    )
}

/// The statements that read the labels and the metadata of a record.
struct Entries<'c> {
    labels: CachedStatement<'c>,
    metadata: CachedStatement<'c>,
}

impl<'c> Entries<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            labels: connection.prepare_cached("SELECT key, value FROM labels WHERE seq = ?")?,
            metadata: connection
                .prepare_cached("SELECT key, value, kind FROM metadata WHERE seq = ?")?,
        })
    }

    fn add(&mut self, seq: i64, record: &mut LogRecord) -> Result<(), StoreError> {
        let mut rows = self.labels.query([seq])?;
        while let Some(row) = rows.next()? {
            record.labels.insert(row.get(0)?, row.get(1)?);
        }
        let mut rows = self.metadata.query([seq])?;
        while let Some(row) = rows.next()? {
            record.metadata.insert(row.get(0)?, value(row.get(1)?, row.get(2)?));
        }
        Ok(())
    }
}

/// A metadata value from its text and kind.
fn value(text: String, kind: i64) -> MetadataValue {
    let other = match kind {
        NUMBER => text.parse().ok().map(MetadataValue::Number),
        BOOLEAN => text.parse().ok().map(MetadataValue::Bool),
        _ => None,
    };
    other.unwrap_or(MetadataValue::String(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::types::Value;

    use super::*;

    #[test]
    fn a_cursor_reads_its_own_text_and_no_other() {
        let cursor = Cursor { created_at: -5, seq: i64::MAX };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for text in ["", ".", "1", "1.", ".1", "1.2.3", "1.x", "99999999999999999999.1", "1.1 "] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_never_in_the_text() {
        let hostile = "' OR 1=1 --";
        let query = LogQuery {
            provider: Some(hostile.to_owned()),
            subject: Some(hostile.to_owned()),
            labels: vec![(hostile.to_owned(), hostile.to_owned())],
            metadata: vec![(hostile.to_owned(), hostile.to_owned())],
            max_cost_ticks: Some(u64::MAX),
            ..LogQuery::default()
        };
        let filter = Filter::from(&query);
        assert_eq!(
            filter.sql("SELECT 1 FROM logs"),
            "SELECT 1 FROM logs WHERE provider = ? AND subject = ? \
             AND seq IN (SELECT seq FROM labels WHERE key = ? AND value = ?) \
             AND seq IN (SELECT seq FROM metadata WHERE key = ? AND value = ?) \
             AND cost_ticks <= ?"
        );
        assert_eq!(filter.values().last(), Some(&Value::Integer(i64::MAX)));
        assert_eq!(Filter::from(&LogQuery::default()).sql("SELECT"), "SELECT");
    }

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
    fn every_index_is_one_that_a_question_needs() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        let page = |change: &dyn Fn(&mut LogQuery)| {
            let mut query = LogQuery::default();
            change(&mut query);
            page_sql(&Filter::from(&query), "ORDER BY created_at DESC, seq DESC")
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
}
