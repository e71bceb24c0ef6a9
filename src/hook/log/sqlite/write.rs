//! Writes records, and deletes the oldest.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{CachedStatement, Connection, TransactionBehavior};

use super::filter::integer;
use super::{LogStore, LogStoreError, columns};
use crate::TARGET;
use crate::directives::metadata::MetadataValue;
use crate::hook::log::loss_warnings::reason;
use crate::hook::log::reminder::Reminder;
use crate::hook::log::{LogRecord, LogSink, SinkError};

/// The maximum number of records that one transaction deletes. It bounds how long others wait.
const AT_ONCE: u32 = 1000;

/// How many records are kept; `None` means all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep {
    pub(super) age: Option<Duration>,
    pub(super) records: Option<u64>,
}

/// The sink that writes to a [`LogStore`].
#[derive(Clone, Debug)]
pub struct LogStoreSink {
    store: LogStore,
    warnings: Reminder,
}

impl LogStoreSink {
    pub(super) fn new(store: LogStore) -> Self {
        Self { store, warnings: Reminder::default() }
    }

    /// Binds the columns of records as a write does, and writes nothing. For the crate's own benchmarks.
    ///
    /// # Errors
    ///
    /// If the database fails.
    #[doc(hidden)]
    pub fn bind(&self, batch: &[LogRecord]) -> Result<(), LogStoreError> {
        self.store.connections.write(|connection| {
            let mut insert = Insert::prepare(connection)?;
            batch.iter().try_for_each(|record| columns::bind(&mut insert.logs, 2, record))
        })
    }

    /// Deletes some records that are too old. If that fails, the file continues to grow, but no record is
    /// lost.
    fn delete(&mut self, most: u32) {
        let LogStore { connections, keep, .. } = &self.store;
        match connections.write(|connection| delete_oldest(connection, *keep, most)) {
            Err(error) if self.warnings.is_due(Instant::now()) => {
                let reason = reason(&error);
                tracing::warn!(target: TARGET, reason, "old records of the log cannot be deleted");
            }
            _ => {}
        }
    }
}

impl LogSink for LogStoreSink {
    /// Writes the records in one transaction, all or none, and deletes some that are too old. Skips
    /// a record whose id exists. While the database is locked or the disk is full, the error is
    /// temporary.
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let written = self.store.connections.write(|connection| insert(connection, batch));
        written.map_err(|error| {
            let is_temporary = error.is_temporary();
            let error = SinkError::from(io::Error::other(error));
            if is_temporary { error.temporary() } else { error }
        })?;
        // Delete faster than records come in, so that the limit is reached.
        let most = AT_ONCE.max(u32::try_from(batch.len()).unwrap_or(u32::MAX).saturating_mul(2));
        self.delete(most);
        Ok(())
    }

    /// Moves written records from the write-ahead log into the file, and synchronises it with the
    /// disk. If others still read, not all records can be moved: then the write-ahead log is synchronised.
    fn flush(&mut self) -> io::Result<()> {
        let checkpoint = |connection: &mut Connection| {
            let pragma = "PRAGMA wal_checkpoint(PASSIVE)";
            Ok(connection.query_row(pragma, [], |row| {
                let (is_busy, length, moved): (bool, i64, i64) = row.try_into()?;
                Ok(!is_busy && moved >= length)
            })?)
        };
        let connections = &self.store.connections;
        let is_whole = connections.write(checkpoint).map_err(io::Error::other)?;
        if is_whole { Ok(()) } else { connections.sync_journal() }
    }
}

impl LogStore {
    /// Deletes all records beyond the limits of [`keep`](Self::keep) and returns their number. The
    /// sink deletes as it writes; this is for a log that is not being written.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub fn prune(&self) -> Result<u64, LogStoreError> {
        let mut deleted = 0;
        loop {
            match self.connections.write(|writer| delete_oldest(writer, self.keep, AT_ONCE))? {
                0 => return Ok(deleted),
                more => deleted += more as u64,
            }
        }
    }
}

fn insert(connection: &mut Connection, records: &[LogRecord]) -> Result<(), LogStoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = Insert::prepare(&transaction)?;
        for record in records {
            insert.one(None, record)?;
        }
    }
    Ok(transaction.commit()?)
}

/// The statements that write a record, prepared once per batch.
pub(super) struct Insert<'c> {
    connection: &'c Connection,
    logs: CachedStatement<'c>,
    bodies: CachedStatement<'c>,
    labels: CachedStatement<'c>,
    metadata: CachedStatement<'c>,
}

impl<'c> Insert<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, LogStoreError> {
        Ok(Self {
            connection,
            logs: connection.prepare_cached(columns::INSERT)?,
            bodies: connection.prepare_cached("INSERT INTO bodies VALUES (?, ?, ?, ?, ?)")?,
            labels: connection.prepare_cached("INSERT INTO labels VALUES (?, ?, ?)")?,
            metadata: connection.prepare_cached("INSERT INTO metadata VALUES (?, ?, ?, ?)")?,
        })
    }

    /// Writes a record with this number, or else the next one. Skips a record whose id exists.
    pub(super) fn one(
        &mut self,
        seq: Option<i64>,
        record: &LogRecord,
    ) -> Result<(), LogStoreError> {
        self.logs.raw_bind_parameter(1, seq)?;
        columns::bind(&mut self.logs, 2, record)?;
        if self.logs.raw_execute()? == 0 {
            return Ok(());
        }
        let seq = self.connection.last_insert_rowid();
        let LogRecord { request_head, response_head, .. } = record;
        let (request_complete, response_complete) =
            (record.request_head_complete, record.response_head_complete);
        let has_bodies = request_head.is_some()
            || response_head.is_some()
            || request_complete.is_some()
            || response_complete.is_some();
        if has_bodies {
            let values = (seq, request_complete, response_complete, request_head, response_head);
            self.bodies.execute(values)?;
        }
        for (name, value) in &record.labels {
            self.labels.execute((seq, name, value))?;
        }
        self.metadata(seq, record)
    }

    pub(super) fn metadata(&mut self, seq: i64, record: &LogRecord) -> Result<(), LogStoreError> {
        for (key, value) in &record.metadata {
            match value {
                MetadataValue::String(text) => self.metadata.execute((seq, key, text, TEXT))?,
                MetadataValue::Number(number) => {
                    self.metadata.execute((seq, key, number.to_string(), NUMBER))?
                }
                MetadataValue::Bool(flag) => {
                    self.metadata.execute((seq, key, flag.to_string(), BOOLEAN))?
                }
            };
        }
        Ok(())
    }
}

/// The kinds of metadata values.
pub(super) const TEXT: i64 = 0;
pub(super) const NUMBER: i64 = 1;
pub(super) const BOOLEAN: i64 = 2;

pub(super) const DELETE_OLD: &str = "DELETE FROM logs WHERE seq IN
    (SELECT seq FROM logs WHERE created_at < ? ORDER BY created_at LIMIT ?)";

pub(super) const DELETE_BEYOND: &str = "DELETE FROM logs WHERE seq IN
    (SELECT seq FROM logs WHERE seq <= (SELECT max(seq) FROM logs) - ? ORDER BY seq LIMIT ?)";

/// Deletes up to `most` records for each limit. Returns how many.
fn delete_oldest(connection: &Connection, keep: Keep, most: u32) -> Result<usize, LogStoreError> {
    let mut deleted = 0;
    if let Some(age) = keep.age {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let oldest = since_1970.saturating_sub(age).as_millis();
        deleted += connection
            .prepare_cached(DELETE_OLD)?
            .execute((i64::try_from(oldest).unwrap_or(i64::MAX), most))?;
    }
    if let Some(records) = keep.records {
        // `seq` has no gaps among the newest records, so it serves as a count.
        deleted += connection.prepare_cached(DELETE_BEYOND)?.execute((integer(records), most))?;
    }
    Ok(deleted)
}
