//! Whether a request may use its gateway.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::remove;
use crate::headers::Survey;
use crate::refusal;
use crate::rejection::Rejection;
use crate::settings::GatewaySettings;

/// The header for a token of the gateway.
pub(crate) const TOKEN_NAME: &str = "cf-aig-authorization";
const GATEWAY_TOKEN: HeaderName = HeaderName::from_static(TOKEN_NAME);
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets a request pass that shows one of the gateway's tokens, where there are any. The answer to a
/// wrong token is that to none.
///
/// `is_rest`: the request came on a path where clients have a single credential, which is then the
/// gateway's and never a provider's.
pub(crate) fn authenticate(
    headers: &mut HeaderMap,
    survey: &mut Survey,
    settings: &GatewaySettings,
    is_rest: bool,
) -> Result<(), Rejection> {
    if !settings.asks_for_token() {
        return Ok(());
    }
    let opens =
        |name: &HeaderName| one(headers, name).is_some_and(|shown| is_token(shown, settings));
    let mut is_welcome = opens(&GATEWAY_TOKEN);
    if is_rest {
        is_welcome |= opens(&AUTHORIZATION) | opens(&API_KEY);
        remove(headers);
        survey.credentials = false;
    }
    if is_welcome { Ok(()) } else { Err(refusal::unauthorized(is_rest)) }
}

/// Takes off what is a token of the gateway: wherever its client has put it, it is no provider's
/// business. `own`: where the provider reads its key.
pub(super) fn remove_tokens(headers: &mut HeaderMap, settings: &GatewaySettings, own: &HeaderName) {
    let further = (!super::is_credential(own.as_str())).then_some(own);
    for name in super::CREDENTIALS.iter().chain(further) {
        if headers.get_all(name).iter().any(|key| is_token(key, settings)) {
            headers.remove(name);
        }
    }
}

fn is_token(shown: &HeaderValue, settings: &GatewaySettings) -> bool {
    settings.accepts(token(shown))
}

/// The value of a header that is there once: of two, neither is right.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// What stands behind the word `Bearer`, which may be left out.
fn token(value: &HeaderValue) -> &[u8] {
    let value = value.as_bytes().trim_ascii();
    match value.split_at_checked(7) {
        Some((word, token)) if word.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii_start(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::survey_request;
    use crate::settings::{GatewayToken, digest};

    fn settings() -> GatewaySettings {
        let tokens = ["old", "new"].map(|text| GatewayToken::from_sha256(digest(text.as_bytes())));
        let [old, new] = tokens;
        GatewaySettings::builder().token(old).token(new).build().unwrap()
    }

    /// Whether a request is let in, and whether it still has a key for its provider.
    fn pass(is_rest: bool, headers: &[(&'static str, &'static str)]) -> (bool, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut survey = survey_request(&mut map, None, None);
        let passed = authenticate(&mut map, &mut survey, &settings(), is_rest);
        assert_eq!(survey.credentials, map.contains_key("authorization"));
        (passed.is_ok(), survey.credentials)
    }

    #[test]
    fn any_valid_token_opens_with_or_without_the_word() {
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
        assert!(!pass(false, &[(NAME, "old"), (NAME, "old")]).0);
        assert!(!pass(false, &[("authorization", "Bearer old")]).0);
    }

    #[test]
    fn a_token_never_goes_on_as_a_key() {
        let own = HeaderName::from_static("x-acme-key");
        let left = |name: &HeaderName, values: &[&'static str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(name, HeaderValue::from_static(value));
            }
            remove_tokens(&mut map, &settings(), &own);
            !map.is_empty()
        };
        for name in super::super::CREDENTIALS.iter().chain([&own]) {
            assert!(left(name, &["Bearer sk-LEAK"]) && left(name, &["sk-LEAK"]), "{name}");
            assert!(!left(name, &["Bearer old"]) && !left(name, &["new"]), "{name}");
            assert!(!left(name, &["sk-LEAK", "old"]), "of two, neither is right: {name}");
        }
        assert!(left(&HeaderName::from_static("x-other"), &["old"]));
    }

    #[test]
    fn on_the_rest_path_the_only_credential_is_the_token() {
        assert_eq!(pass(true, &[("authorization", "Bearer new")]), (true, false));
        assert_eq!(pass(true, &[("x-api-key", "old")]), (true, false));
        assert_eq!(pass(true, &[("authorization", "Bearer sk-LEAK")]), (false, false));
        let both = [("cf-aig-authorization", "old"), ("authorization", "Bearer sk-LEAK")];
        assert_eq!(pass(true, &both), (true, false));
    }
}
