//! The records in the log of a target, and whether one is missing.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::BoxError;

/// The name of the file of a log, which has a directory of its own.
#[derive(Clone, Copy)]
pub(crate) enum Log {
    /// A line per record, of which each has this text. Files that grow large are put aside in the
    /// same directory.
    Lines(&'static str, &'static str),
    Sqlite(&'static str),
}

/// How many requests a target has answered, and how many records its log has afterwards.
pub(crate) struct Records {
    pub(crate) answered: u64,
    pub(crate) written: u64,
}

impl Log {
    /// The path of a log that does not exist yet.
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
