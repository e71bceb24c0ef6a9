//! What never crosses the gateway, in either direction.
//!
//! Everything else is kept: names, values, repeats and the order of repeats.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials;

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What one pass over a request's headers saw, and what it says must go.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    doomed: Doomed,
    /// The client takes part in trailers (`te: trailers`, RFC 9110 §10.1.4).
    pub(crate) trailers: bool,
    /// There is a credential for a provider.
    pub(crate) credential: bool,
    /// There are `cf-aig-*` headers (or their two old aliases) to be parsed.
    pub(crate) directives: bool,
}

/// Names to remove: collected first, because a map cannot be changed while it is walked.
#[derive(Debug, Default)]
struct Doomed {
    names: [Option<HeaderName>; 6],
    overflow: Vec<HeaderName>,
}

impl Doomed {
    fn push(&mut self, name: &HeaderName) {
        match self.names.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(name.clone()),
            None => self.overflow.push(name.clone()),
        }
    }

    fn remove_from(self, headers: &mut HeaderMap) {
        for name in self.names.iter().flatten().chain(&self.overflow) {
            headers.remove(name);
        }
    }
}

/// Looks at each header once; credentials are marked sensitive on the way.
pub(crate) fn survey_request(headers: &mut HeaderMap) -> Survey {
    let mut survey = Survey::default();
    let mut last: Option<&HeaderName> = None;
    for (name, value) in headers.iter_mut() {
        if credentials::is_credential(name) {
            value.set_sensitive(true);
            survey.credential = true;
            continue;
        }
        if *name == TE && has_token(value, "trailers") {
            survey.trailers = true;
        }
        let text = name.as_str();
        if !stays_with_the_gateway(text) {
            continue;
        }
        survey.directives |= is_directive(text);
        value.set_sensitive(true);
        // A repeated header is met once for each of its values.
        if last != Some(name) {
            survey.doomed.push(name);
        }
        last = Some(name);
    }
    survey
}

/// Removes what a provider must not see and puts its `host` in the place of ours.
pub(crate) fn strip_request(headers: &mut HeaderMap, survey: Survey, host: &HeaderValue) {
    distrust_double_framing(headers);
    remove_named_by_connection(headers);
    let trailer = headers.contains_key(TRAILER).then(|| allowed_trailer_names(headers));
    let trailers = survey.trailers;
    survey.doomed.remove_from(headers);
    if trailers {
        headers.insert(TE, TRAILERS);
    }
    if let Some(Some(names)) = trailer {
        headers.insert(TRAILER, names);
    }
    if headers.contains_key(HOST) {
        headers.insert(HOST, host.clone());
    }
}

/// Removes what a provider must not say to a client, or does not mean for it.
pub(crate) fn strip_response(headers: &mut HeaderMap, client_takes_trailers: bool) {
    distrust_double_framing(headers);
    remove_named_by_connection(headers);
    let trailer = (client_takes_trailers && headers.contains_key(TRAILER))
        .then(|| allowed_trailer_names(headers));
    let mut doomed = Doomed::default();
    for name in headers.keys().filter(|name| never_reaches_a_client(name)) {
        doomed.push(name);
    }
    doomed.remove_from(headers);
    if let Some(Some(names)) = trailer {
        headers.insert(TRAILER, names);
    }
}

/// Removes from trailers what they may not carry (RFC 9110 §6.5.1) or what would not pass as a header.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let mut doomed = Doomed::default();
    for name in trailers.keys().filter(|name| !may_be_a_trailer(name)) {
        doomed.push(name);
    }
    doomed.remove_from(trailers);
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    ) || name.starts_with("proxy-")
}

/// `cf-aig-…`, with underscores for hyphens too: some servers read the two as one.
fn is_gateway_header(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c', b'f', b'-' | b'_', b'a', b'i', b'g', b'-' | b'_', ..])
}

fn is_directive(name: &str) -> bool {
    is_gateway_header(name) || matches!(name, "cf-cache-ttl" | "cf-skip-cache")
}

fn stays_with_the_gateway(name: &str) -> bool {
    // The first letter settles it for most headers.
    match name.as_bytes().first() {
        Some(b'c') => {
            matches!(name, "connection" | "cookie" | "cf-connecting-ip") || is_directive(name)
        }
        Some(b'f') => name == "forwarded",
        Some(b'x') => name == "x-real-ip" || name.starts_with("x-forwarded-"),
        Some(b't') => name == "true-client-ip" || is_hop_by_hop(name),
        Some(b'h' | b'k' | b'p' | b'u') => is_hop_by_hop(name),
        _ => false,
    }
}

fn never_reaches_a_client(name: &HeaderName) -> bool {
    let text = name.as_str();
    is_hop_by_hop(text)
        || is_gateway_header(text)
        || *name == SET_COOKIE
        || credentials::is_credential(name)
}

fn may_be_a_trailer(name: &HeaderName) -> bool {
    let text = name.as_str();
    let is_framing_routing_or_content = matches!(
        text,
        "host"
            | "content-length"
            | "content-encoding"
            | "content-type"
            | "content-range"
            | "set-cookie"
    );
    !is_framing_routing_or_content
        && !stays_with_the_gateway(text)
        && !credentials::is_credential(name)
}

/// A length beside chunks is how messages are smuggled (RFC 9112 §6.3): the chunks are what counts.
fn distrust_double_framing(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
}

/// Every field that a `connection` line names is of this hop alone (RFC 9110 §7.6.1).
fn remove_named_by_connection(headers: &mut HeaderMap) {
    let is_ordinary = |value: &HeaderValue| {
        value.as_bytes().eq_ignore_ascii_case(b"keep-alive")
            || value.as_bytes().eq_ignore_ascii_case(b"close")
    };
    if headers.get_all(CONNECTION).iter().all(is_ordinary) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        // A client must name `te` there; what may pass of it is decided by its value.
        .filter(|name| *name != TE)
        .collect();
    for name in named {
        headers.remove(name);
    }
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    let mut parts = value.as_bytes().split(|byte| *byte == b',');
    parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The `trailer` header with only the names that may pass, or nothing where none may.
fn allowed_trailer_names(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut allowed = String::new();
    for value in headers.get_all(TRAILER) {
        for token in value.as_bytes().split(|byte| *byte == b',') {
            let Ok(name) = HeaderName::from_bytes(token.trim_ascii()) else { continue };
            if may_be_a_trailer(&name) {
                allowed.push_str(if allowed.is_empty() { "" } else { ", " });
                allowed.push_str(name.as_str());
            }
        }
    }
    if allowed.is_empty() { None } else { HeaderValue::try_from(allowed).ok() }
}

#[cfg(test)]
mod tests;
