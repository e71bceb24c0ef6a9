//! The response headers that are stored, and whether a response varies by more than its key (`vary`).

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, VARY};

use super::compact;
use super::framing::declared;
use super::lines::is_told_apart;
use crate::provider::headers;

/// The headers to store: not those of one hop, one client or one moment. Their values are copied. A
/// `content-length` is stored only if it was valid.
pub(super) fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut lines = Vec::with_capacity(headers.len());
    let mut names_fields = false;
    for (name, value) in headers {
        names_fields |= *name == CONNECTION;
        if is_kept(name.as_str()) && (*name != CONTENT_LENGTH || declared(headers).is_some()) {
            lines.push((name, value));
        }
    }
    if names_fields {
        let of_this_hop = headers::named_by_connection(headers);
        lines.retain(|(name, _)| !of_this_hop.contains(name));
    }
    compact::headers(&lines)
}

fn is_kept(name: &str) -> bool {
    // HTTP/1 sends no trailers that are not announced.
    name == "trailer"
        // No client gets hop-by-hop headers, credentials, cookies, and the gateway's own headers.
        || headers::is_for_any_client(name) && !is_of_a_moment(name) && !is_of_a_limit(name)
}

fn is_of_a_moment(name: &str) -> bool {
    matches!(name, "age" | "alt-svc" | "date" | "server-timing" | "set-cookie2" | "via")
}

/// `retry-after*`, `ratelimit-*`, `x-ratelimit-*`, `anthropic-ratelimit-*`, `x-ratelimitbysize-*`,
/// `x-tokenlimit-*`.
fn is_of_a_limit(name: &str) -> bool {
    let ends = memchr::memchr_iter(b'l', name.as_bytes()).map(|at| name.split_at(at));
    let mut ends = ends.filter(|(_, end)| end.starts_with("limit"));
    ends.any(|(start, _)| ["rate", "rate-", "token"].iter().any(|word| start.ends_with(word)))
        || ["retry-after", "x-trial-"].iter().any(|start| name.starts_with(start))
}

/// Whether a response says that it depends on something outside of its key.
pub(super) fn varies_by_more(headers: &HeaderMap) -> bool {
    headers.get_all(VARY).iter().any(|value| {
        let names = value.to_str().unwrap_or("*").split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).any(|name| !is_told_apart(name))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn headers_of_a_hop_a_client_or_a_moment_are_not_stored() {
        for name in [
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-connection",
            "te",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "set-cookie",
            "set-cookie2",
            "date",
            "age",
            "via",
            "alt-svc",
            "server-timing",
            "retry-after",
            "retry-after-ms",
            "ratelimit",
            "ratelimit-policy",
            "ratelimit-remaining",
            "ratelimitbysize-limit",
            "x-ratelimit-limit-requests",
            "x-ratelimit-reset-tokens",
            "x-ratelimitbysize-remaining-minute",
            "anthropic-ratelimit-tokens-reset",
            "anthropic-ratelimit-unified-status",
            "x-tokenlimit-remaining",
            "x-trial-endpoint-call-remaining",
            "authorization",
            "api-key",
            "x-api-key",
            "x-goog-api-key",
            "x-goog-upload-url",
            "cf-aig-log-id",
            "cf_aig_cache_status",
        ] {
            assert_eq!(kept(&map(&[(name, "x")])), HeaderMap::new(), "{name}");
        }
        let named = [("connection", "X-One, close"), ("x-one", "1"), ("x-two", "2")];
        assert_eq!(kept(&map(&named)), map(&[("x-two", "2")]));
    }

    #[test]
    fn other_headers_are_stored_in_order() {
        let all = map(&[
            ("content-type", "text/event-stream"),
            ("content-encoding", "gzip"),
            ("content-length", "7"),
            ("cache-control", "no-store"),
            ("x-request-id", "req_1"),
            ("request-id", "req_1"),
            ("openai-processing-ms", "12"),
            ("openai-organization", "org"),
            ("vary", "accept-encoding"),
            ("vary", "origin"),
            ("x-limit", "1"),
            ("cf-ray", "1"),
            ("etag", "e"),
            ("trailer", "x-sum"),
        ]);
        assert_eq!(kept(&all), all);
        let order: Vec<_> = kept(&all).keys().cloned().collect();
        assert_eq!(order, all.keys().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn a_vary_outside_of_the_key_is_found() {
        for told in ["accept-encoding", "Origin, Accept", "x-unknown,", "authorization"] {
            assert!(!varies_by_more(&map(&[("vary", told)])), "{told}");
        }
        for more in ["*", "origin, User-Agent", "x-request-id"] {
            assert!(varies_by_more(&map(&[("vary", "origin"), ("vary", more)])), "{more}");
        }
        assert!(!varies_by_more(&HeaderMap::new()));
    }
}
