//! Keys from the issuer's URL.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tower::{BoxError, ServiceExt as _};
use tower_service::Service;

use super::super::error::JwksError;
use super::super::key_set::KeySet;
use super::Fetched;

/// The maximum size of a set, in bytes.
pub(super) const MOST: usize = 1024 * 1024;

/// Checks that keys from a URL cannot be replaced on the way.
pub(super) fn checked(url: &str) -> Result<Uri, JwksError> {
    let uri: Uri = url.parse().map_err(|_| JwksError::Url)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let is_safe = match uri.scheme() {
        Some(scheme) => *scheme == Scheme::HTTPS || *scheme == Scheme::HTTP && is_here,
        None => false,
    };
    let has_credentials = uri.authority().is_some_and(|own| own.as_str().contains('@'));
    if is_safe && !has_credentials { Ok(uri) } else { Err(JwksError::Url) }
}

pub(super) async fn fetch<C, B>(url: Uri, client: C) -> Result<Fetched, JwksError>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>>,
    C::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut request = Request::new(Full::default());
    *request.uri_mut() = url;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let failed = |error: BoxError| JwksError::Client(error.into());
    let response = client.oneshot(request).await.map_err(|error| failed(error.into()))?;
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(JwksError::Status(head.status));
    }
    let body = Limited::new(body, MOST).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => JwksError::TooLarge,
        false => failed(error),
    })?;
    let set = KeySet::parse(&body.to_bytes())?;
    Ok(Fetched { set, fresh_for: max_age(&head.headers) })
}

/// The lifetime in `cache-control`, if there is one.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut age = None;
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") {
            let seconds = value.trim().trim_matches('"').parse().ok();
            age = age.or(seconds.map(Duration::from_secs));
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in [
            "https://issuer.example/keys",
            "https://issuer.example:8443/a?b=c",
            "http://127.0.0.1:80/keys",
            "http://[::1]:80/keys",
            "http://localhost/keys",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/keys",
            "issuer.example",
            "http://issuer.example/keys",
            "http://10.0.0.1/keys",
            "http://localhost.example/keys",
            "https://user:password@issuer.example/keys",
            "http://user@127.0.0.1/keys",
            "ftp://127.0.0.1/keys",
            "file:///keys",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_issuer_says_how_long_its_keys_are_kept() {
        for (value, expected) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=300, must-revalidate", Some(300)),
            ("max-age=\"7\"", Some(7)),
            ("public", None),
            ("max-age=x", None),
            ("max-age=-1", None),
            ("s-maxage=5", None),
            ("max-age=300, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("max-age=99999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }
}
