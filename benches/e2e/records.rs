//! Counts the records in the log of a target, to find out whether any is missing.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::BoxError;

/// A log in its own directory, with the name of its file.
#[derive(Clone, Copy)]
pub(crate) enum Log {
    /// Lines; each record has this text in one line. A file that grows large is renamed within the
    /// directory.
    Lines(&'static str, &'static str),
    Sqlite(&'static str),
}

/// The number of requests that a target has answered, and of the records that its log has afterwards.
pub(crate) struct Records {
    pub(crate) answered: u64,
    pub(crate) written: u64,
}

impl Log {
    /// The path for a new log.
    pub(crate) fn begin(self, scratch: &Path) -> Result<PathBuf, BoxError> {
        let directory = self.directory(scratch);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        Ok(directory.join(self.name()))
    }

    /// Counts the records, and deletes them.
    pub(crate) fn take(self, scratch: &Path) -> Result<u64, BoxError> {
        let directory = self.directory(scratch);
        let records = match self {
            Self::Lines(_, text) => lines(&directory, text)?,
            Self::Sqlite(name) => rows(&directory.join(name))?,
        };
        fs::remove_dir_all(directory)?;
        Ok(records)
    }

    fn directory(self, scratch: &Path) -> PathBuf {
        scratch.join(format!("{}.d", self.name()))
    }

    fn name(self) -> &'static str {
        let (Self::Lines(name, _) | Self::Sqlite(name)) = self;
        name
    }
}

fn lines(directory: &Path, text: &str) -> Result<u64, BoxError> {
    let mut lines = 0;
    for file in fs::read_dir(directory)? {
        let file = fs::read(file?.path())?;
        lines += memchr::memmem::find_iter(&file, text).count() as u64;
    }
    Ok(lines)
}

fn rows(file: &Path) -> Result<u64, BoxError> {
    let log = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let rows: i64 = log.query_row("SELECT count(*) FROM logs", [], |row| row.get(0))?;
    Ok(rows.try_into()?)
}
