//! The URL that reqwest makes from a request's URI.

use http::Uri;
use reqwest::Url;

/// The URL, if it has the same path and query as the URI.
///
/// URLs are normalised: `/v1/../admin` becomes `/admin` and so leaves the path of a base URL. A
/// byte that is percent-escaped changes nothing.
pub(super) fn url(uri: &Uri) -> Option<Url> {
    let url = Url::parse(&uri.to_string()).ok()?;
    let is_same = matches!(url.scheme(), "http" | "https")
        && asks_for(url.path(), uri.path())
        && asks_for(url.query().unwrap_or(""), uri.query().unwrap_or(""));
    is_same.then_some(url)
}

/// Returns true if `url` equals `uri` except for escaped bytes.
fn asks_for(url: &str, uri: &str) -> bool {
    let mut url = url.as_bytes();
    for byte in uri.bytes() {
        let length = match url {
            [first, ..] if *first == byte => 1,
            [b'%', high, low, ..] if escaped(*high, *low) == Some(byte) => 3,
            _ => return false,
        };
        url = url.get(length..).unwrap_or(&[]);
    }
    url.is_empty()
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(uri: &str) -> Option<String> {
        url(&uri.parse().unwrap()).map(String::from)
    }

    #[test]
    fn a_uri_stays_unchanged() {
        for uri in [
            "https://api.x.ai/v1/chat/completions",
            "http://127.0.0.1:11434/v1//a?b=%2F&c=d+e",
            "https://api.x.ai/v1/a%2Fb?q=?",
            "https://api.x.ai/v1beta/models/gemini:generateContent?alt=sse&key=k",
            "http://[::1]:80/x",
        ] {
            assert!(made(uri).is_some(), "{uri}");
        }
        assert_eq!(made("https://api.x.ai").as_deref(), Some("https://api.x.ai/"));
        let quoted = made("https://api.x.ai/a?filter='x'").unwrap();
        assert_eq!(quoted, "https://api.x.ai/a?filter=%27x%27");
    }

    #[test]
    fn a_path_that_reqwest_would_change_is_refused() {
        for uri in [
            "https://api.x.ai/v1/../admin",
            "https://api.x.ai/v1/./x",
            "https://api.x.ai/v1/%2e%2e/admin",
            "https://api.x.ai/v1/.%2E",
            "ftp://api.x.ai/v1",
            "/v1",
        ] {
            assert_eq!(made(uri), None, "{uri}");
        }
    }
}
