//! Warnings about setups that compile but cannot work. Each is logged once per layer.

use std::any::type_name;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::Level;

use crate::TARGET;
use crate::context::GatewayContext;
use crate::provider::{Providers, is_built_in};
use crate::request::stages::Shared;
use crate::routing::{Mount, call_below};
use crate::usage::PriceTable;
use crate::util::operation::Operation;
use crate::util::redact::shown;

/// Which warnings a layer has logged.
#[derive(Debug, Default)]
pub(crate) struct Misuse {
    around_app: AtomicBool,
    not_taken: AtomicBool,
    not_acted_on: AtomicBool,
}

/// Whether to log a warning: warnings are enabled, and this one was not logged yet.
fn is_first(given: &AtomicBool) -> bool {
    !given.load(Ordering::Relaxed)
        && tracing::enabled!(target: TARGET, Level::WARN)
        && !given.swap(true, Ordering::Relaxed)
}

/// Whether a service is an axum router or wraps one, judging by the name of its type.
///
/// The compiler does not promise what type names look like, so only a warning may depend on this.
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
    /// In tests a router may play the provider. Only answers that look like an app's count.
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
                 `.layer(gateway.upstream(HttpClient::new()?))`; this is told once"
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
                 `control::ControlLayer` (feature `control`) around the client; this is told once"
            );
        }
    }
}

impl Shared {
    /// A request goes to the app. If it looks like one for a provider, warns with the paths that the
    /// gateway does take: `nest`, for one, removes the prefix of a path.
    #[inline]
    pub(crate) fn leave_to_app<B>(&self, request: &Request<B>) {
        let path = request.uri().path();
        let may_be_a_call = match *request.method() {
            Method::POST => path.len() >= SHORTEST_CALL,
            Method::GET => path.ends_with("/models"),
            _ => false,
        };
        if may_be_a_call {
            self.leave_call_to_app(request.method(), path);
        }
    }

    #[cold]
    fn leave_call_to_app(&self, method: &Method, path: &str) {
        let misuse = &self.observation.misuse;
        if misuse.not_taken.load(Ordering::Relaxed) {
            return;
        }
        let snapshot = self.snapshot();
        let is_added = |name: &str| name == "compat" || snapshot.providers().find(name).is_some();
        let is_meant = asks_a_known_provider(&self.mounts, path)
            || *method == Method::POST && looks_like_a_call(&self.mounts, is_added, path);
        if is_meant && is_first(&misuse.not_taken) {
            let mut known = String::new();
            for upstream in snapshot.providers().all() {
                let separator = if known.is_empty() { "" } else { ", " };
                let _ = write!(known, "{separator}{}", upstream.slug());
            }
            let mounts: Vec<_> = self.mounts.iter().map(|mount| mount.pattern()).collect();
            tracing::warn!(
                target: TARGET,
                path = &*shown(path),
                mounts = mounts.join(", "),
                providers = &*known,
                "a request that looks like one for a provider was not taken and goes to the app: its \
                 path is below none of the mounts, or names no provider that was added. axum's \
                 `nest` takes its prefix off the path; this is told once"
            );
        }
    }
}

/// `/v1/messages`
const SHORTEST_CALL: usize = 12;

/// Endings of provider calls. An app hardly has paths that end so and match a mount.
const CALLS: [&str; 11] = [
    "/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/completions",
    "/embeddings",
    "/rerank",
    "/images/generations",
    "/audio/speech",
    "/audio/transcriptions",
    ":generateContent",
    ":streamGenerateContent",
];

/// Apps use these endings too, so they count only in a path that names a provider.
const CALLS_BY_COMMON_NAMES: [&str; 2] = ["/responses", "/completions"];

/// Whether the path names a built-in provider where a mount expects one, followed by a known call.
fn asks_a_known_provider(mounts: &[Mount], path: &str) -> bool {
    mounts
        .iter()
        .filter_map(|mount| call_below(mount, path))
        .any(|(provider, rest)| is_built_in(provider) && Operation::of(rest) != Operation::Other)
}

/// Whether the path ends like a call, and either names an added provider or matches a mount.
fn looks_like_a_call(mounts: &[Mount], is_added: impl Fn(&str) -> bool, path: &str) -> bool {
    let ends_like = |calls: &[&str]| calls.iter().any(|call| path.ends_with(call));
    let is_call = ends_like(&CALLS);
    (is_call || ends_like(&CALLS_BY_COMMON_NAMES)) && path.split('/').any(is_added)
        || is_call && mounts.iter().any(|mount| call_below(mount, path).is_some())
}

/// Warns if the price table has rows, but none for any of the providers.
pub(crate) fn check_prices<'p>(
    table: &PriceTable,
    providers: impl Iterator<Item = &'p Providers> + Clone,
) {
    let mut all = providers.clone().flat_map(Providers::all).peekable();
    if all.peek().is_none() || table.is_empty() || all.any(|one| table.prices(one.slug())) {
        return;
    }
    let slugs: Vec<_> = providers.flat_map(Providers::all).map(|one| one.slug()).collect();
    tracing::warn!(
        target: TARGET,
        providers = slugs.join(", "),
        "the price table has no price for any of the providers: its rows are for others. Name rows \
         `{{slug}}/{{model}}`, or `{{model}}` for all providers"
    );
}
