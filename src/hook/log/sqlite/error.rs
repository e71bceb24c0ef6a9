//! What can go wrong with a store.

use std::error::Error;

use rusqlite::ErrorCode;

/// Why a [`LogStore`](super::LogStore) cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is a database of something else.
    #[error("the file is not a log of exchanges")]
    NotALog,
    /// The file was written by a later release.
    #[error("the log has schema {found}, this release knows up to {known}")]
    NewerSchema {
        /// The version of the file.
        found: i32,
        /// The latest version that this release knows.
        known: i32,
    },
    /// The file cannot be made or reached.
    #[error("the file of the log cannot be opened")]
    File(#[source] std::io::Error),
    /// The database failed; the source says how.
    #[error("the database of the log failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// A record in the database cannot be read.
    #[error("a record of the log cannot be read")]
    Record(#[source] Box<dyn Error + Send + Sync>),
    /// The question or the feedback makes no sense; the text says what would.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no record with this id.
    #[error("no log has this id")]
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

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<rusqlite::types::FromSqlError> for StoreError {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Record(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error.into())
    }
}
