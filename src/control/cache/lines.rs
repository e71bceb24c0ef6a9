//! The headers of a request in its key.

use std::borrow::Cow;

use http::header::ACCEPT_ENCODING;
use http::{HeaderName, HeaderValue, Request};

use super::codings::Codings;
use super::parts::Parts;
use crate::context::GatewayContext;

/// The lines of a head that may change an answer, in the order of their names; those of one name are in
/// the order in which they came.
pub(super) struct Headers<'a> {
    lines: Vec<(&'a HeaderName, &'a HeaderValue)>,
    codings: Option<Codings>,
}

impl<'a> Headers<'a> {
    pub(super) fn of<B>(request: &'a Request<B>, context: &GatewayContext) -> Self {
        let headers = request.headers();
        // A provider that is not built in may keep conversations by such headers.
        let is_custom = context.upstream().is_some_and(|upstream| upstream.kind().is_none());
        let is_added = |name: &str| !changes_nothing(name) || is_custom && is_of_session(name);
        let mut lines = Vec::with_capacity(headers.len());
        lines.extend(headers.iter().filter(|(name, _)| is_added(name.as_str())));
        lines.sort_by_key(|(name, _)| name.as_str());
        Self { lines, codings: Codings::of(headers) }
    }

    /// Adds the lines of these names.
    pub(super) fn add(&self, parts: &mut Parts, is_one: impl Fn(&str) -> bool) {
        let names = self.lines.chunk_by(|(one, _), (other, _)| one == other);
        for lines in names {
            let name = lines[0].0;
            if !is_one(name.as_str()) {
                continue;
            }
            parts.add(name.as_str().as_bytes());
            if let Some(codings) = self.codings.filter(|_| *name == ACCEPT_ENCODING) {
                // A count that no lines have.
                parts.count(0);
                parts.add(&codings.to_bytes());
                continue;
            }
            parts.count(lines.len());
            lines.iter().for_each(|(_, value)| parts.add(value.as_bytes()));
        }
        // Marks the end, for no name is empty.
        parts.add(b"");
    }
}

pub(super) fn is_of_content(name: &str) -> bool {
    name.starts_with("content-")
}

/// Headers that tell of the client's program, of one sending, of a trace or of a conversation. No
/// provider answers otherwise for them.
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
            | "idempotency-key"
            | "x-idempotency-key"
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

/// No built-in provider answers by one of these.
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

/// Whether an answer that varies by this header of the request can be told from others.
pub(super) fn is_told_apart(name: &str) -> bool {
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let lower = if is_lower { name.into() } else { Cow::from(name.to_ascii_lowercase()) };
    name != "*" && !changes_nothing(&lower)
}
