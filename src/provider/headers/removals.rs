//! The headers to remove.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::disposition::{CONNECTION_PLACE, Disposition, TRANSFER_ENCODING_PLACE, USUAL};

/// The headers to remove. Collected first, because the map cannot be changed during the pass.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// One bit per entry of `USUAL`.
    usual: u16,
    others: Vec<HeaderName>,
    /// A `connection` line names fields of this hop.
    nominates: bool,
    /// A `transfer-encoding` names a coding that is not undone here.
    has_coding: bool,
}

impl Removals {
    pub(super) fn push(
        &mut self,
        disposition: Disposition,
        name: &HeaderName,
        value: &HeaderValue,
    ) {
        match disposition {
            Disposition::Usual(place) => {
                self.has_coding |= place == TRANSFER_ENCODING_PLACE
                    && (self.has(TRANSFER_ENCODING_PLACE) || !is_chunked(value));
                self.usual |= 1 << place;
                self.nominates |= place == CONNECTION_PLACE && !is_ordinary_connection(value);
            }
            // A repeated header appears once per value.
            _ if self.others.last() == Some(name) => {}
            _ => self.others.push(name.clone()),
        }
    }

    pub(super) fn nominates(&self) -> bool {
        self.nominates
    }

    pub(super) fn has_coding(&self) -> bool {
        self.has_coding
    }

    pub(super) fn has(&self, place: u8) -> bool {
        self.usual & 1 << place != 0
    }

    pub(super) fn remove_from(&self, headers: &mut HeaderMap) {
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

/// Returns true if it names no field that needs extra removal.
fn is_ordinary_connection(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
}

/// HTTP implementations undo this coding, and no other.
fn is_chunked(coding: &HeaderValue) -> bool {
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
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
