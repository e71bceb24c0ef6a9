//! The directives of entries.

use std::time::Duration;

use super::*;
use crate::directives::{self, Backoff};

fn request(name: &'static str, value: &'static str) -> Directives {
    let mut headers = http::HeaderMap::new();
    headers.insert(name, HeaderValue::from_static(value));
    *directives::parse(&headers, &Locks::none()).unwrap().unwrap()
}

#[test]
fn settings_accept_their_range_in_both_spellings() {
    let (long, too_long) = (format!("\"{}\"", "k".repeat(256)), format!("\"{}\"", "k".repeat(257)));
    for (camel, snake, good, bad) in [
        (
            "requestTimeout",
            "request_timeout",
            vec!["1", "3600000", "5e3", "10.0", "null"],
            vec!["0", "3600001", "-1", "1.5", "\"5\"", "true", "1e300", "[]"],
        ),
        ("maxAttempts", "max_attempts", vec!["1", "5"], vec!["0", "6", "256", "257"]),
        ("retryDelay", "retry_delay", vec!["0", "5000"], vec!["5001", "-1", "-0.5"]),
        (
            "backoff",
            "backoff",
            vec!["\"constant\"", "\"linear\"", "\"expon\\u0065ntial\""],
            vec!["\"Linear\"", "1", "{}"],
        ),
        ("cacheTtl", "cache_ttl", vec!["0", "60", "2592000"], vec!["1", "59", "2592001"]),
        ("cacheKey", "cache_key", vec!["\"k\"", &long], vec!["\"\"", "\"a b\"", "1", &too_long]),
        ("skipCache", "skip_cache", vec!["true", "false"], vec!["1", "\"true\""]),
    ] {
        for key in [camel, snake] {
            let config =
                |value: &str| with(&format!(r#""config":{{"new":[{{}}],"{key}":{value}}}"#));
            for value in &good {
                assert!(read(&config(value)).is_ok(), "{key}: {value}");
            }
            for value in &bad {
                let (message, param) = refused(&config(value));
                assert_eq!(param, Some(format!("[0].config.{camel}")), "{value}");
                assert!(message.contains(&format!("`config.{camel}` of entry 0")), "{message}");
            }
        }
        let value = good[0];
        let twice = format!(r#""config":{{"{camel}":{value},"{snake}":{value}}}"#);
        let (message, _) = refused(&with(&twice));
        assert!(message.contains("given once"), "{message}");
    }
    assert!(read(&with(r#""config":null,"headers":null"#)).is_ok());
}

#[test]
fn config_overrides_headers_of_the_entry_and_these_those_of_the_request() {
    let body = with(
        r#""config":{"requestTimeout":1,"maxAttempts":2,"retryDelay":3,"backoff":"linear",
            "cacheTtl":0,"cacheKey":"c","skipCache":false},
           "headers":{"cf-aig-request-timeout":"100","cf-aig-max-attempts":"4","cf-aig-retry-delay":"5",
            "cf-aig-backoff":"constant","cf-aig-cache-ttl":"60","cf-aig-cache-key":"h","cf-skip-cache":"true",
            "cf-aig-byok-alias":"own","cf-aig-metadata":"{\"team\":\"b\u00e9\"}"}"#,
    );
    let entry = &read(&body).unwrap()[0];
    assert!(entry.headers.is_empty());
    let request = request("cf-aig-event-id", "e").or(&request("cf-aig-byok-alias", "theirs"));
    let got = entry.directives(&request);
    assert_eq!(got.request_timeout, Some(Duration::from_millis(1)));
    assert_eq!(got.max_attempts, Some(2));
    assert_eq!(got.retry_delay, Some(Duration::from_millis(3)));
    assert_eq!(got.backoff, Some(Backoff::Linear));
    assert_eq!(got.cache_ttl, Some(Duration::ZERO));
    assert_eq!(got.cache_key.as_deref(), Some("c"));
    assert_eq!(got.skip_cache, Some(false));
    assert_eq!(got.byok_alias.as_deref(), Some("own"));
    assert_eq!(got.metadata.get("team").unwrap().to_string(), "b\u{e9}");
    assert_eq!(got.event_id.unwrap(), "e");
}

#[test]
fn metadata_and_event_id_are_inherited_from_the_request() {
    let entry = &read(&with(r#""config":{"maxAttempts":2}"#)).unwrap()[0];
    let metadata = request("cf-aig-metadata", r#"{"team":"a","cf.x":1}"#);
    let got = entry.directives(&metadata);
    assert_eq!(got.metadata, metadata.metadata);
    assert_eq!((got.warning, got.max_attempts), (metadata.warning, Some(2)));
    let entry = &read(&with(r#""headers":{"cf-aig-event-id":"own"}"#)).unwrap()[0];
    assert_eq!(entry.directives(&request("cf-aig-event-id", "e")).event_id.unwrap(), "own");
}
