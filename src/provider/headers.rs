//! Headers that must not cross the gateway, in either direction.
//!
//! Everything else is kept: names, values, repeats and the order of repeats.

mod disposition;
mod removals;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(feature = "cache")]
pub(crate) use self::disposition::is_for_any_client;
pub(crate) use self::disposition::may_hold_a_key;
use self::disposition::{
    Disposition, TE_PLACE, TOKEN_PLACE, TRAILER_PLACE, UPGRADE_PLACE, is_directive,
    is_for_any_provider, may_be_a_trailer, toward_client, toward_provider,
};
use self::removals::Removals;
pub(crate) use self::removals::named_by_connection;
use crate::credentials;
use crate::credentials::CREDENTIALS;

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
    /// There is a header from which providers read keys.
    pub(crate) credentials: bool,
    /// The client asks to switch to WebSocket.
    pub(crate) websocket: bool,
}

/// The headers that a gateway with settings reads itself.
#[derive(Debug, Default)]
pub(crate) struct OwnHeaders {
    /// The client's `host`, if the provider's has replaced it.
    pub(crate) host: Option<HeaderValue>,
    /// The `cf-aig-authorization`. If it is given twice, neither value counts.
    pub(crate) token: Option<HeaderValue>,
}

impl HeaderScan {
    /// Returns true if the body has a transfer coding other than `chunked`, with which it cannot be
    /// relayed.
    pub(crate) fn has_coding(&self) -> bool {
        self.removals.has_coding()
    }

    /// Returns true if the client sends a key for a provider. A key that a `connection` line names is
    /// for the gateway alone, which removes it.
    pub(crate) fn has_key_for_provider(&self, headers: &HeaderMap) -> bool {
        if !self.credentials || !self.removals.nominates() {
            return self.credentials;
        }
        let nominated = named_by_connection(headers);
        CREDENTIALS.iter().any(|name| headers.contains_key(name) && !nominated.contains(name))
    }
}

/// Visits each header once. Marks credentials sensitive, removes empty credential headers, and, if
/// the provider's `host` is known already, replaces ours with it. Keeps the headers of `own` if that is
/// given.
pub(crate) fn scan_request(
    headers: &mut HeaderMap,
    mut host: Option<&HeaderValue>,
    mut own: Option<&mut OwnHeaders>,
) -> HeaderScan {
    let mut scan = HeaderScan::default();
    let mut has_empty = false;
    for (name, value) in headers.iter_mut() {
        match toward_provider(name.as_str()) {
            Disposition::Kept => {}
            Disposition::Host => match host.take() {
                Some(host) => {
                    let replaced = std::mem::replace(value, host.clone());
                    if let Some(own) = own.as_deref_mut() {
                        own.host = Some(replaced);
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
                if disposition == Disposition::Usual(TOKEN_PLACE)
                    && let Some(own) = own.as_deref_mut()
                {
                    own.token = (!scan.removals.has(TOKEN_PLACE)).then(|| value.clone());
                }
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

/// The headers of a request for one provider that may also go to another.
pub(crate) fn for_any_provider(
    headers: &HeaderMap,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let harmless = headers.iter().filter(|(name, _)| is_for_any_provider(name.as_str()));
    harmless.map(|(name, value)| (name.clone(), value.clone()))
}

/// Removes headers that a client must not get from a provider, or that are not meant for it. Returns
/// false if the body has a transfer coding other than `chunked`, with which it cannot be relayed.
#[must_use]
pub(crate) fn strip_response(headers: &mut HeaderMap, client_takes_trailers: bool) -> bool {
    let mut removals = Removals::default();
    for (name, value) in headers.iter_mut() {
        match toward_client(name.as_str()) {
            Disposition::Kept | Disposition::Host => {}
            // This is for the client. Anyone who reads it can upload in the client's name.
            Disposition::Credential => value.set_sensitive(true),
            disposition => removals.push(disposition, name, value),
        }
    }
    let is_readable = !removals.has_coding();
    let trailer = (client_takes_trailers && removals.has(TRAILER_PLACE))
        .then(|| allowed_trailer_names(headers));
    removals.remove_from(headers);
    if let Some(Some(names)) = trailer {
        headers.insert(TRAILER, names);
    }
    is_readable
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
