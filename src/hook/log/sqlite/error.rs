//! What can go wrong with a store.

use std::error::Error;
use std::fmt;

use rusqlite::ErrorCode;

/// Why a [`LogStore`](super::LogStore) cannot do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is a database of something else.
    NotALog,
    /// The file was written by a later release.
    NewerSchema {
        /// The version of the file.
        found: i32,
        /// The latest version that this release knows.
        known: i32,
    },
    /// The file cannot be made or reached.
    File(std::io::Error),
    /// The database failed; the source says how.
    Database(Box<dyn Error + Send + Sync>),
    /// A record in the database cannot be read.
    Record(Box<dyn Error + Send + Sync>),
    /// The question or the feedback makes no sense; the text says what would.
    Invalid(&'static str),
    /// There is no record with this id.
    UnknownId,
}

impl StoreError {
    /// Whether opening the file again may help: not where it is busy or the disk is full, for then
    /// nothing is wrong with the connection.
    pub(super) fn is_of_the_connection(&self) -> bool {
        let Self::Database(error) = self else { return false };
        !matches!(
            error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotALog => f.write_str("the file is not a log of exchanges"),
            Self::NewerSchema { found, known } => {
                write!(f, "the log has schema {found}, this release knows up to {known}")
            }
            Self::File(_) => f.write_str("the file of the log cannot be opened"),
            Self::Database(_) => f.write_str("the database of the log failed"),
            Self::Record(_) => f.write_str("a record of the log cannot be read"),
            Self::Invalid(why) => f.write_str(why),
            Self::UnknownId => f.write_str("no log has this id"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Database(error) | Self::Record(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error.into())
    }
}
