//! `--log-db`: every exchange into an SQLite file, and a page that shows it.

use std::net::SocketAddr;
use std::{error::Error, path::Path, sync::Arc, time::Duration};

use axum::Router;
use tower_ai_gateway::GatewayLayerBuilder;
use tower_ai_gateway::log::{LogHook, LogStore};

use super::{
    admin::Guard,
    dashboard::{self, Live},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the last records may take to reach the disk.
const FLUSH: Duration = Duration::from_secs(10);

/// The log, what fills it, and what is going on right now.
pub(crate) struct LogDb {
    store: LogStore,
    hook: LogHook,
    live: Arc<Live>,
}

impl LogDb {
    /// Opens the file, or makes it. Records older than so many days are deleted.
    pub(crate) fn open(
        path: &Path,
        keep: Option<u32>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let store = LogStore::open(path)
            .map_err(|error| format!("cannot log to {}: {}", path.display(), told(&error)))?
            .keep(keep.map(|days| DAY.saturating_mul(days)), None);
        let hook = LogHook::builder(store.sink()).build()?;
        Ok(Self { store, hook, live: Arc::default() })
    }

    /// Lets the log and the page know of every exchange.
    pub(crate) fn observe(&self, builder: GatewayLayerBuilder) -> GatewayLayerBuilder {
        builder.metrics_hook(self.hook.clone()).metrics_hook(self.live.clone())
    }

    /// What fills it.
    #[cfg(feature = "metrics")]
    pub(crate) fn hook(&self) -> LogHook {
        self.hook.clone()
    }

    /// Lets the page say where the gateway is.
    pub(crate) fn listens(&self, address: SocketAddr) {
        self.live.listens(address);
    }

    /// The page, behind its guard.
    pub(crate) fn dashboard(&self, guard: Guard) -> Router {
        dashboard::router(self.store.router(), self.live.clone(), guard)
    }

    /// Writes what is still queued, and says so if that is not all.
    pub(crate) async fn flush(self) {
        let hook = self.hook;
        match tokio::task::spawn_blocking(move || hook.flush(FLUSH)).await {
            Ok(report) if report.is_complete() => tracing::info!(%report, "the log is closed"),
            Ok(report) => tracing::error!(%report, "the log lacks records"),
            Err(error) => tracing::error!(%error, "the log could not be flushed"),
        }
    }
}

/// An error with what caused it, in one line.
fn told(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |error| (*error).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use tower_ai_gateway::log::{LogQuery, LogRecord, LogSink as _};

    use super::*;

    #[test]
    fn old_records_are_deleted_where_that_is_wanted() {
        let old = serde_json::json!({ "id": "old", "created_at": "2020-01-01T00:00:00Z" });
        let old: LogRecord = serde_json::from_value(old).unwrap();
        let directory = tempfile::tempdir().unwrap();
        for (keep, left) in [(None, 1), (Some(u32::MAX), 1), (Some(1), 0)] {
            let log = LogDb::open(&directory.path().join("gateway.db"), keep).unwrap();
            log.store.sink().write(std::slice::from_ref(&old)).unwrap();
            assert_eq!(log.store.count(&LogQuery::default()).unwrap(), left, "{keep:?}");
        }
    }
}
