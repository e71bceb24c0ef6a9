//! Where a token stands in a request, and how it is taken off.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::error::JwtError;
use crate::credentials::TOKEN_NAME;
use crate::credentials::{CREDENTIALS, is_credential};
use crate::request::authorize::after_bearer;

/// The longest token, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// The token of a request: the first there is, in the order of the headers.
///
/// A header where providers' keys or gateway tokens stand may hold no JWT at all: it is passed over.
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

/// Takes a token that was used off the request, wherever it stands, and whatever else says that it
/// is of the same issuer: a client may send its token twice, or an older one beside it, and no
/// provider is to see it as a key.
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

/// Whether it has the form of a signed token: three parts, of which the first is a JSON object with
/// an `alg`. What is too long to be looked into counts as one if its parts do.
fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    // `{"`, as every such header begins.
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

/// Whom a token says it is of. Nothing of it was checked.
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
