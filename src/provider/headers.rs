//! What never crosses the gateway, in either direction.
//!
//! Everything else is kept: names, values, repeats and the order of repeats.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials;
use crate::credentials::TOKEN_NAME;

/// Where a file goes that a client of Google's uploads in parts. The URL alone is enough for it, and
/// may hold a key.
const UPLOAD_URL: &str = "x-goog-upload-url";

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What one pass over a request's headers saw, and what it says must go.
///
/// Everything is learnt in that pass, for each look-up by name costs as much as ten headers of it.
#[derive(Debug, Default)]
pub(crate) struct HeaderScan {
    removals: Removals,
    /// A `host` is still the client's, or there are several.
    has_foreign_host: bool,
    /// The client takes part in trailers (`te: trailers`, RFC 9110 §10.1.4).
    pub(crate) trailers: bool,
    /// There are `cf-aig-*` headers (or their two old aliases) to be parsed.
    pub(crate) directives: bool,
    /// The client brings a key for a provider.
    pub(crate) credentials: bool,
    /// The client wants to speak WebSocket from here on.
    pub(crate) websocket: bool,
}

/// What becomes of a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Kept,
    Host,
    Credential,
    /// Goes, and is met often enough to have a bit: its place in `USUAL`.
    Usual(u8),
    /// Goes.
    Other,
}

/// What is to be removed: collected first, because a map cannot be changed while it is walked.
#[derive(Debug, Default)]
struct Removals {
    /// One bit for each of `USUAL`.
    usual: u16,
    others: Vec<HeaderName>,
    /// A `connection` line names fields of this hop.
    nominates: bool,
}

/// Names that are met often enough to need no memory.
static USUAL: [HeaderName; 9] = [
    CONNECTION,
    TRANSFER_ENCODING,
    TE,
    TRAILER,
    UPGRADE,
    COOKIE,
    FORWARDED,
    SET_COOKIE,
    HeaderName::from_static(TOKEN_NAME),
];
const CONNECTION_PLACE: u8 = 0;
const TRANSFER_ENCODING_PLACE: u8 = 1;
const TE_PLACE: u8 = 2;
const TRAILER_PLACE: u8 = 3;
const UPGRADE_PLACE: u8 = 4;
const COOKIE_PLACE: u8 = 5;
const FORWARDED_PLACE: u8 = 6;
const SET_COOKIE_PLACE: u8 = 7;
const TOKEN_PLACE: u8 = 8;

impl Removals {
    fn push(&mut self, disposition: Disposition, name: &HeaderName, value: &HeaderValue) {
        match disposition {
            Disposition::Usual(place) => {
                self.usual |= 1 << place;
                self.nominates |= place == CONNECTION_PLACE && !is_ordinary_connection(value);
            }
            // A repeated header is met once for each of its values.
            _ if self.others.last() == Some(name) => {}
            _ => self.others.push(name.clone()),
        }
    }

    fn has(&self, place: u8) -> bool {
        self.usual & 1 << place != 0
    }

    fn remove_from(&self, headers: &mut HeaderMap) {
        if self.nominates {
            remove_named_by_connection(headers);
        }
        if self.has(TRANSFER_ENCODING_PLACE) {
            // A length beside chunks is how messages are smuggled (RFC 9112 §6.3): the chunks count.
            headers.remove(CONTENT_LENGTH);
        }
        let mut left = self.usual;
        while left != 0 {
            headers.remove(&USUAL[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
        for name in &self.others {
            headers.remove(name);
        }
    }
}

/// Looks at each header once. On the way credentials are marked sensitive, and the provider's
/// `host`, where it is known already, takes the place of ours. What stood there goes to `own_host`,
/// if anybody wants to know it. Credential headers with nothing in them are removed.
pub(crate) fn scan_request(
    headers: &mut HeaderMap,
    mut host: Option<&HeaderValue>,
    mut own_host: Option<&mut Option<HeaderValue>>,
) -> HeaderScan {
    let mut scan = HeaderScan::default();
    let mut has_empty = false;
    for (name, value) in headers.iter_mut() {
        match toward_provider(name.as_str()) {
            Disposition::Kept => {}
            Disposition::Host => match host.take() {
                Some(host) => {
                    let own = std::mem::replace(value, host.clone());
                    if let Some(kept) = own_host.as_deref_mut() {
                        *kept = Some(own);
                    }
                }
                None => scan.has_foreign_host = true,
            },
            Disposition::Credential => {
                value.set_sensitive(true);
                scan.credentials = true;
                has_empty |= credentials::is_empty(value);
            }
            disposition => {
                value.set_sensitive(true);
                scan.trailers |=
                    disposition == Disposition::Usual(TE_PLACE) && has_token(value, "trailers");
                scan.directives |= disposition == Disposition::Other && is_directive(name.as_str());
                scan.websocket |= disposition == Disposition::Usual(UPGRADE_PLACE)
                    && has_token(value, "websocket");
                scan.removals.push(disposition, name, value);
            }
        }
    }
    if has_empty {
        credentials::remove_empty(headers);
        scan.credentials = credentials::any(headers);
    }
    scan
}

/// Removes what a provider must not see and puts its `host` in the place of ours, if it is not there.
pub(crate) fn strip_request(headers: &mut HeaderMap, scan: &HeaderScan, host: &HeaderValue) {
    let trailer = scan.removals.has(TRAILER_PLACE).then(|| allowed_trailer_names(headers));
    scan.removals.remove_from(headers);
    if scan.trailers {
        headers.insert(TE, TRAILERS);
    }
    if let Some(Some(names)) = trailer {
        headers.insert(TRAILER, names);
    }
    if scan.has_foreign_host {
        headers.insert(HOST, host.clone());
    }
}

/// Removes what a provider must not say to a client, or does not mean for it.
pub(crate) fn strip_response(headers: &mut HeaderMap, client_takes_trailers: bool) {
    let mut removals = Removals::default();
    for (name, value) in headers.iter_mut() {
        match toward_client(name.as_str()) {
            Disposition::Kept | Disposition::Host => {}
            // It is for the client, and lets whoever reads it upload in its name.
            Disposition::Credential => value.set_sensitive(true),
            disposition => removals.push(disposition, name, value),
        }
    }
    let trailer = (client_takes_trailers && removals.has(TRAILER_PLACE))
        .then(|| allowed_trailer_names(headers));
    removals.remove_from(headers);
    if let Some(Some(names)) = trailer {
        headers.insert(TRAILER, names);
    }
}

/// Removes from trailers what they may not carry (RFC 9110 §6.5.1) or what would not pass as a header.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let mut removals = Removals::default();
    for (name, value) in &*trailers {
        if !may_be_a_trailer(name.as_str()) {
            removals.push(Disposition::Other, name, value);
        }
    }
    removals.remove_from(trailers);
}

/// Where a header goes that stands in an entry of a universal request, not on the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryHeader {
    ToProvider,
    /// As above, and it carries a key.
    Credential,
    /// It asks something of the gateway.
    Directive,
    Dropped,
}

/// An entry may send what a request may, but nothing of its own about a body that we frame.
pub(crate) fn entry_header(name: &HeaderName, value: &HeaderValue) -> EntryHeader {
    match toward_provider(name.as_str()) {
        Disposition::Kept if matches!(*name, CONTENT_LENGTH | EXPECT) => EntryHeader::Dropped,
        Disposition::Kept => EntryHeader::ToProvider,
        Disposition::Credential if credentials::is_empty(value) => EntryHeader::Dropped,
        Disposition::Credential => EntryHeader::Credential,
        Disposition::Usual(TOKEN_PLACE) => EntryHeader::Directive,
        Disposition::Other if is_directive(name.as_str()) => EntryHeader::Directive,
        Disposition::Host | Disposition::Usual(_) | Disposition::Other => EntryHeader::Dropped,
    }
}

/// The fields of one hop, in both directions.
fn hop_by_hop(name: &str) -> Disposition {
    match name {
        "connection" => Disposition::Usual(CONNECTION_PLACE),
        "transfer-encoding" => Disposition::Usual(TRANSFER_ENCODING_PLACE),
        "te" => Disposition::Usual(TE_PLACE),
        "trailer" => Disposition::Usual(TRAILER_PLACE),
        "upgrade" => Disposition::Usual(UPGRADE_PLACE),
        "keep-alive" | "http2-settings" => Disposition::Other,
        _ if name.starts_with("proxy-") => Disposition::Other,
        _ => Disposition::Kept,
    }
}

/// `cf-aig-…`, with underscores for hyphens too: some servers read the two as one.
fn is_gateway_header(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c', b'f', b'-' | b'_', b'a', b'i', b'g', b'-' | b'_', ..])
}

fn is_directive(name: &str) -> bool {
    is_gateway_header(name) || matches!(name, "cf-cache-ttl" | "cf-skip-cache")
}

/// What Cloudflare adds in front of us: whence a request comes, and who Access says is calling.
fn is_of_the_edge(name: &str) -> bool {
    name == "cf-connecting-ip" || name.starts_with("cf-access-")
}

// In these two, the first letters settle it for nearly every header that is kept.

fn toward_provider(name: &str) -> Disposition {
    match name.as_bytes() {
        [b'a', b'u' | b'p', ..] | [b'x', b'-', b'a' | b'g', ..]
            if credentials::is_credential(name) =>
        {
            Disposition::Credential
        }
        [b'c', b'f', ..] if name == TOKEN_NAME => Disposition::Usual(TOKEN_PLACE),
        [b'c', b'f', ..] if is_directive(name) || is_of_the_edge(name) => Disposition::Other,
        [b'c', b'o', b'o', ..] if name == "cookie" => Disposition::Usual(COOKIE_PLACE),
        [b'f', b'o', ..] if name == "forwarded" => Disposition::Usual(FORWARDED_PLACE),
        [b'h', ..] if name == "host" => Disposition::Host,
        [b'x', b'-', b'f', ..] if name.starts_with("x-forwarded-") => Disposition::Other,
        [b'x', b'-', b'r', ..] if name == "x-real-ip" => Disposition::Other,
        [b't', b'r', ..] if name == "true-client-ip" => Disposition::Other,
        [b'c', b'o', b'n', b'n', ..] | [b'h' | b'k' | b'p' | b't', ..] | [b'u', b'p', ..] => {
            hop_by_hop(name)
        }
        _ => Disposition::Kept,
    }
}

/// Whether a provider may be sent a key in a header of this name.
pub(crate) fn may_hold_a_key(name: &str) -> bool {
    let is_of_the_message = name.starts_with("content-") || name == "accept";
    matches!(toward_provider(name), Disposition::Kept | Disposition::Credential)
        && !is_of_the_message
}

/// Whether a header of a request for one provider may go to another one too. What is not known to
/// be harmless stays: nobody can tell what else a provider takes for a key.
pub(crate) fn is_for_any_provider(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "anthropic-beta"
            | "anthropic-version"
            | "baggage"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "idempotency-key"
            | "te"
            | "traceparent"
            | "tracestate"
            | "trailer"
            | "user-agent"
            | "via"
    ) || name.starts_with("x-stainless-")
}

fn toward_client(name: &str) -> Disposition {
    match name.as_bytes() {
        [b'a', b'u' | b'p', ..] | [b'x', b'-', b'a' | b'g', ..]
            if credentials::is_credential(name) =>
        {
            Disposition::Other
        }
        [b'x', b'-', b'g', ..] if name == UPLOAD_URL => Disposition::Credential,
        [b'c', b'f', ..] if is_gateway_header(name) => Disposition::Other,
        [b's', b'e', ..] if name == "set-cookie" => Disposition::Usual(SET_COOKIE_PLACE),
        [b'c', b'o', b'n', b'n', ..] | [b'h' | b'k' | b'p' | b't', ..] | [b'u', b'p', ..] => {
            hop_by_hop(name)
        }
        _ => Disposition::Kept,
    }
}

/// Whether a header of an answer is not of one hop, one client or the gateway.
#[cfg(feature = "cache")]
pub(crate) fn is_for_any_client(name: &str) -> bool {
    toward_client(name) == Disposition::Kept
}

fn may_be_a_trailer(name: &str) -> bool {
    let is_content = matches!(
        name,
        "content-length" | "content-encoding" | "content-type" | "content-range" | "set-cookie"
    );
    !is_content && toward_provider(name) == Disposition::Kept
}

/// It names no field but those that go anyway.
fn is_ordinary_connection(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
}

/// Every field that a `connection` line names is of this hop alone (RFC 9110 §7.6.1).
pub(crate) fn remove_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        // The provider's may stand there already; the client's is replaced.
        .filter(|name| *name != HOST)
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
            if may_be_a_trailer(name.as_str()) {
                allowed.push_str(if allowed.is_empty() { "" } else { ", " });
                allowed.push_str(name.as_str());
            }
        }
    }
    if allowed.is_empty() { None } else { HeaderValue::try_from(allowed).ok() }
}

#[cfg(test)]
mod tests;
