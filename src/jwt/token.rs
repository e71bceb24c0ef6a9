//! Finds a token in a request, and removes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::error::JwtError;
use crate::credentials::TOKEN_NAME;
use crate::credentials::{CREDENTIALS, is_credential};
use crate::request::authorize::after_bearer;

/// The maximum length of a token, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// The token of a request: the first one, in the order of the headers.
///
/// A header for provider keys or gateway tokens may hold something other than a JWT; then it is
/// skipped.
pub(super) fn find(headers: &HeaderMap, names: &[HeaderName]) -> Result<Option<String>, JwtError> {
    for name in names {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        let is_shared = is_credential(name.as_str()) || name.as_str() == TOKEN_NAME;
        let is_one = values.next().is_none();
        if is_shared && !headers.get_all(name).iter().any(|value| is_jwt(after_bearer(value))) {
            continue;
        }
        if !is_one {
            return Err(JwtError::Repeated);
        }
        let token = after_bearer(value);
        if token.len() > LONGEST {
            return Err(JwtError::TooLong);
        }
        let token = str::from_utf8(token).map_err(|_| JwtError::Malformed)?;
        return Ok(Some(token.to_owned()));
    }
    Ok(None)
}

/// Removes a used token from the request, and all other tokens of the same issuer: a client may
/// send its token twice, or an older one too, and a provider must not get it as a key.
pub(super) fn remove(headers: &mut HeaderMap, names: &[HeaderName], used: &str, issuer: &str) {
    let is_own = |value: &HeaderValue| {
        let token = after_bearer(value);
        token == used.as_bytes() || issuer_of(token).is_some_and(|own| own == issuer)
    };
    for name in names.iter().chain(&CREDENTIALS) {
        if headers.get_all(name).iter().any(is_own) {
            headers.remove(name);
        }
    }
}

/// Returns true if it has the form of a signed token: three parts, the first a JSON object with an
/// `alg`. If it is too long to decode, only the start of the first part is checked.
fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    // `{"`, the start of every such header.
    if token.len() > LONGEST {
        return header.starts_with(b"eyJ");
    }
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "alg")]
        _algorithm: serde::de::IgnoredAny,
    }
    json::<Header>(header).is_some()
}

/// The issuer that a token claims. Nothing has been checked.
fn issuer_of(token: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    json::<Claims>(claims).map(|claims| claims.iss)
}

fn json<T: for<'de> Deserialize<'de>>(part: &[u8]) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
