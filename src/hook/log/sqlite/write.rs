//! Writing records, and deleting the oldest.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior, named_params};

use super::filter::integer;
use super::{LogStore, StoreError};
use crate::hook::log::{LogRecord, LogSink, LoggedUsage, SinkError};

/// The most records that one transaction deletes. It bounds how long others wait.
const AT_ONCE: u32 = 1000;

/// How much is kept; `None` is all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep {
    pub(super) age: Option<Duration>,
    pub(super) records: Option<u64>,
}

/// Writes to a [`LogStore`] what a log hook gives it.
#[derive(Clone, Debug)]
pub struct LogStoreSink(pub(super) LogStore);

impl LogSink for LogStoreSink {
    /// Writes the records in one transaction, all or none, and deletes some of those that are too
    /// old. A record whose id is known is left as it is.
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let LogStore { connections, keep } = &self.0;
        connections.write(|connection| insert(connection, batch)).map_err(io::Error::other)?;
        // Delete faster than records come in, so that the limit is reached.
        let most = AT_ONCE.max(u32::try_from(batch.len()).unwrap_or(u32::MAX).saturating_mul(2));
        let deleted = connections.write(|connection| delete_oldest(connection, *keep, most));
        deleted.map(drop).map_err(|error| SinkError::after(batch.len(), io::Error::other(error)))
    }

    /// Moves what was written into the file itself, and that to the disk.
    fn flush(&mut self) -> io::Result<()> {
        let checkpoint = |connection: &mut Connection| {
            Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
        };
        self.0.connections.write(checkpoint).map_err(io::Error::other)
    }
}

impl LogStore {
    /// Deletes all records beyond what [`keep`](Self::keep) allows and says how many they were.
    /// The sink deletes as it writes; this is for a log to which nothing is written.
    ///
    /// # Errors
    ///
    /// Fails where the database does.
    pub fn prune(&self) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            match self.connections.write(|writer| delete_oldest(writer, self.keep, AT_ONCE))? {
                0 => return Ok(deleted),
                more => deleted += more as u64,
            }
        }
    }
}

fn insert(connection: &mut Connection, records: &[LogRecord]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for record in records {
        insert_one(&transaction, record)?;
    }
    Ok(transaction.commit()?)
}

fn insert_one(transaction: &Transaction<'_>, record: &LogRecord) -> Result<(), StoreError> {
    let used = |figure: fn(&LoggedUsage) -> Option<u64>| {
        record.usage_metadata.as_ref().and_then(figure).map(integer)
    };
    let is_new = transaction
        .prepare_cached(
            "INSERT INTO logs (id, created_at, event_id, provider, model, operation, status,
                outcome, success, cached, stream, tokens_in, tokens_out, cost_ticks, cost_unknown,
                duration, first_token, feedback, subject, images, duration_ms, characters, search_units, pages)
             VALUES (:id, :created_at, :event_id, :provider, :model, :operation, :status,
                :outcome, :success, :cached, :stream, :tokens_in, :tokens_out, :cost_ticks,
                :cost_unknown, :duration, :first_token, :feedback, :subject, :images, :duration_ms, :characters,
                :search_units, :pages)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": record.id,
            ":created_at": record.created_at.as_millisecond(),
            ":event_id": record.event_id,
            ":provider": record.provider,
            ":model": record.model,
            ":operation": record.model_type,
            ":status": record.status_code,
            ":outcome": record.outcome,
            ":success": record.success,
            ":cached": record.cached,
            ":stream": record.stream,
            ":tokens_in": record.tokens_in.map(integer),
            ":tokens_out": record.tokens_out.map(integer),
            ":cost_ticks": record.cost_ticks.map(integer),
            ":cost_unknown": record.cost_unknown,
            ":duration": record.duration,
            ":first_token": record.timings.to_first_token,
            ":feedback": record.feedback,
            ":subject": record.subject,
            ":images": used(|usage| usage.images),
            ":duration_ms": used(|usage| usage.duration_ms),
            ":characters": used(|usage| usage.characters),
            ":search_units": used(|usage| usage.search_units),
            ":pages": used(|usage| usage.pages),
        })?;
    if is_new == 0 {
        return Ok(());
    }
    let seq = transaction.last_insert_rowid();
    transaction
        .prepare_cached("INSERT INTO records VALUES (:seq, :record, :request, :response)")?
        .execute(named_params! {
            ":seq": seq,
            ":record": without_bodies(record)?,
            ":request": record.request_head,
            ":response": record.response_head,
        })?;
    for (name, value) in &record.labels {
        transaction
            .prepare_cached("INSERT INTO labels VALUES (?, ?, ?)")?
            .execute((seq, name, value))?;
    }
    insert_metadata(transaction, seq, record)
}

/// The record as JSON without the bodies, which have columns of their own.
pub(super) fn without_bodies(record: &LogRecord) -> Result<String, StoreError> {
    let record = LogRecord { request_head: None, response_head: None, ..record.clone() };
    Ok(serde_json::to_string(&record)?)
}

pub(super) fn insert_metadata(
    transaction: &Transaction<'_>,
    seq: i64,
    record: &LogRecord,
) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached("INSERT INTO metadata VALUES (?, ?, ?)")?;
    for (key, value) in &record.metadata {
        statement.execute((seq, key, value.to_string()))?;
    }
    Ok(())
}

/// Deletes up to `most` records for each limit. Returns how many.
fn delete_oldest(connection: &Connection, keep: Keep, most: u32) -> Result<usize, StoreError> {
    let mut deleted = 0;
    if let Some(age) = keep.age {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let oldest = since_1970.saturating_sub(age).as_millis();
        deleted += connection
            .prepare_cached(
                "DELETE FROM logs WHERE seq IN
                    (SELECT seq FROM logs WHERE created_at < ? ORDER BY created_at LIMIT ?)",
            )?
            .execute((i64::try_from(oldest).unwrap_or(i64::MAX), most))?;
    }
    if let Some(records) = keep.records {
        // `seq` has no gaps among the newest records, so it serves as a count.
        deleted += connection
            .prepare_cached(
                "DELETE FROM logs WHERE seq IN
                    (SELECT seq FROM logs WHERE seq <= (SELECT max(seq) FROM logs) - ?
                     ORDER BY seq LIMIT ?)",
            )?
            .execute((integer(records), most))?;
    }
    Ok(deleted)
}
