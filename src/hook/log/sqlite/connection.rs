//! Connections to the file: one that writes, a few that read.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};
use crate::hook::log::regular::{self, Identity};

/// How long a connection waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Idle connections that are kept for reading.
const IDLE: usize = 4;
/// What is left of the journal after one that had to grow, in bytes.
const JOURNAL: i64 = 64 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 32;

/// How long the file is left alone after it could not be opened, and how long at most where that
/// repeats.
const REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);

pub(super) struct Connections {
    path: PathBuf,
    // Before the writer, for who closes the file last tidies up, and must be able to write.
    readers: Mutex<Vec<Opened>>,
    writer: Mutex<Writer>,
}

/// A connection, and the file that it has open: another may be at the path by now.
struct Opened {
    connection: Connection,
    identity: Identity,
}

/// The connection that writes, while there is one.
struct Writer {
    opened: Option<Opened>,
    rest: Duration,
    /// When the file may be opened again.
    due: Option<Instant>,
}

impl Connections {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // An absolute path is a file, whatever SQLite makes of names like `:memory:`.
        let path = std::path::absolute(path).map_err(StoreError::File)?;
        let writer = Writer { opened: Some(open(&path)?), rest: REST, due: None };
        Ok(Self { path, writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Lends the connection that writes. The file is opened anew where another is at its path, or
    /// none, and after a failure that may be the connection's own.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        if writer.opened.as_ref().is_none_or(|opened| !opened.identity.is_at(&self.path)) {
            // SQLite tidies up beside the file that is gone, so before there is another.
            lock(&self.readers).clear();
            writer.opened = None;
        }
        let opened = writer.opened(&self.path)?;
        let result = write(&mut opened.connection);
        if result.as_ref().is_err_and(StoreError::is_of_the_connection) {
            lock(&self.readers).clear();
            writer.opened = None;
        }
        result
    }

    /// Lends a connection that can only read.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop().filter(|idle| idle.identity.is_at(&self.path));
        let reader = match idle {
            Some(idle) => idle,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let result = read(&reader.connection);
        if result.as_ref().is_err_and(StoreError::is_of_the_connection) {
            return result;
        }
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE {
            readers.push(reader);
        }
        result
    }
}

impl Writer {
    /// The connection, which is made where there is none, but not over and over.
    fn opened(&mut self, path: &Path) -> Result<&mut Opened, StoreError> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None if self.due.is_some_and(|due| Instant::now() < due) => {
                return Err(StoreError::File(io::Error::other("it could not be opened just now")));
            }
            None => match open(path) {
                Ok(opened) => {
                    (self.rest, self.due) = (REST, None);
                    opened
                }
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

/// Opens the file to write, or makes it.
fn open(path: &Path) -> Result<Opened, StoreError> {
    create(path).map_err(StoreError::File)?;
    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::migrate(&mut writer.connection)?;
    writer.connection.pragma_update(None, "journal_mode", "WAL")?;
    writer.connection.pragma_update(None, "synchronous", "NORMAL")?;
    writer.connection.pragma_update(None, "journal_size_limit", JOURNAL)?;
    Ok(writer)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Opened, StoreError> {
    regular::check_path(path).map_err(StoreError::File)?;
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Where another file has come meanwhile, the next call finds that out.
    let metadata = std::fs::metadata(path).map_err(StoreError::File)?;
    Ok(Opened { connection, identity: Identity::of(&metadata) })
}

/// Makes an empty file that is its owner's alone: a log may hold bodies. What SQLite puts beside
/// it gets the same permissions.
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

/// A panic elsewhere leaves a connection usable: its transaction was rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
