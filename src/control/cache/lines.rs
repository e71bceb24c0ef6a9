//! The request headers in the key.

use std::borrow::Cow;

use http::header::ACCEPT_ENCODING;
use http::{HeaderName, HeaderValue, Request};

use super::codings::Codings;
use super::parts::Parts;
use crate::context::GatewayContext;

/// The headers that may change a response, sorted by name. Lines with the same name keep their order.
pub(super) struct Headers<'a> {
    lines: Vec<(&'a HeaderName, &'a HeaderValue)>,
    codings: Option<Codings>,
}

impl<'a> Headers<'a> {
    pub(super) fn of<B>(request: &'a Request<B>, context: &GatewayContext) -> Self {
        let headers = request.headers();
        // A custom provider may keep conversations by session headers.
        let is_custom = context.upstream().is_some_and(|upstream| upstream.kind().is_none());
        let is_added = |name: &str| !changes_nothing(name) || is_custom && is_of_session(name);
        let mut lines = Vec::with_capacity(headers.len());
        lines.extend(headers.iter().filter(|(name, _)| is_added(name.as_str())));
        lines.sort_by_key(|(name, _)| name.as_str());
        let mut headers = Self { lines, codings: None };
        headers.codings = Codings::of(headers.all(ACCEPT_ENCODING));
        headers
    }

    /// The lines of one header.
    pub(super) fn all(&self, name: HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.lines.iter().filter(move |(own, _)| **own == name).map(|(_, value)| *value)
    }

    /// Adds the headers for which `is_one` holds.
    pub(super) fn add(&self, parts: &mut Parts, is_one: impl Fn(&str) -> bool) {
        let names = self.lines.chunk_by(|(one, _), (other, _)| one == other);
        for lines in names {
            let name = lines[0].0;
            if !is_one(name.as_str()) {
                continue;
            }
            parts.add(name.as_str().as_bytes());
            if let Some(codings) = self.codings.filter(|_| *name == ACCEPT_ENCODING) {
                // No header has zero lines, so the codings cannot be mistaken for lines.
                parts.count(0);
                parts.add(&codings.to_bytes());
                continue;
            }
            parts.count(lines.len());
            lines.iter().for_each(|(_, value)| parts.add(value.as_bytes()));
        }
        // Marks the end, because no name is empty.
        parts.add(b"");
    }
}

pub(super) fn is_of_content(name: &str) -> bool {
    name.starts_with("content-")
}

/// Headers of the client's program, of one transmission, of a trace or of a conversation. No provider
/// responds differently because of them.
fn changes_nothing(name: &str) -> bool {
    matches!(
        name,
        "user-agent"
            | "host"
            | "content-length"
            | "expect"
            | "date"
            | "via"
            | "traceparent"
            | "tracestate"
            | "baggage"
            | "b3"
            | "x-request-id"
            | "request-id"
            | "x-client-request-id"
            | "x-correlation-id"
            | "x-amzn-trace-id"
            | "x-cloud-trace-context"
            | "x-stainless-arch"
            | "x-stainless-async"
            | "x-stainless-custom-poll-interval"
            | "x-stainless-helper"
            | "x-stainless-helper-method"
            | "x-stainless-lang"
            | "x-stainless-os"
            | "x-stainless-package-version"
            | "x-stainless-poll-helper"
            | "x-stainless-read-timeout"
            | "x-stainless-retry-count"
            | "x-stainless-runtime"
            | "x-stainless-runtime-version"
            | "x-stainless-timeout"
    ) || name.starts_with("x-b3-")
        || is_of_session(name)
}

/// Headers of a conversation. No built-in provider responds differently because of them.
fn is_of_session(name: &str) -> bool {
    matches!(
        name,
        "x-session-id"
            | "x-claude-code-session-id"
            | "session_id"
            | "session-id"
            | "x-session-affinity"
            | "x-grok-conv-id"
    )
}

/// Whether the key separates responses that vary by this request header.
pub(super) fn is_told_apart(name: &str) -> bool {
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let lower = if is_lower { name.into() } else { Cow::from(name.to_ascii_lowercase()) };
    name != "*" && !changes_nothing(&lower)
}
