//! Credentials: who may use a gateway, and the keys for providers.
//!
//! A key on a request is passed unchanged to the provider that the request is routed to, and to no
//! other. It is marked sensitive when first seen, so no `Debug` of a header map shows it and HTTP/2
//! never puts it into a compression table. A request without a key gets the gateway's stored key
//! for that provider, if there is one.

pub(crate) mod query;
pub(crate) mod secret;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) use self::query::keys as keys_in_query;

/// The headers that providers read keys from.
pub(crate) static CREDENTIALS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// The header of a gateway's own token.
pub(crate) const TOKEN_NAME: &str = "cf-aig-authorization";

/// Returns true if providers read keys from this header.
pub(crate) fn is_credential(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key" | "api-key" | "x-goog-api-key")
}

/// Returns true if a credential header is present.
pub(crate) fn any(headers: &HeaderMap) -> bool {
    CREDENTIALS.iter().any(|name| headers.contains_key(name))
}

/// A key without its scheme and surrounding space, so that all spellings give the same key.
pub(crate) fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.iter().position(u8::is_ascii_whitespace) {
        Some(end) => value[end..].trim_ascii_start(),
        None => value,
    }
}

/// Returns true if a credential header is blank or just a scheme, as SDKs send for an empty key. A
/// single word that is not a known scheme is a key.
pub(crate) fn is_empty(value: &HeaderValue) -> bool {
    const SCHEMES: [&[u8]; 6] = [b"bearer", b"basic", b"token", b"key", b"apikey", b"api-key"];
    let value = value.as_bytes().trim_ascii();
    // No scheme is longer than `api-key`.
    value.is_empty()
        || value.len() <= 7 && SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme))
}

/// Removes credential headers whose values are all empty.
pub(crate) fn remove_empty(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        if headers.get_all(name).iter().all(is_empty) {
            headers.remove(name);
        }
    }
}

/// Removes the keys for all providers from a request.
pub(crate) fn remove(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        headers.remove(name);
    }
}

/// The key that a request is sent with. `own` is its provider's key header.
pub(crate) fn sent<'h>(headers: &'h HeaderMap, own: &HeaderName) -> Option<&'h HeaderValue> {
    headers.get(own).or_else(|| CREDENTIALS.iter().find_map(|name| headers.get(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_value_or_a_scheme_alone_is_empty() {
        for empty in
            ["", " ", "Bearer", "bearer ", "BEARER \t", "Basic", "Token ", "key", "Api-Key"]
        {
            assert!(is_empty(&HeaderValue::from_str(empty).unwrap()), "{empty:?}");
        }
        for key in ["k", "Bearer k", "Bearerk", "Bearer Bearer", "sk-test", "xai", "Basic Og=="] {
            assert!(!is_empty(&HeaderValue::from_static(key)), "{key}");
        }
    }

    #[test]
    fn a_key_is_the_same_with_any_scheme() {
        for spelling in ["k", "Bearer k", "bearer k", "BEARER  k", " Bearer\tk ", "Token k"] {
            assert_eq!(bare(spelling.as_bytes()), b"k", "{spelling}");
        }
        assert_eq!(bare(b""), b"");
        assert_ne!(bare(b"Bearer a"), bare(b"Bearer b"));
    }
}
