//! `--log FILE`: one JSON line per exchange.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use tower_ai_gateway::GatewayLayerBuilder;
use tower_ai_gateway::log::{LogFile, LogHook};

/// The time limit for writing the last lines.
const PATIENCE: Duration = Duration::from_secs(10);

/// Adds the log to the layer, if a file is given.
pub(crate) fn keep(
    layer: GatewayLayerBuilder,
    file: Option<&Path>,
) -> Result<(GatewayLayerBuilder, Option<LogHook>), Box<dyn Error + Send + Sync>> {
    let Some(path) = file else { return Ok((layer, None)) };
    let file = LogFile::open(path)
        .map_err(|error| format!("cannot write the log {}: {error}", path.display()))?;
    let log = LogHook::builder(file).build()?;
    Ok((layer.metrics_hook(log.clone()), Some(log)))
}

/// Writes what is still queued, and logs if some of it is lost.
pub(crate) async fn finish(log: Option<LogHook>) {
    let Some(log) = log else { return };
    match tokio::task::spawn_blocking(move || log.flush(PATIENCE)).await {
        Ok(report) if report.is_complete() => {}
        Ok(report) => tracing::error!(%report, "the log lacks records"),
        Err(error) => tracing::error!(%error, "the log could not be flushed"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::Router;
    use axum::body::Body;
    use http::Request;
    use serde_json::Value;
    use tower::{Layer, ServiceExt, service_fn};
    use tower_ai_gateway::{GatewayLayer, Mount, Provider};

    use super::*;

    #[tokio::test]
    async fn exchanges_are_in_the_file_after_the_end() {
        let path = std::env::temp_dir().join(format!("gateway-records-{}", std::process::id()));
        let layer =
            GatewayLayer::builder().provider(Provider::xai()).mount(Mount::hosted().exclusive());
        let (layer, log) = keep(layer, Some(&path)).unwrap();
        let upstream = service_fn(|_| async {
            Err::<http::Response<Body>, _>(std::io::Error::other("nobody is called"))
        });
        let service = layer.build().unwrap().upstream(upstream).layer(Router::<()>::new());
        let request = Request::get("/v1/acct/gw/nosuch/x").body(Body::empty()).unwrap();
        service.oneshot(request).await.unwrap();
        finish(log).await;
        let line: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(line["outcome"], "rejected");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let error = keep(GatewayLayer::builder(), Some(Path::new("/nosuch/log"))).err().unwrap();
        assert!(error.to_string().starts_with("cannot write the log /nosuch/log: "), "{error}");
    }
}
