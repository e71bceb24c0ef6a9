//! Warnings about setups that compile but cannot work. Each is logged once per layer.

use std::any::type_name;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use tracing::Level;

use crate::TARGET;
use crate::context::GatewayContext;
use crate::util::redact::shown;

/// Which warnings a layer has logged.
#[derive(Debug, Default)]
pub(crate) struct Misuse {
    around_app: AtomicBool,
    /// A request that looks like a provider call went to the app.
    pub(crate) not_taken: AtomicBool,
    not_acted_on: AtomicBool,
}

/// Returns true if warnings are enabled and this one was not logged yet.
pub(crate) fn is_first(given: &AtomicBool) -> bool {
    !given.load(Ordering::Relaxed)
        && tracing::enabled!(target: TARGET, Level::WARN)
        && !given.swap(true, Ordering::Relaxed)
}

/// Returns true if a service is an axum router or wraps one, by the name of its type.
///
/// Type names are not stable, so only a warning may depend on this.
pub(crate) fn is_axum_router<S>() -> bool {
    type_name::<S>().contains("axum::routing::")
}

fn is_html(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    let html = b"text/html";
    value.as_bytes().get(..html.len()).is_some_and(|start| start.eq_ignore_ascii_case(html))
}

impl Misuse {
    /// Warns if the axum router that the layer wraps has answered a request for a provider.
    ///
    /// In tests a router may be the provider, so only answers that look like an app's count.
    pub(crate) fn answered_by_router<B>(&self, response: &Response<B>) {
        let is_unrouted =
            matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        if (is_unrouted || is_html(response.headers())) && is_first(&self.around_app) {
            tracing::warn!(
                target: TARGET,
                status = response.status().as_u16(),
                "a request for a provider was answered by an axum router, for the gateway's layer has \
                 no upstream and takes the app for its HTTP client: if this router is not meant to \
                 stand for a provider, give the layer one, as in \
                 `.layer(gateway.upstream(HttpClient::new()?))`; this is logged once"
            );
        }
    }

    /// Warns if no layer of the stack has acted on a setting of this request.
    pub(crate) fn not_acted_on(&self, context: &GatewayContext) {
        let Some(setting) = context.not_acted_on() else { return };
        if is_first(&self.not_acted_on) {
            tracing::warn!(
                target: TARGET,
                log_id = %context.log_id(),
                account = context.account().map(shown).as_deref(),
                gateway = &*shown(context.gateway()),
                setting,
                "a setting was not acted on, for no layer below the gateway does: put a \
                 `control::ControlLayer` (feature `control`) around the client; this is logged once"
            );
        }
    }
}
