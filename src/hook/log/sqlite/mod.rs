//! A log in a SQLite file: records that can be queried, summed up and rated.

mod columns;
mod connection;
mod cursor;
mod error;
mod feedback;
mod filter;
mod id;
mod page;
mod params;
mod percentiles;
#[cfg(test)]
mod plans;
mod query;
mod router;
mod schema;
mod stored;
mod summary;
mod totals;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use self::connection::Connections;
pub use self::cursor::Cursor;
pub use self::error::LogStoreError;
pub use self::feedback::Feedback;
pub use self::page::LogPage;
pub use self::percentiles::Percentiles;
pub use self::query::LogQuery;
pub use self::summary::{Bucket, LabelTotals, ModelTotals, SubjectTotals, Summary, SummaryQuery};
pub use self::totals::Totals;
use self::write::Keep;
pub use self::write::LogStoreSink;
use super::LogRecord;
use crate::util::opaque::opaque_debug;

/// The default of [`LogStore::query_timeout`].
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// A log in a SQLite file. A clone is the same store.
///
/// While the file is locked or its disk is full, records wait in the queue of the hook. After another
/// failure the file is reopened, and created again if it was deleted or moved; records that reach a
/// [`sink`](Self::sink) meanwhile are lost. Only regular files are accepted.
///
/// Several processes may open the same file: one writes at a time, and all can read meanwhile. All
/// methods block the calling thread; the [`router`](Self::router) uses threads for blocking work.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_ai_gateway::log::{LogHook, LogStore};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let month = Duration::from_secs(30 * 24 * 60 * 60);
/// let store = LogStore::open("gateway.db")?.keep(Some(month), Some(1_000_000));
/// let log = LogHook::builder(store.sink()).build()?;
/// let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(log).build()?;
///
/// // Behind the host's own authentication, for it has none:
/// let private: axum::Router = axum::Router::new().nest("/observe", store.router());
/// # let _ = (layer, private);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LogStore {
    connections: Arc<Connections>,
    keep: Keep,
    query_timeout: Duration,
}

impl LogStore {
    /// Opens or creates the file, on Unix with permissions for its owner only. SQLite creates two
    /// more files while it is open (`-wal`, `-shm`).
    ///
    /// # Errors
    ///
    /// [`LogStoreError::NewerSchema`] if a later release wrote the file, [`LogStoreError::NotALog`] if it
    /// is not a log, or a failure of the file system or the database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogStoreError> {
        let connections = Arc::new(Connections::open(path.as_ref())?);
        Ok(Self { connections, keep: Keep::default(), query_timeout: QUERY_TIMEOUT })
    }

    /// The time limit of each query, summary and look-up: a longer one ends with
    /// [`LogStoreError::TooSlow`]. Default: 10 seconds.
    #[must_use]
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.query_timeout = timeout;
        self
    }

    /// Keeps records that are not older than `max_age`, and at most the last `max_records` of them.
    /// The [`sink`](Self::sink) deletes others gradually as it writes, oldest first. Their space in
    /// the file is reused. Default: everything is kept.
    #[must_use]
    pub fn keep(mut self, max_age: Option<Duration>, max_records: Option<u64>) -> Self {
        self.keep = Keep { age: max_age, records: max_records };
        self
    }

    /// A sink for a log hook.
    #[must_use]
    pub fn sink(&self) -> LogStoreSink {
        LogStoreSink::new(self.clone())
    }

    /// Returns a page of matching records, and a cursor for the next page.
    ///
    /// # Errors
    ///
    /// [`LogStoreError::Invalid`] for a limit out of range, [`LogStoreError::TooSlow`], or a failure of the
    /// database.
    pub fn query(&self, query: &LogQuery) -> Result<LogPage, LogStoreError> {
        self.read(|connection| page::page(connection, query))
    }

    /// Counts the matching records on all pages.
    ///
    /// # Errors
    ///
    /// [`LogStoreError::TooSlow`], or a failure of the database.
    pub fn count(&self, query: &LogQuery) -> Result<u64, LogStoreError> {
        self.read(|connection| page::count(connection, query))
    }

    /// Returns a record with its stored bodies; `None` if the id is unknown or not written yet.
    ///
    /// # Errors
    ///
    /// [`LogStoreError::TooSlow`], or a failure of the database.
    pub fn get(&self, id: &str) -> Result<Option<LogRecord>, LogStoreError> {
        self.read(|connection| {
            // Read all parts of the record from one snapshot.
            let snapshot = connection.unchecked_transaction()?;
            Ok(page::get(&snapshot, id)?.map(|(_, record)| record))
        })
    }

    /// Computes sums and percentiles. Reads the records of the range once per grouping, and needs
    /// 16 bytes of memory per record meanwhile.
    ///
    /// # Errors
    ///
    /// [`LogStoreError::Invalid`] if the range is empty or has more than 500 buckets,
    /// [`LogStoreError::TooSlow`], or a failure of the database.
    pub fn summary(&self, query: &SummaryQuery) -> Result<Summary, LogStoreError> {
        self.read(|connection| summary::summary(connection, query))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, LogStoreError>,
    ) -> Result<T, LogStoreError> {
        self.connections.read(self.query_timeout, read)
    }
}

opaque_debug!(LogStore { keep });
