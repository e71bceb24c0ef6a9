//! Query parameters and headers that a host adds to every request to a provider.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credentials;
use crate::provider::headers;
use crate::provider::{KeyHeader, Provider};
use crate::util::config_error::ConfigError;
use crate::util::percent::query_text;
use crate::util::redact;

/// Query parameters and headers that the host adds to every request, in place of the client's own.
pub(crate) struct Fixed {
    /// Encoded, as they are put into a query, and their names.
    pairs: Box<str>,
    names: Box<[Box<str>]>,
    /// Marked sensitive, because a host may put a secret there.
    headers: Box<[(HeaderName, HeaderValue)]>,
}

impl Fixed {
    /// `None` if nothing is fixed.
    pub(super) fn new(
        provider: &Provider,
        key_header: &KeyHeader,
    ) -> Result<Option<Box<Self>>, ConfigError> {
        let Provider { slug, query, headers, .. } = provider;
        if query.is_empty() && headers.is_empty() {
            return Ok(None);
        }
        let mut pairs = String::new();
        for (name, value) in query {
            if name.is_empty() || is_key(name) {
                return Err(ConfigError::Query { slug: slug.clone(), name: name.clone() });
            }
            if !pairs.is_empty() {
                pairs.push('&');
            }
            encode(name, &mut pairs);
            pairs.push('=');
            encode(value, &mut pairs);
        }
        let headers = headers.iter().map(|(name, value)| {
            header(name, value, key_header)
                .ok_or_else(|| ConfigError::Header { slug: slug.clone(), name: name.clone() })
        });
        Ok(Some(Box::new(Self {
            pairs: pairs.into(),
            names: query.iter().map(|(name, _)| Box::from(&**name)).collect(),
            headers: headers.collect::<Result<_, _>>()?,
        })))
    }

    /// The client's query without the fixed names, followed by the fixed parameters. Other
    /// parameters stay byte for byte.
    pub(super) fn query<'q>(&self, query: Option<&'q str>) -> Option<Cow<'q, str>> {
        if self.names.is_empty() {
            return query.map(Cow::Borrowed);
        }
        let query = query.unwrap_or_default();
        let mut all = String::with_capacity(query.len() + 1 + self.pairs.len());
        for pair in query.split('&').filter(|_| !query.is_empty()) {
            if !self.is_fixed(pair) {
                all.push_str(pair);
                all.push('&');
            }
        }
        all.push_str(&self.pairs);
        Some(Cow::Owned(all))
    }

    /// Names are compared without regard to case, because some servers do so too.
    fn is_fixed(&self, pair: &str) -> bool {
        let name = query_text(pair.split_once('=').map_or(pair, |(name, _)| name));
        self.names.iter().any(|fixed| fixed.eq_ignore_ascii_case(&name))
    }

    pub(super) fn insert_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Removes its headers from a request that is sent to another provider instead.
    pub(super) fn remove_headers(&self, headers: &mut HeaderMap) {
        for (name, _) in &self.headers {
            headers.remove(name);
        }
    }
}

/// Returns true if a parameter of this name carries a key. Keys belong in settings.
fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("key") || redact::is_credential(name)
}

/// `None` for a malformed header, and for headers that are not forwarded, describe the body or
/// carry keys.
fn header(name: &str, value: &str, key: &KeyHeader) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok()?;
    let may_go = headers::may_hold_a_key(name.as_str())
        && !credentials::is_credential(name.as_str())
        && name != key.name()
        && name != http::header::EXPECT;
    let mut value = HeaderValue::from_str(value).ok().filter(|_| may_go)?;
    value.set_sensitive(true);
    Some((name, value))
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 §2.3).
fn encode(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(query: &[(&str, &str)], headers: &[(&str, &str)]) -> Result<Box<Fixed>, ConfigError> {
        let provider = Provider::custom("p", "");
        let provider = query.iter().fold(provider, |all, (name, value)| all.query(*name, *value));
        let provider =
            headers.iter().fold(provider, |all, (name, value)| all.header(*name, *value));
        let key = KeyHeader::parse(Some("x-own-key")).unwrap();
        Fixed::new(&provider, &key).map(Option::unwrap)
    }

    #[test]
    fn fixed_values_replace_the_clients_own_in_any_spelling() {
        let fixed = fixed(&[("api-version", "2024 10"), ("b&", "é")], &[]).unwrap();
        const OWN: &str = "api-version=2024%2010&b%26=%C3%A9";
        for (query, rest) in [
            (None, ""),
            (Some(""), ""),
            (Some("api-version=1"), ""),
            (Some("API-Version=1&api%2Dversion&%61pi-version=2&b%26"), ""),
            (Some("a=%2F&&c&api-version=1&a"), "a=%2F&&c&a&"),
            (Some("xapi-version=1&=&api-versions"), "xapi-version=1&=&api-versions&"),
        ] {
            let all = fixed.query(query).unwrap();
            assert_eq!(all, format!("{rest}{OWN}"), "{query:?}");
            assert_eq!(fixed.query(Some(&all)).unwrap(), all, "it is put there once");
        }
    }

    #[test]
    fn keys_and_headers_of_the_message_cannot_be_fixed() {
        for name in ["", "key", "Key", "api_key", "access_token", "x-goog-api-key"] {
            let refused = fixed(&[(name, "hunter2")], &[]).err().unwrap();
            assert!(matches!(&refused, ConfigError::Query { .. }), "{name}");
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
        for name in [
            "",
            "a b",
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-own-key",
            "host",
            "cookie",
            "connection",
            "content-length",
            "content-type",
            "transfer-encoding",
            "te",
            "cf-aig-metadata",
            "x-forwarded-for",
            "expect",
            "upgrade",
            "forwarded",
        ] {
            let refused = fixed(&[], &[(name, "hunter2")]).err().unwrap();
            assert!(matches!(&refused, ConfigError::Header { .. }), "{name}");
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
        assert!(fixed(&[], &[("x-org", "a\nb")]).is_err());
        let fixed = fixed(&[], &[("X-Org", "acme")]).unwrap();
        assert!(fixed.headers[0].1.is_sensitive());
        assert_eq!(fixed.query(Some("a")), Some("a".into()));
        assert_eq!(fixed.query(None), None);
    }
}
