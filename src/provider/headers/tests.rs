//! Which headers reach the provider, and which do not.

mod response;

use super::*;
use proptest::prelude::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    headers
}

fn to_provider(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = map(lines);
    let mut later = headers.clone();
    let host = HeaderValue::from_static("api.x.ai");
    let scan = scan_request(&mut headers, Some(&host), None);
    strip_request(&mut headers, &scan, &host);
    let scan = scan_request(&mut later, None, None);
    strip_request(&mut later, &scan, &host);
    assert_eq!(headers, later, "whenever the provider is known");
    headers
}

#[test]
fn gateway_and_hop_by_hop_headers_do_not_reach_the_provider() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "cf-aig-authorization",
        "cf_aig_metadata",
        "cf-aig_x",
        "cf-cache-ttl",
        "cf-skip-cache",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-real-ip",
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "cf-pseudo-ipv4",
        "cf-ipcountry",
        "cf-ipcity",
        "cf-iplatitude",
        "cf-region",
        "cf-region-code",
        "cf-metro-code",
        "cf-postal-code",
        "cf-timezone",
        "cf-access-jwt-assertion",
        "cf-access-client-secret",
        "true-client-ip",
        "cloudfront-viewer-address",
        "do-connecting-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "x-appengine-user-ip",
        "x-azure-clientip",
        "x-azure-socketip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-nf-client-connection-ip",
        "x-original-forwarded-for",
        "x-vercel-forwarded-for",
        "cookie",
    ] {
        let headers = to_provider(&[("accept", "*/*"), (name, "1"), ("x-last", "2"), (name, "3")]);
        assert_eq!(headers.len(), 2, "{name}: {headers:?}");
    }
}

#[test]
fn other_headers_are_kept_with_repeats_in_order() {
    let kept = [
        ("authorization", "Bearer test"),
        ("x-api-key", "test"),
        ("user-agent", "OpenAI/JS"),
        ("x-stainless-os", "Linux"),
        ("anthropic-version", "1"),
        ("x-grok-conv-id", "c"),
        ("idempotency-key", "i"),
        ("traceparent", "00-1"),
        ("expect", "100-continue"),
        ("x-dup", "1"),
        ("x-dup", "2"),
        ("x-dup", "3"),
        ("cf-ray", "r"),
        ("cf-visitor", "{}"),
        ("x-client-name", "c"),
        ("x-forward", "y"),
        ("accept-encoding", "gzip"),
        ("content-length", "3"),
    ];
    assert_eq!(to_provider(&kept), map(&kept));
}

#[test]
fn host_is_the_providers() {
    assert_eq!(to_provider(&[("host", "a"), ("host", "b")]), map(&[("host", "api.x.ai")]));
}

#[test]
fn a_connection_header_cannot_remove_the_providers_host() {
    let headers = to_provider(&[("host", "a"), ("connection", "close, host"), ("accept", "*/*")]);
    assert_eq!(headers, map(&[("accept", "*/*"), ("host", "api.x.ai")]));
}

#[test]
fn a_length_beside_chunked_encoding_is_removed() {
    let headers = to_provider(&[
        ("transfer-encoding", "chunked"),
        ("content-length", "4"),
        ("accept", "*/*"),
    ]);
    assert_eq!(headers, map(&[("accept", "*/*")]));
}

#[test]
fn any_transfer_coding_but_chunked_is_noticed() {
    let is_noticed = |values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|value| ("transfer-encoding", *value)).collect();
        let in_request = scan_request(&mut map(&lines), None, None).has_coding();
        assert_eq!(strip_response(&mut map(&lines), false), !in_request, "{values:?}");
        in_request
    };
    for values in [&[][..], &["chunked"], &["Chunked "]] {
        assert!(!is_noticed(values), "{values:?}");
    }
    for values in [
        &["gzip"][..],
        &["gzip, chunked"],
        &["gzip", "chunked"],
        &["chunked", "gzip"],
        &["chunked", "chunked"],
        &["chunked, chunked"],
        &[""],
    ] {
        assert!(is_noticed(values), "{values:?}");
    }
}

#[test]
fn te_and_trailer_name_only_what_may_pass() {
    let headers = to_provider(&[
        ("te", "gzip, Trailers"),
        ("connection", "TE"),
        ("trailer", "x-sum, cf-aig-x, authorization"),
    ]);
    assert_eq!(headers, map(&[("te", "trailers"), ("trailer", "x-sum")]));
}

#[test]
fn credentials_are_marked_sensitive() {
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        assert!(to_provider(&[(name, "test")])[name].is_sensitive(), "{name}");
    }
}

#[test]
fn headers_of_an_entry_are_treated_like_those_of_a_request() {
    use EntryHeader::{Credential, Directive, Dropped, ToProvider};
    for (name, expected) in [
        ("authorization", Credential),
        ("x-goog-api-key", Credential),
        ("anthropic-version", ToProvider),
        ("content-type", ToProvider),
        ("idempotency-key", ToProvider),
        ("cf-ray", ToProvider),
        ("cf-aig-max-attempts", Directive),
        ("cf_aig_metadata", Directive),
        ("cf-aig-authorization", Directive),
        ("cf-skip-cache", Directive),
        ("cf-connecting-ip", Dropped),
        ("cf-access-jwt-assertion", Dropped),
        ("content-length", Dropped),
        ("expect", Dropped),
        ("host", Dropped),
        ("cookie", Dropped),
        ("connection", Dropped),
        ("te", Dropped),
        ("transfer-encoding", Dropped),
        ("proxy-authorization", Dropped),
        ("x-forwarded-for", Dropped),
        ("x-real-ip", Dropped),
    ] {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static("1"));
        assert_eq!(entry_header(&name, &value), expected, "{name}");
    }
    let empty = HeaderValue::from_static("Bearer");
    assert_eq!(entry_header(&HeaderName::from_static("authorization"), &empty), Dropped);
}

#[test]
fn an_empty_credential_is_removed() {
    let scanned = |lines: &[(&str, &str)]| {
        let mut headers = map(lines);
        let scan = scan_request(&mut headers, None, None);
        (scan.credentials, headers)
    };
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        for empty in ["", "Bearer", "bearer "] {
            let (has_any, headers) = scanned(&[(name, empty), ("x-last", "2")]);
            assert!(!has_any && headers.len() == 1, "{name}: {empty}");
        }
    }
    // A key in another header stays, and so does one beside an empty value of the same header.
    let (has_any, headers) = scanned(&[("authorization", "Bearer"), ("x-api-key", "k")]);
    assert!(has_any && headers.len() == 1 && headers["x-api-key"] == "k");
    let (has_any, headers) = scanned(&[("x-api-key", ""), ("x-api-key", "k")]);
    assert!(has_any && headers.len() == 2);
}

#[test]
fn websocket_is_seen_in_any_case_and_in_a_list() {
    let is_asked = |lines: &[(&str, &str)]| scan_request(&mut map(lines), None, None).websocket;
    for value in ["websocket", "WebSocket", "h2c, WEBSOCKET", "foo , websocket,bar"] {
        assert!(is_asked(&[("upgrade", value)]), "{value}");
    }
    assert!(is_asked(&[("upgrade", "h2c"), ("upgrade", "websocket")]));
    for lines in [[("upgrade", "h2c")], [("upgrade", "websockets")], [("connection", "websocket")]]
    {
        assert!(!is_asked(&lines), "{lines:?}");
    }
}

fn names_in_play() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "connection",
        "content-length",
        "host",
        "x-a",
        "x-b",
        "content-type",
        "authorization",
        "te",
        "cookie",
        "cf-aig-x",
        "keep-alive",
        "x-forwarded-for",
        "user-agent",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    /// The oracle: everything that was there, minus the listed headers and those that `connection`
    /// names.
    #[test]
    fn the_kept_headers_are_a_set_difference(
        names in prop::collection::vec(names_in_play(), 0..12),
        nominated in prop::collection::vec((names_in_play(), any::<bool>()), 0..4),
    ) {
        let lines: Vec<(String, String)> = names
            .iter()
            .filter(|name| *name != "connection")
            .enumerate()
            .map(|(i, name)| (name.clone(), i.to_string()))
            .chain(nominated.iter().map(|(name, upper)| {
                let name = if *upper { name.to_uppercase() } else { name.clone() };
                ("connection".to_owned(), format!(" {name},, "))
            }))
            .collect();
        let listed = ["connection", "te", "cookie", "cf-aig-x", "keep-alive", "x-forwarded-for", "host"];
        let expected: Vec<_> = lines
            .iter()
            .filter(|(name, _)| !listed.contains(&name.as_str()))
            .filter(|(name, _)| !nominated.iter().any(|(other, _)| other == name))
            .cloned()
            .collect();
        let borrow = |lines: &[(String, String)]| -> HeaderMap {
            map(&lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
        };
        let mut got = borrow(&lines);
        let scan = scan_request(&mut got, None, None);
        strip_request(&mut got, &scan, &HeaderValue::from_static("api.x.ai"));
        got.remove("host");
        prop_assert_eq!(got, borrow(&expected));
    }
}
