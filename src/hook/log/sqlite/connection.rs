//! Connections to the file: one writer, and one reader per query.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::{LogStoreError, schema};
use crate::hook::log::regular::{self, Identity};

/// How long a connection waits for a writing process.
const BUSY: Duration = Duration::from_secs(5);
/// The size in bytes to which a grown journal is cut back.
const JOURNAL: i64 = 64 << 20;
/// The number of SQLite's steps between two checks of a read's time; they take less than a millisecond.
const STEPS: i32 = 1000;
/// Prepared statements that the writer keeps.
const STATEMENTS: usize = 32;

/// The pause before the file is reopened after a failure, and its maximum when failures repeat.
const REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);

pub(super) struct Connections {
    path: PathBuf,
    writer: Mutex<Writer>,
}

/// A connection, and the identity of its file: the path may lead to another one by now.
struct Opened {
    connection: Connection,
    identity: Identity,
}

/// The connection that writes, if it is open.
struct Writer {
    opened: Option<Opened>,
    rest: Duration,
    /// When the file may be opened again.
    due: Option<Instant>,
}

impl Connections {
    pub(super) fn open(path: &Path) -> Result<Self, LogStoreError> {
        // SQLite treats names like `:memory:` specially, but not absolute paths.
        let path = std::path::absolute(path).map_err(LogStoreError::File)?;
        let writer = Writer { opened: Some(open(&path)?), rest: REST, due: None };
        Ok(Self { path, writer: Mutex::new(writer) })
    }

    /// Calls `write` with the writing connection. Reopens the file if the path leads to another
    /// file or none, and after a failure that the connection may have caused.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut Connection) -> Result<T, LogStoreError>,
    ) -> Result<T, LogStoreError> {
        // A panic rolls the transaction back, so the connection stays usable.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.opened.as_ref().is_none_or(|opened| !opened.identity.is_at(&self.path)) {
            // Close first: closing deletes the journal at this path, which must not be a new file's.
            writer.opened = None;
        }
        let opened = writer.opened(&self.path)?;
        let result = write(&mut opened.connection);
        if result.as_ref().is_err_and(LogStoreError::is_of_the_connection) {
            writer.opened = None;
        }
        result
    }

    /// Synchronises the write-ahead log with the disk.
    pub(super) fn sync_journal(&self) -> io::Result<()> {
        let mut journal = self.path.clone().into_os_string();
        journal.push("-wal");
        // SQLite has no locks on this file, so closing it releases none.
        OpenOptions::new().write(true).open(journal)?.sync_data()
    }

    /// Calls `read` with a new read-only connection, and ends it after `limit`.
    pub(super) fn read<T>(
        &self,
        limit: Duration,
        read: impl FnOnce(&Connection) -> Result<T, LogStoreError>,
    ) -> Result<T, LogStoreError> {
        let begun = Instant::now();
        let connection = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?.connection;
        connection.progress_handler(STEPS, Some(move || begun.elapsed() >= limit))?;
        read(&connection).map_err(|error| {
            if error.is_interrupt() { LogStoreError::TooSlow(limit) } else { error }
        })
    }
}

impl Writer {
    /// The connection. Opens it if needed, but pauses after failures.
    fn opened(&mut self, path: &Path) -> Result<&mut Opened, LogStoreError> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None if self.due.is_some_and(|due| Instant::now() < due) => {
                return Err(LogStoreError::File(io::Error::other(
                    "it cannot be opened at present",
                )));
            }
            None => match open(path) {
                Ok(opened) => {
                    (self.rest, self.due) = (REST, None);
                    opened
                }
                // The writer of the log pauses by itself, and keeps the records.
                Err(error) if error.is_temporary() => return Err(error),
                Err(error) => {
                    self.due = Some(Instant::now() + self.rest);
                    self.rest = (2 * self.rest).min(LONGEST_REST);
                    return Err(error);
                }
            },
        };
        Ok(self.opened.insert(opened))
    }
}

/// Opens the file for writing, and creates it if it is missing.
fn open(path: &Path) -> Result<Opened, LogStoreError> {
    create(path).map_err(LogStoreError::File)?;
    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::migrate(&mut writer.connection)?;
    writer.connection.pragma_update(None, "journal_mode", "WAL")?;
    writer.connection.pragma_update(None, "synchronous", "NORMAL")?;
    writer.connection.pragma_update(None, "journal_size_limit", JOURNAL)?;
    Ok(writer)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Opened, LogStoreError> {
    regular::check_path(path).map_err(LogStoreError::File)?;
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // If another file has replaced it meanwhile, the next call notices.
    let metadata = std::fs::metadata(path).map_err(LogStoreError::File)?;
    Ok(Opened { connection, identity: Identity::of(&metadata) })
}

/// Creates an empty file that only its owner may read: a log may hold bodies. SQLite gives its
/// other files the same permissions.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_read_is_interrupted() {
        let directory = tempfile::tempdir().unwrap();
        let connections = Connections::open(&directory.path().join("log.db")).unwrap();
        let endless = "WITH RECURSIVE endless (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)
            SELECT count(*) FROM endless";
        let limit = Duration::from_millis(50);
        let read = |connection: &Connection| {
            Ok(connection.query_row(endless, [], |row| row.get::<_, i64>(0))?)
        };
        let error = connections.read(limit, read).unwrap_err();
        assert!(matches!(error, LogStoreError::TooSlow(after) if after == limit), "{error:?}");
    }
}
