//! A log in a SQLite file: records that can be queried, summed up and rated.

mod columns;
mod connection;
mod error;
mod feedback;
mod filter;
mod params;
mod query;
mod router;
mod schema;
mod summary;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::connection::Connections;
pub use self::error::StoreError;
pub use self::feedback::Feedback;
pub use self::query::{Cursor, LogPage, LogQuery};
pub use self::summary::{
    Bucket, LabelTotals, ModelTotals, Percentiles, SubjectTotals, Summary, SummaryQuery, Totals,
};
use self::write::Keep;
pub use self::write::LogStoreSink;
use super::LogRecord;
use crate::util::opaque::opaque_debug;

const TICKS_PER_USD: f64 = 1e10;

/// A log in a SQLite file. A clone is the same store.
///
/// After a failure the file is opened again, and begun anew where it was deleted or moved away; what
/// a [`sink`](Self::sink) was given meanwhile is not kept. Anything but a regular file is refused.
///
/// Several processes may have the same file open: one writes at a time, and all read meanwhile.
/// Everything here blocks the thread that calls it; [`router`](Self::router) sees to that by itself.
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
}

impl LogStore {
    /// Opens the file, or makes it, on Unix with permissions for its owner alone. SQLite puts two
    /// more beside it while it is open (`-wal`, `-shm`).
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerSchema`] where a later release wrote the file, [`StoreError::NotALog`]
    /// where something else did, or a failure of the file system or the database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connections = Arc::new(Connections::open(path.as_ref())?);
        Ok(Self { connections, keep: Keep::default() })
    }

    /// Keeps records that are not older than `max_age`, and the last `max_records` of them. The
    /// [`sink`](Self::sink) deletes others as it writes, the oldest first and some at a time; what
    /// they took up in the file is used again. Default: everything is kept.
    #[must_use]
    pub fn keep(mut self, max_age: Option<Duration>, max_records: Option<u64>) -> Self {
        self.keep = Keep { age: max_age, records: max_records };
        self
    }

    /// What a log hook is to write to.
    #[must_use]
    pub fn sink(&self) -> LogStoreSink {
        LogStoreSink(self.clone())
    }

    /// Some of the records that fit, and where the next ones are.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] for a limit out of range, or a failure of the database.
    pub fn query(&self, query: &LogQuery) -> Result<LogPage, StoreError> {
        self.connections.read(|connection| query::page(connection, query))
    }

    /// How many records fit, on all pages.
    ///
    /// # Errors
    ///
    /// Fails where the database does.
    pub fn count(&self, query: &LogQuery) -> Result<u64, StoreError> {
        self.connections.read(|connection| query::count(connection, query))
    }

    /// A record with its bodies, as far as they are kept; `None` where the id is not known (yet).
    ///
    /// # Errors
    ///
    /// Fails where the database does.
    pub fn get(&self, id: &str) -> Result<Option<LogRecord>, StoreError> {
        self.connections.read(|connection| {
            // What belongs to a record is of the same moment.
            let snapshot = connection.unchecked_transaction()?;
            Ok(query::get(&snapshot, id)?.map(|(_, record)| record))
        })
    }

    /// Sums and percentiles. Reads the records of the range once for each way of grouping them, and
    /// needs 16 bytes of memory for each meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] for a range that is empty or has more than 500 buckets, or a failure
    /// of the database.
    pub fn summary(&self, query: &SummaryQuery) -> Result<Summary, StoreError> {
        self.connections.read(|connection| summary::summary(connection, query))
    }
}

opaque_debug!(LogStore { keep });
