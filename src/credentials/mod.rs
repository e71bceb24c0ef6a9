//! Who may use a gateway, and with which key a provider is asked.
//!
//! A key on the request passes unchanged to the provider that the request is routed to, and to no
//! other. It is marked sensitive when it is first seen, so no `Debug` of a header map shows it and
//! HTTP/2 never puts it into a compression table. A request without one gets the gateway's stored
//! key for that provider, where there is one.

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

/// Where a gateway's own token stands.
pub(crate) const TOKEN_NAME: &str = "cf-aig-authorization";

/// Whether providers read keys from this header.
pub(crate) fn is_credential(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key" | "api-key" | "x-goog-api-key")
}

/// Whether there is any of them.
pub(crate) fn any(headers: &HeaderMap) -> bool {
    CREDENTIALS.iter().any(|name| headers.contains_key(name))
}

/// A key without its scheme and the space around it: it is one key however a client spells it.
pub(crate) fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.iter().position(u8::is_ascii_whitespace) {
        Some(end) => value[end..].trim_ascii_start(),
        None => value,
    }
}

/// Whether a credential header says nothing, which SDKs send for an empty key: it is blank, or a
/// scheme with nothing behind it. A single word that is no known scheme is a key.
pub(crate) fn is_empty(value: &HeaderValue) -> bool {
    const SCHEMES: [&[u8]; 6] = [b"bearer", b"basic", b"token", b"key", b"apikey", b"api-key"];
    let value = value.as_bytes().trim_ascii();
    // No scheme is longer than `api-key`.
    value.is_empty()
        || value.len() <= 7 && SCHEMES.iter().any(|scheme| value.eq_ignore_ascii_case(scheme))
}

/// Takes off the credential headers whose values are all empty.
pub(crate) fn remove_empty(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        if headers.get_all(name).iter().all(is_empty) {
            headers.remove(name);
        }
    }
}

/// Takes all keys off a request, whoever they are for.
pub(crate) fn remove(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        headers.remove(name);
    }
}

/// The key that a request is sent with. `own`: the header that its provider reads.
pub(crate) fn sent<'h>(headers: &'h HeaderMap, own: &HeaderName) -> Option<&'h HeaderValue> {
    headers.get(own).or_else(|| CREDENTIALS.iter().find_map(|name| headers.get(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_a_scheme_alone_are_no_credential() {
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
    fn a_key_is_one_in_every_spelling_of_its_scheme() {
        for spelling in ["k", "Bearer k", "bearer k", "BEARER  k", " Bearer\tk ", "Token k"] {
            assert_eq!(bare(spelling.as_bytes()), b"k", "{spelling}");
        }
        assert_eq!(bare(b""), b"");
        assert_ne!(bare(b"Bearer a"), bare(b"Bearer b"));
    }
}
