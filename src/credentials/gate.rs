//! Whether a request may use its gateway.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{CREDENTIALS, remove};
use crate::headers::Survey;
use crate::refusal;
use crate::rejection::Rejection;
use crate::settings::GatewaySettings;

const GATEWAY_TOKEN: HeaderName = HeaderName::from_static("cf-aig-authorization");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets a request pass that shows one of the gateway's tokens, where there are any, and takes the
/// token off it. The answer to a wrong token is that to none.
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
    let shown = one(headers, &GATEWAY_TOKEN);
    let mut is_welcome = shown.is_some_and(|shown| settings.accepts(token(shown)));
    if is_rest {
        for name in [&AUTHORIZATION, &API_KEY] {
            let key = one(headers, name);
            is_welcome |= key.is_some_and(|key| settings.accepts(token(key)));
        }
        remove(headers);
        survey.credentials = false;
    } else if let Some(shown) = shown.filter(|_| is_welcome) {
        // Where the client has put its token for a key too, it is no provider's business.
        let is_token = |key| token(key) == token(shown);
        let shows = CREDENTIALS.map(|name| headers.get_all(name).iter().any(is_token));
        for (name, _) in CREDENTIALS.iter().zip(shows).filter(|(_, shows)| *shows) {
            headers.remove(*name);
        }
        survey.credentials = CREDENTIALS.iter().any(|name| headers.contains_key(*name));
    }
    if is_welcome { Ok(()) } else { Err(refusal::unauthorized(is_rest)) }
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
    use crate::settings::GatewayToken;

    fn settings() -> GatewaySettings {
        let tokens = ["old", "new"].map(GatewayToken::new);
        let [old, new] = tokens;
        GatewaySettings::builder().token(old).token(new).build().unwrap()
    }

    /// Whether a request is let in, and whether it still has a key for its provider.
    fn pass(is_rest: bool, headers: &[(&'static str, &'static str)]) -> (bool, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut survey = survey_request(&mut map, None);
        let passed = authenticate(&mut map, &mut survey, &settings(), is_rest);
        assert_eq!(survey.credentials, CREDENTIALS.iter().any(|name| map.contains_key(*name)));
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
        for name in CREDENTIALS {
            let both = |key| pass(false, &[("cf-aig-authorization", "old"), (name, key)]);
            assert_eq!(both("Bearer sk-LEAK"), (true, true), "{name}");
            assert_eq!(both("Bearer old"), (true, false), "{name}");
            assert_eq!(both("old"), (true, false), "{name}");
        }
        let token = ("cf-aig-authorization", "Bearer old");
        let twice = [token, ("authorization", "old"), ("authorization", "sk-LEAK")];
        assert_eq!(pass(false, &twice), (true, false));
        let beside = [token, ("authorization", "Bearer sk-LEAK"), ("x-api-key", "old")];
        assert_eq!(pass(false, &beside), (true, true));
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
