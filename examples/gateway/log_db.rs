//! `--log-db`: logs every exchange to an SQLite file, with a page that shows it.

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

/// The time limit for writing the last records.
const FLUSH: Duration = Duration::from_secs(10);

/// The log, its hook, and the counts of open exchanges.
pub(crate) struct LogDb {
    store: LogStore,
    hook: LogHook,
    live: Arc<Live>,
}

impl LogDb {
    /// Opens or creates the file. Records older than this many days are deleted.
    pub(crate) fn open(
        path: &Path,
        keep: Option<u32>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let store = LogStore::open(path)
            .map_err(|error| format!("cannot log to {}: {}", path.display(), with_sources(&error)))?
            .keep(keep.map(|days| DAY.saturating_mul(days)), None);
        let hook = LogHook::builder(store.sink()).build()?;
        Ok(Self { store, hook, live: Arc::default() })
    }

    /// Adds the hooks of the log and the page.
    pub(crate) fn observe(&self, builder: GatewayLayerBuilder) -> GatewayLayerBuilder {
        builder.metrics_hook(self.hook.clone()).metrics_hook(self.live.clone())
    }

    /// The hook that fills the log.
    #[cfg(feature = "metrics")]
    pub(crate) fn hook(&self) -> LogHook {
        self.hook.clone()
    }

    /// Sets the gateway's address for the page.
    pub(crate) fn listens(&self, address: SocketAddr) {
        self.live.listens(address);
    }

    /// The page, behind its guard.
    pub(crate) fn dashboard(&self, guard: Guard) -> Router {
        dashboard::router(self.store.router(), self.hook.clone(), self.live.clone(), guard)
    }

    /// Writes the queued records, and logs if some are lost.
    pub(crate) async fn flush(self) {
        let hook = self.hook;
        match tokio::task::spawn_blocking(move || hook.flush(FLUSH)).await {
            Ok(report) if report.is_complete() => tracing::info!(%report, "the log is closed"),
            Ok(report) => tracing::error!(%report, "the log lacks records"),
            Err(error) => tracing::error!(%error, "the log could not be flushed"),
        }
    }
}

/// An error with its sources, in one line.
fn with_sources(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |error| (*error).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::{Layer as _, ServiceExt as _, service_fn};
    use tower_ai_gateway::log::{LogQuery, LogRecord, LogSink as _};
    use tower_ai_gateway::{GatewayLayer, Mount, Provider};

    use super::*;

    #[test]
    fn old_records_are_deleted_if_requested() {
        let old = serde_json::json!({ "id": "old", "created_at": "2020-01-01T00:00:00Z" });
        let old: LogRecord = serde_json::from_value(old).unwrap();
        let directory = tempfile::tempdir().unwrap();
        for (keep, left) in [(None, 1), (Some(u32::MAX), 1), (Some(1), 0)] {
            let log = LogDb::open(&directory.path().join("gateway.db"), keep).unwrap();
            log.store.sink().write(std::slice::from_ref(&old)).unwrap();
            assert_eq!(log.store.count(&LogQuery::default()).unwrap(), left, "{keep:?}");
        }
    }

    #[tokio::test]
    async fn the_page_shows_how_many_records_are_lost() {
        let directory = tempfile::tempdir().unwrap();
        let log = LogDb::open(&directory.path().join("gateway.db"), None).unwrap();
        let layer = GatewayLayer::builder().provider(Provider::xai());
        let layer = log.observe(layer.mount(Mount::hosted().exclusive())).build().unwrap();
        let upstream = service_fn(async |_| {
            Err::<http::Response<Body>, _>(std::io::Error::other("nobody is called"))
        });
        let app = log.dashboard(Guard::from_env().unwrap());
        let gateway = layer.upstream(upstream).layer(app);
        let refused = || Request::get("/v1/acct/gw/nosuch/x").body(Body::empty()).unwrap();
        let lost = async || {
            let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9)));
            let ask = Request::get("/dashboard/api/live").header("host", "127.0.0.1:8787");
            let page = gateway.clone().oneshot(ask.extension(peer).body(Body::empty()).unwrap());
            let page = page.await.unwrap().into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice::<serde_json::Value>(&page).unwrap()["lost"].clone()
        };
        gateway.clone().oneshot(refused()).await.unwrap();
        assert!(log.hook.flush(FLUSH).is_complete());
        assert_eq!(lost().await, 0);
        // There is no place to write to any more.
        directory.close().unwrap();
        gateway.clone().oneshot(refused()).await.unwrap();
        assert_eq!(log.hook.flush(FLUSH).counts.failed, 1);
        assert_eq!(lost().await, 1);
    }
}
