//! Warnings about requests that match no mount, and about prices for no provider.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Method, Request};

use crate::TARGET;
use crate::exchange::misuse::is_first;
use crate::provider::{Providers, is_built_in};
use crate::request::stages::Shared;
use crate::routing::{Mount, call_below};
use crate::usage::PriceTable;
use crate::util::operation::Operation;
use crate::util::redact::shown;

impl Shared {
    /// Called for a request that goes to the app. If it looks like a provider call, warns with the
    /// paths that the gateway takes: `nest`, for example, removes the prefix of a path.
    #[inline]
    pub(crate) fn leave_to_app<B>(self: &Arc<Self>, request: &Request<B>) {
        let path = request.uri().path();
        let may_be_a_call = match *request.method() {
            // Few of an app's own paths meet either condition.
            Method::POST => {
                ends_as_calls_end(path)
                    || self.mounts.iter().any(|mount| mount.strip(path).is_some())
            }
            Method::GET => path.ends_with("/models"),
            _ => false,
        };
        if may_be_a_call {
            self.leave_call_to_app(request.method(), path);
        }
    }

    #[cold]
    fn leave_call_to_app(self: &Arc<Self>, method: &Method, path: &str) {
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
                 `nest` takes its prefix off the path; this is logged once"
            );
        }
    }
}

/// Endings of provider calls. An app is unlikely to have such paths that also match a mount.
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

/// Returns true if the path has a built-in provider where a mount expects one, followed by a known
/// call.
fn asks_a_known_provider(mounts: &[Mount], path: &str) -> bool {
    mounts
        .iter()
        .filter_map(|mount| call_below(mount, path))
        .any(|(provider, rest)| is_built_in(provider) && Operation::of(rest) != Operation::Other)
}

/// Returns true if the path ends like a call, and either names an added provider or matches a
/// mount.
fn looks_like_a_call(mounts: &[Mount], is_added: impl Fn(&str) -> bool, path: &str) -> bool {
    let ends_like = |calls: &[&str]| calls.iter().any(|call| path.ends_with(call));
    let is_call = ends_like(&CALLS);
    (is_call || ends_like(&CALLS_BY_COMMON_NAMES)) && path.split('/').any(is_added)
        || is_call && mounts.iter().any(|mount| call_below(mount, path).is_some())
}

/// Returns true if the path ends with the last letters of a known call: a cheap first check.
fn ends_as_calls_end(path: &str) -> bool {
    matches!(
        path.as_bytes(),
        [.., b'n' | b'e' | b'g', b's'] | [.., b'n', b'k' | b't'] | [.., b'c', b'h']
    )
}

/// Warns if the price table has rows, but none for any of the providers.
pub(crate) fn check_prices<'p>(
    table: &PriceTable,
    providers: impl Iterator<Item = &'p Providers> + Clone,
) {
    let mut all = providers.clone().flat_map(Providers::all).peekable();
    if all.peek().is_none()
        || table.is_empty()
        || all.any(|one| table.prices_at(one.slug(), one.kind()))
    {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_call_passes_the_check_of_its_last_letters() {
        for call in CALLS.iter().chain(&CALLS_BY_COMMON_NAMES) {
            assert!(ends_as_calls_end(call), "{call}");
        }
        assert!(!ends_as_calls_end("/users/7/orders") && !ends_as_calls_end("s"));
    }
}
