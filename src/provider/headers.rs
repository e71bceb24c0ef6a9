//! Headers that must not cross the gateway, in either direction.
//!
//! Everything else is kept: names, values, repeats and the order of repeats.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials;
use crate::credentials::TOKEN_NAME;

/// The URL of a chunked file upload to Google. The URL alone authorizes the upload, and may hold a
/// key.
const UPLOAD_URL: &str = "x-goog-upload-url";

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What one pass over a request's headers found, and which headers to remove.
///
/// One pass finds everything: each look-up by name costs as much as ten headers of the pass.
#[derive(Debug, Default)]
pub(crate) struct HeaderScan {
    removals: Removals,
    /// A `host` is still the client's, or there are several.
    has_foreign_host: bool,
    /// The client accepts trailers (`te: trailers`, RFC 9110 §10.1.4).
    pub(crate) trailers: bool,
    /// There are `cf-aig-*` headers (or their two old aliases) to be parsed.
    pub(crate) directives: bool,
    /// The client sends a key for a provider.
    pub(crate) credentials: bool,
    /// The client asks to switch to WebSocket.
    pub(crate) websocket: bool,
}

/// What happens to a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Kept,
    Host,
    Credential,
    /// Removed, and frequent enough for a bit: its index in `USUAL`.
    Usual(u8),
    /// Removed.
    Other,
}

/// The headers to remove. Collected first, because the map cannot be changed during the pass.
#[derive(Debug, Default)]
struct Removals {
    /// One bit per entry of `USUAL`.
    usual: u16,
    others: Vec<HeaderName>,
    /// A `connection` line names fields of this hop.
    nominates: bool,
}

/// Frequent names, which are recorded without allocating.
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
            // A repeated header appears once per value.
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
            // A length beside chunked encoding allows request smuggling (RFC 9112 §6.3): chunks
            // win.
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

/// Visits each header once. Marks credentials sensitive, removes empty credential headers, and, if
/// the provider's `host` is known already, replaces ours with it. The old `host` is stored in
/// `own_host` if that is given.
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

/// Removes what a provider must not see, and sets its `host` if that is not done yet.
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

/// Removes what a client must not get from a provider, or is not meant for it.
pub(crate) fn strip_response(headers: &mut HeaderMap, client_takes_trailers: bool) {
    let mut removals = Removals::default();
    for (name, value) in headers.iter_mut() {
        match toward_client(name.as_str()) {
            Disposition::Kept | Disposition::Host => {}
            // It is for the client. Anyone who reads it can upload in the client's name.
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

/// Removes fields that must not be in trailers (RFC 9110 §6.5.1) or would not pass as headers.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    let mut removals = Removals::default();
    for (name, value) in &*trailers {
        if !may_be_a_trailer(name.as_str()) {
            removals.push(Disposition::Other, name, value);
        }
    }
    removals.remove_from(trailers);
}

/// Where a header in an entry of a universal request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryHeader {
    ToProvider,
    /// To the provider; it carries a key.
    Credential,
    /// To the gateway, as a directive.
    Directive,
    Dropped,
}

/// An entry may send what a request may, except headers about body framing, which is ours.
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

/// The hop-by-hop fields, in both directions.
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

/// `cf-aig-…`, also with underscores for hyphens: some servers treat them alike.
fn is_gateway_header(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c', b'f', b'-' | b'_', b'a', b'i', b'g', b'-' | b'_', ..])
}

fn is_directive(name: &str) -> bool {
    is_gateway_header(name) || matches!(name, "cf-cache-ttl" | "cf-skip-cache")
}

/// Headers that Cloudflare adds in front of us: the client's address, and the caller known to
/// Access.
fn is_of_the_edge(name: &str) -> bool {
    name == "cf-connecting-ip" || name.starts_with("cf-access-")
}

// In the next two functions, the first letters decide for nearly every kept header.

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

/// Returns true if a header of this name may carry a key to a provider.
pub(crate) fn may_hold_a_key(name: &str) -> bool {
    let is_of_the_message = name.starts_with("content-") || name == "accept";
    matches!(toward_provider(name), Disposition::Kept | Disposition::Credential)
        && !is_of_the_message
}

/// Returns true if a header for one provider may also go to another. Only known harmless ones may:
/// we cannot tell what else a provider takes for a key.
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

/// Returns true if it names no field that needs extra removal.
fn is_ordinary_connection(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
}

/// Every field that a `connection` line names is of this hop alone (RFC 9110 §7.6.1).
pub(crate) fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        // `host` may be the provider's already; the client's is replaced anyway.
        .filter(|name| *name != HOST)
        .collect()
}

fn remove_named_by_connection(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    let mut parts = value.as_bytes().split(|byte| *byte == b',');
    parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The `trailer` header with only the allowed names; `None` if there are none.
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
