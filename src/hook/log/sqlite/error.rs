//! The errors of a store.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use rusqlite::ErrorCode;

/// The error of a [`LogStore`](super::LogStore).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogStoreError {
    /// The file is not a log of this crate.
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
    /// The file cannot be created or accessed.
    #[error("the file of the log cannot be opened")]
    File(#[source] std::io::Error),
    /// The database failed.
    #[error("the database of the log failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// A record in the database cannot be read.
    #[error("a record of the log cannot be read")]
    Record(#[source] Box<dyn Error + Send + Sync>),
    /// The query took longer than [allowed](super::LogStore::query_timeout), and was ended.
    #[error("the query took longer than {0:?}; ask for a shorter time range")]
    TooSlow(Duration),
    /// The query or feedback is invalid. The text says what is valid.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no record with this id.
    #[error("no log has this id")]
    UnknownId,
}

impl LogStoreError {
    /// Returns true if reopening the file may help.
    pub(super) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Database(_)) && !self.is_temporary()
    }

    /// Returns true if the database is busy or the disk is full: the connection is fine, and the same
    /// may succeed later.
    pub(super) fn is_temporary(&self) -> bool {
        if let Self::File(error) = self {
            return matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        }
        matches!(
            self.code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull)
        )
    }

    /// Returns true if a query was ended before its end.
    pub(super) fn is_interrupt(&self) -> bool {
        self.code() == Some(ErrorCode::OperationInterrupted)
    }

    fn code(&self) -> Option<ErrorCode> {
        let Self::Database(error) = self else { return None };
        error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()
    }
}

impl From<rusqlite::Error> for LogStoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType,
        };
        match error {
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => {
                Self::Record(error.into())
            }
            error => Self::Database(error.into()),
        }
    }
}

impl From<rusqlite::types::FromSqlError> for LogStoreError {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Record(error.into())
    }
}

impl From<serde_json::Error> for LogStoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error.into())
    }
}
