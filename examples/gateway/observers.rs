//! Logs, metrics and traces: those that this build has and the command line or environment asks for.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use tower_ai_gateway::GatewayLayerBuilder;
#[cfg(feature = "log")]
use tower_ai_gateway::log::LogHook;
use tower_ai_gateway::usage::Prices;

#[cfg(any(feature = "metrics", feature = "log-sqlite"))]
use super::admin::Guard;
#[cfg(all(feature = "log", feature = "metrics"))]
use super::log_counts;
#[cfg(feature = "log-sqlite")]
use super::log_db::LogDb;
use super::options::Options;
use super::pages::Pages;
#[cfg(feature = "metrics")]
use super::prometheus;
#[cfg(feature = "log")]
use super::records;
#[cfg(feature = "otel")]
use super::spans::Spans;

/// What must be finished when the gateway stops.
pub(crate) struct Observers {
    #[cfg(feature = "otel")]
    spans: Spans,
    #[cfg(feature = "log")]
    records: Option<LogHook>,
    #[cfg(feature = "log-sqlite")]
    log_db: Option<LogDb>,
}

impl Observers {
    /// Adds their hooks to the layer, and returns their pages for operators.
    pub(crate) fn start(
        options: &Options,
        prices: &Prices,
        layer: GatewayLayerBuilder,
    ) -> Result<(Self, GatewayLayerBuilder, Pages), Box<dyn Error + Send + Sync>> {
        // A build without these features refuses their options.
        let (_, _, _, _) = (&options.log, &options.log_db, options.log_keep, prices);
        let pages = Router::new();
        #[cfg(any(feature = "metrics", feature = "log-sqlite"))]
        let guard = Guard::from_env()?;
        #[cfg(any(feature = "metrics", feature = "log-sqlite"))]
        let has_token = guard.has_token();
        #[cfg(not(any(feature = "metrics", feature = "log-sqlite")))]
        let has_token = false;
        #[cfg(feature = "otel")]
        let spans = Spans::from_env()?;
        #[cfg(feature = "otel")]
        let layer = match spans.hook() {
            Some(hook) => layer.metrics_hook(hook),
            None => layer,
        };
        #[cfg(feature = "log")]
        let (layer, records) = records::keep(layer, options.log.as_deref())?;
        #[cfg(feature = "log-sqlite")]
        let log_db = options.log_db.as_deref();
        #[cfg(feature = "log-sqlite")]
        let log_db = log_db.map(|path| LogDb::open(path, options.log_keep)).transpose()?;
        #[cfg(feature = "metrics")]
        let (layer, pages) = {
            #[cfg(feature = "log")]
            let logs: Vec<_> = [
                records.clone().map(|log| ("file", log)),
                #[cfg(feature = "log-sqlite")]
                log_db.as_ref().map(|log_db| ("sqlite", log_db.hook())),
            ]
            .into_iter()
            .flatten()
            .collect();
            #[cfg(feature = "log")]
            let more = move || log_counts::page(&logs);
            #[cfg(not(feature = "log"))]
            let more = String::new;
            let (hook, page) = prometheus::start(guard.clone(), prices.clone(), more);
            (layer.metrics_hook(hook), pages.merge(page))
        };
        #[cfg(feature = "log-sqlite")]
        let (layer, pages) = match &log_db {
            Some(log_db) => (log_db.observe(layer), pages.merge(log_db.dashboard(guard))),
            None => (layer, pages),
        };
        let observers = Self {
            #[cfg(feature = "otel")]
            spans,
            #[cfg(feature = "log")]
            records,
            #[cfg(feature = "log-sqlite")]
            log_db,
        };
        Ok((observers, layer, Pages { router: pages, has_token }))
    }

    /// Sets the address that the gateway listens on.
    pub(crate) fn listens(&self, address: SocketAddr) {
        #[cfg(feature = "log-sqlite")]
        if let Some(log_db) = &self.log_db {
            log_db.listens(address);
        }
        #[cfg(not(feature = "log-sqlite"))]
        let _ = address;
    }

    /// Writes and sends what is still queued.
    pub(crate) async fn finish(self) {
        #[cfg(feature = "otel")]
        self.spans.shutdown().await;
        #[cfg(feature = "log")]
        records::finish(self.records).await;
        #[cfg(feature = "log-sqlite")]
        if let Some(log_db) = self.log_db {
            log_db.flush().await;
        }
    }
}
