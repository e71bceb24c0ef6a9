//! Connections to the file: one that writes, a few that read.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};

/// How long a connection waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Idle connections that are kept for reading.
const IDLE: usize = 4;
/// What is left of the journal after one that had to grow, in bytes.
const JOURNAL: i64 = 64 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 32;

pub(super) struct Connections {
    path: PathBuf,
    // Before the writer, for who closes the file last tidies up, and must be able to write.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Connection>,
}

impl Connections {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // An absolute path is a file, whatever SQLite makes of names like `:memory:`.
        let path = std::path::absolute(path).map_err(StoreError::File)?;
        create(&path).map_err(StoreError::File)?;
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::migrate(&mut writer)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "NORMAL")?;
        writer.pragma_update(None, "journal_size_limit", JOURNAL)?;
        Ok(Self { path, writer: Mutex::new(writer), readers: Mutex::default() })
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    /// Lends a connection that can only read.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let result = read(&connection);
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE {
            readers.push(connection);
        }
        result
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Makes an empty file that is its owner's alone: a log may hold bodies. What SQLite puts beside
/// it gets the same permissions.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A panic elsewhere leaves a connection usable: its transaction was rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
