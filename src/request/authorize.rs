//! Whether a request may use its gateway.

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::credentials::{CREDENTIALS, any, remove};
use crate::provider::headers::{HeaderScan, OwnHeaders};
use crate::rejection::Rejection;
use crate::response::messages;
use crate::settings::GatewaySettings;

/// Checks that the request comes from a trusted page and, if the gateway has tokens, that it has one of
/// them. A wrong token gets the same answer as a missing one.
///
/// Many clients can set only one credential, so a token may also be sent in place of a provider
/// key. It is then removed, and the request is treated as one without a key, so that a stored key
/// is used.
///
/// `is_rest`: the request came on a path where clients have a single credential, which is then the
/// gateway's and never a provider's.
///
/// Returns the number of the token, preferring that of `cf-aig-authorization`; `None` if no token is
/// needed.
pub(crate) fn authorize<B>(
    settings: &GatewaySettings,
    is_rest: bool,
    request: &mut Request<B>,
    scan: &mut HeaderScan,
    own: &OwnHeaders,
) -> Result<Option<u16>, Rejection> {
    if let Some(origins) = &settings.origins
        && !origins.trust(request.headers(), own.host.as_ref(), request.uri())
    {
        return Err(messages::foreign_page());
    }
    if !settings.asks_for_token() {
        return Ok(None);
    }
    let headers = request.headers_mut();
    let mut number = own.token.as_ref().and_then(|shown| token_number(shown, settings));
    if scan.credentials {
        number = number.or(remove_tokens(headers, settings));
        if is_rest {
            remove(headers);
        }
        scan.credentials = any(headers);
    }
    let number = number.ok_or_else(|| messages::unauthorized(is_rest))?;
    Ok(u16::try_from(number).ok())
}

/// Removes the gateway's tokens from the headers that providers read keys from. Returns the number of the
/// first valid token. A header with several values has none.
pub(crate) fn remove_tokens(headers: &mut HeaderMap, settings: &GatewaySettings) -> Option<usize> {
    let mut first = None;
    for name in &CREDENTIALS {
        let number = remove_token(headers, name, settings);
        first = first.or(number);
    }
    first
}

/// The same for one header.
pub(crate) fn remove_token(
    headers: &mut HeaderMap,
    name: &HeaderName,
    settings: &GatewaySettings,
) -> Option<usize> {
    let values = || headers.get_all(name).iter();
    let number = values().find_map(|shown| token_number(shown, settings))?;
    let is_alone = values().nth(1).is_none();
    headers.remove(name);
    is_alone.then_some(number)
}

fn token_number(shown: &HeaderValue, settings: &GatewaySettings) -> Option<usize> {
    settings.token_number(after_bearer(shown))
}

/// The value without the word `Bearer`, which is optional.
pub(crate) fn after_bearer(value: &HeaderValue) -> &[u8] {
    bare_token(value.as_bytes())
}

/// The same for a value from outside of the headers.
pub(crate) fn bare_token(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    // The usual spelling is compared at once.
    let is_bearer = |word: &[u8]| word == b"Bearer " || word.eq_ignore_ascii_case(b"bearer ");
    match value.split_at_checked(7) {
        Some((word, token)) if is_bearer(word) => token.trim_ascii_start(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::headers::scan_request;
    use crate::settings::{GatewayToken, digest};

    fn settings() -> GatewaySettings {
        let tokens = ["old", "new"].map(|text| GatewayToken::from_sha256(digest(text.as_bytes())));
        let [old, new] = tokens;
        GatewaySettings::builder().token(old).token(new).build().unwrap()
    }

    /// Whether a request is accepted, and whether it still has a key for its provider.
    fn pass(is_rest: bool, headers: &[(&'static str, &'static str)]) -> (bool, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut own = OwnHeaders::default();
        let mut scan = scan_request(&mut map, None, Some(&mut own));
        let mut request = Request::new(());
        *request.headers_mut() = map;
        let passed = authorize(&settings(), is_rest, &mut request, &mut scan, &own);
        assert_eq!(scan.credentials, any(request.headers()));
        (passed.is_ok(), scan.credentials)
    }

    #[test]
    fn any_valid_token_is_accepted_with_or_without_bearer() {
        const NAME: &str = "cf-aig-authorization";
        for good in ["Bearer old", "bearer new", "new", " BEARER  new "] {
            assert_eq!(pass(false, &[(NAME, good)]), (true, false), "{good}");
        }
        for bad in
            ["Bearer", "Bearer ", "", "Bearer ol", "Basic old", "old new", "Bearer Bearer old"]
        {
            assert!(!pass(false, &[(NAME, bad)]).0, "{bad}");
        }
        assert!(!pass(false, &[]).0);
        for more in [2, 3] {
            assert!(!pass(false, &vec![(NAME, "old"); more]).0, "of {more}, none is right");
        }
    }

    #[test]
    fn a_token_in_a_key_header_is_accepted_and_removed() {
        for is_rest in [false, true] {
            for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
                for good in ["Bearer old", "bearer new", "new", " old "] {
                    assert_eq!(pass(is_rest, &[(name, good)]), (true, false), "{name}: {good}");
                }
                for bad in ["Bearer ol", "sk-LEAK", "Bearer old, Bearer new", "Basic old"] {
                    assert_eq!(pass(is_rest, &[(name, bad)]), (false, !is_rest), "{name}: {bad}");
                }
                let twice = [(name, "old"), (name, "old")];
                assert_eq!(pass(is_rest, &twice), (false, false), "of two, neither is right");
            }
            let all = [("authorization", "Bearer old"), ("x-api-key", "new")];
            assert_eq!(pass(is_rest, &all), (true, false));
            let beside = [("authorization", "Bearer old"), ("x-api-key", "sk-LEAK")];
            assert_eq!(pass(is_rest, &beside), (true, !is_rest), "the key is the provider's");
        }
    }

    #[test]
    fn a_token_is_never_passed_on_as_a_key() {
        let own = HeaderName::from_static("x-acme-key");
        let left = |name: &HeaderName, values: &[&'static str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(name, HeaderValue::from_static(value));
            }
            remove_tokens(&mut map, &settings());
            remove_token(&mut map, &own, &settings());
            !map.is_empty()
        };
        for name in crate::credentials::CREDENTIALS.iter().chain([&own]) {
            assert!(left(name, &["Bearer sk-LEAK"]) && left(name, &["sk-LEAK"]), "{name}");
            assert!(!left(name, &["Bearer old"]) && !left(name, &["new"]), "{name}");
            assert!(!left(name, &["sk-LEAK", "old"]), "of two, neither is right: {name}");
        }
        assert!(left(&HeaderName::from_static("x-other"), &["old"]));
    }

    #[test]
    fn the_only_credential_on_a_rest_path_is_the_token() {
        assert_eq!(pass(true, &[("authorization", "Bearer new")]), (true, false));
        assert_eq!(pass(true, &[("x-api-key", "old")]), (true, false));
        assert_eq!(pass(true, &[("authorization", "Bearer sk-LEAK")]), (false, false));
        let both = [("cf-aig-authorization", "old"), ("authorization", "Bearer sk-LEAK")];
        assert_eq!(pass(true, &both), (true, false));
    }
}
