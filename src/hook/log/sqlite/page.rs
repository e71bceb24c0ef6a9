//! Pages of records, and single ones.

use rusqlite::{CachedStatement, Connection, Row, params_from_iter};
use serde::Serialize;

use super::cursor::Cursor;
use super::filter::Filter;
use super::id::Id;
use super::query::LogQuery;
use super::write::{BOOLEAN, NUMBER};
use super::{LogStoreError, columns};
use crate::directives::metadata::MetadataValue;
use crate::hook::log::LogRecord;

/// The maximum number of records on a page.
pub(super) const MOST: u32 = 1000;
const DEFAULT: u32 = 50;

/// A page of the records that match a [`LogQuery`], without bodies.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LogPage {
    /// In the requested order; records of the same millisecond in the order of writing.
    pub logs: Vec<LogRecord>,
    /// The start of the next page, if there is one.
    pub next: Option<Cursor>,
    /// The number of records that this page leaves out because they cannot be read: the file is damaged,
    /// or another program has changed it. Omitted from JSON if zero.
    #[serde(skip_serializing_if = "is_none")]
    pub unreadable: u32,
}

// serde's `skip_serializing_if` passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(number: &u32) -> bool {
    *number == 0
}

pub(super) fn page(connection: &Connection, query: &LogQuery) -> Result<LogPage, LogStoreError> {
    let limit = query.limit.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(LogStoreError::Invalid("a page has between 1 and 1000 records"));
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
    let mut page = LogPage { logs: Vec::new(), next: None, unreadable: 0 };
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.logs.len() + page.unreadable as usize == limit as usize {
            page.next = last;
            break;
        }
        let seq = row.get(0)?;
        last = Some(Cursor { created_at: row.get(1)?, seq });
        match listed(row, seq, &mut more) {
            Ok(record) => page.logs.push(record),
            Err(LogStoreError::Record(_)) => page.unreadable += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}

/// The record in a row of [`page_sql`].
fn listed(row: &Row<'_>, seq: i64, more: &mut Entries<'_>) -> Result<LogRecord, LogStoreError> {
    let mut record = LogRecord {
        request_head_complete: row.get(2)?,
        response_head_complete: row.get(3)?,
        ..columns::read(row, 4)?
    };
    more.add(seq, &mut record)?;
    Ok(record)
}

/// Joins the records last, so that only those of the page are sorted.
pub(super) fn page_sql(filter: &Filter, order: &str) -> String {
    let chosen = filter.sql("SELECT seq AS chosen, created_at AS arrived FROM logs");
    // The cross join keeps SQLite from scanning all logs and looking each of them up among the
    // chosen ones.
    format!(
        "SELECT seq, arrived, request_complete, response_complete, {}
         FROM ({chosen} {order} LIMIT ?) CROSS JOIN logs ON seq = chosen
         LEFT JOIN bodies USING (seq) {}",
        columns::SELECTED,
        order.replace("created_at", "arrived").replace("seq", "chosen")
    )
}

pub(super) fn count(connection: &Connection, query: &LogQuery) -> Result<u64, LogStoreError> {
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
) -> Result<Option<(i64, LogRecord)>, LogStoreError> {
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

pub(super) fn one_sql() -> String {
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
    fn prepare(connection: &'c Connection) -> Result<Self, LogStoreError> {
        Ok(Self {
            labels: connection.prepare_cached("SELECT key, value FROM labels WHERE seq = ?")?,
            metadata: connection
                .prepare_cached("SELECT key, value, kind FROM metadata WHERE seq = ?")?,
        })
    }

    fn add(&mut self, seq: i64, record: &mut LogRecord) -> Result<(), LogStoreError> {
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
    use rusqlite::types::Value;

    use super::*;

    #[test]
    fn values_are_never_in_the_sql_text() {
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
}
