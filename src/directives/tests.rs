//! Each control header accepts its range, and the stronger of two directives wins.

use http::HeaderMap;

use super::*;
use crate::directives::locks::Locks;

fn with(name: &'static str, value: &str) -> Result<Box<Directives>, Unfit> {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    parse(&headers, &Locks::none()).map(Option::unwrap_or_default)
}

fn must_be(refused: Unfit) -> String {
    match refused.fault {
        Fault::MustBe(must_be) => must_be.into_owned(),
        Fault::Locked => panic!("{} is locked", refused.name),
    }
}

#[test]
fn every_header_accepts_only_its_range() {
    let long_key = "k".repeat(256);
    let too_long_key = "k".repeat(257);
    let id = "i".repeat(64);
    let too_long_id = "i".repeat(65);
    for (name, good, bad) in [
        (
            "cf-aig-request-timeout",
            vec!["1", "3600000"],
            vec!["0", "3600001", "-1", "1.5", "x", "", "+1"],
        ),
        ("cf-aig-max-attempts", vec!["1", "5"], vec!["0", "6", "five"]),
        ("cf-aig-retry-delay", vec!["0", "5000"], vec!["5001", "-1"]),
        ("cf-aig-backoff", vec!["constant", "linear", "exponential"], vec!["Linear", ""]),
        ("cf-aig-skip-cache", vec!["true", "false"], vec!["1", "yes", ""]),
        ("cf-skip-cache", vec!["true"], vec!["1"]),
        ("cf-aig-zdr", vec!["true", "false"], vec!["1", "TRUE", ""]),
        ("cf-aig-no-wholesale", vec!["true", "false"], vec!["1", ""]),
        ("cf-aig-cache-ttl", vec!["0", "60", "2592000"], vec!["1", "59", "2592001"]),
        ("cf-cache-ttl", vec!["60"], vec!["59"]),
        ("cf-aig-cache-key", vec!["k", &long_key], vec!["", "a b", &too_long_key]),
        (
            "cf-aig-custom-cost",
            vec![r#"{"total_cost":0}"#, r#"{"per_token_in":1e-6,"per_token_out":2}"#],
            vec![
                "{}",
                "1",
                r#"{"total_cost":-1}"#,
                r#"{"total_cost":"1"}"#,
                r#"{"total_cost":1,"per_token_in":1}"#,
                r#"{"per_token_in":1,"per_token_cached_in":-1}"#,
                r#"{"per_token_in":1,"per_token_cached_in":1,"per_cache_read_token":1}"#,
                r#"{"total_cost":1,"per_cache_write_token":1}"#,
                r#"{"per_cache_write_token":1}"#,
                r#"{"total_cost":1,"total_cost":2}"#,
                r#"{"total_cost":1,"currency":"EUR"}"#,
            ],
        ),
        ("cf-aig-collect-log", vec!["true", "false"], vec!["on"]),
        ("cf-aig-collect-log-payload", vec!["true", "false"], vec!["on"]),
        ("cf-aig-event-id", vec!["e", &id], vec!["", "a b", "\u{e9}", &too_long_id]),
        ("cf-aig-gateway-id", vec!["gw", &id], vec!["", "..", "a/b", &too_long_id]),
        ("cf-aig-byok-alias", vec!["team-a"], vec!["", "a b"]),
        (
            "cf-aig-otel-trace-id",
            vec!["0123456789abcdef0123456789ABCDEF"],
            vec!["1", "00000000000000000000000000000000", "g123456789abcdef0123456789abcdef"],
        ),
        (
            "cf-aig-otel-parent-span-id",
            vec!["0123456789abcdef"],
            vec!["0123456789abcde", "+123456789abcdef"],
        ),
        ("cf-aig-metadata", vec!["{}", r#"{"a":null}"#], vec!["", "[]", "{", "x"]),
    ] {
        for value in good {
            assert!(with(name, value).is_ok(), "{name}: {value}");
        }
        for value in bad {
            let refused = with(name, value).unwrap_err();
            assert_eq!(refused.name.as_str(), name, "{value}");
        }
    }
}

#[test]
fn values_are_read_in_their_units() {
    let read = |name, value| *with(name, value).unwrap();
    assert_eq!(
        read("cf-aig-request-timeout", "1500").request_timeout,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(read("cf-cache-ttl", "60").cache_ttl, Some(Duration::from_secs(60)));
    assert_eq!(
        read("cf-aig-otel-parent-span-id", "00000000000000ff").otel_parent_span_id,
        Some(255)
    );
    assert_eq!(
        read("cf-aig-custom-cost", r#"{"per_token_in":0.5}"#).custom_cost,
        Some(CustomCost::PerToken {
            input: 0.5,
            cached_input: None,
            cache_write: None,
            output: 0.0
        })
    );
}

#[test]
fn a_custom_cost_accepts_only_known_members() {
    let read =
        |value: &str| with("cf-aig-custom-cost", value).map(|read| read.custom_cost.unwrap());
    let all = CustomCost::PerToken {
        input: 1.0,
        cached_input: Some(0.5),
        cache_write: Some(1.25),
        output: 2.0,
    };
    let rest = r#""per_token_in":1,"per_token_out":2,"per_cache_write_token":1.25"#;
    for name in ["per_cache_read_token", "per_token_cached_in"] {
        assert_eq!(read(&format!(r#"{{"{name}":0.5,{rest}}}"#)).unwrap(), all);
    }
    for (member, shown) in
        [("per_token", "per_token"), ("a\\u0007b", "a?b"), ("Total_cost", "Total_cost")]
    {
        let refused = must_be(read(&format!(r#"{{{rest},"{member}":1}}"#)).unwrap_err());
        assert!(refused.ends_with(&format!("no member `{shown}`")), "{refused}");
    }
    let long = read(&format!(r#"{{"{}":1}}"#, "é".repeat(500))).unwrap_err();
    assert!(must_be(long).len() < 500);
}

#[test]
fn a_directive_given_twice_is_refused() {
    let mut headers = HeaderMap::new();
    headers.append("cf-aig-max-attempts", HeaderValue::from_static("1"));
    headers.append("cf-aig-max-attempts", HeaderValue::from_static("1"));
    assert_eq!(must_be(parse(&headers, &Locks::none()).unwrap_err()), "given once");
}

#[test]
fn dropped_metadata_is_named_in_a_warning() {
    let parsed = with("cf-aig-metadata", r#"{"a":1,"b":{"c":1},"cf.user":"x"}"#).unwrap();
    assert_eq!(parsed.metadata.len(), 1);
    let warning = parsed.warning.unwrap().value().unwrap();
    assert_eq!(warning.to_str().unwrap(), "cf-aig-metadata: left out b, cf.user");
    assert!(with("cf-aig-metadata", r#"{"a":1}"#).unwrap().warning.is_none());
}

#[test]
fn without_headers_there_are_no_directives() {
    assert_eq!(parse(&HeaderMap::new(), &Locks::none()).unwrap(), None);
    let mut headers = HeaderMap::new();
    headers.insert("cf-aig-authorization", HeaderValue::from_static("Bearer t"));
    assert_eq!(
        parse(&headers, &Locks::none()).unwrap(),
        None,
        "the gateway's token asks for nothing"
    );
}

#[test]
fn the_stronger_directives_win_field_by_field() {
    let of = |pairs: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        *parse(&headers, &Locks::none()).unwrap().unwrap_or_default()
    };
    let all = of(&[
        ("cf-aig-gateway-id", "gw"),
        ("cf-aig-event-id", "e"),
        ("cf-aig-metadata", r#"{"a":1,"cf.x":1}"#),
        ("cf-aig-request-timeout", "1"),
        ("cf-aig-max-attempts", "1"),
        ("cf-aig-retry-delay", "1"),
        ("cf-aig-backoff", "linear"),
        ("cf-aig-skip-cache", "true"),
        ("cf-aig-cache-ttl", "60"),
        ("cf-aig-cache-key", "k"),
        ("cf-aig-custom-cost", r#"{"total_cost":1}"#),
        ("cf-aig-collect-log", "true"),
        ("cf-aig-collect-log-payload", "true"),
        ("cf-aig-byok-alias", "a"),
        ("cf-aig-otel-trace-id", "0123456789abcdef0123456789abcdef"),
        ("cf-aig-otel-parent-span-id", "0123456789abcdef"),
    ]);
    assert!(all.warning.is_some());
    assert_eq!(all.clone().or(&Directives::default()), all);
    assert_eq!(Directives::default().or(&all), all);

    let weaker = of(&[
        ("cf-aig-gateway-id", "gw2"),
        ("cf-aig-event-id", "e2"),
        ("cf-aig-metadata", r#"{"b":1,"cf.y":1}"#),
        ("cf-aig-request-timeout", "2"),
        ("cf-aig-max-attempts", "2"),
        ("cf-aig-retry-delay", "2"),
        ("cf-aig-backoff", "constant"),
        ("cf-aig-skip-cache", "false"),
        ("cf-aig-cache-ttl", "0"),
        ("cf-aig-cache-key", "k2"),
        ("cf-aig-custom-cost", r#"{"total_cost":2}"#),
        ("cf-aig-collect-log", "false"),
        ("cf-aig-collect-log-payload", "false"),
        ("cf-aig-byok-alias", "a2"),
        ("cf-aig-otel-trace-id", "1123456789abcdef0123456789abcdef"),
        ("cf-aig-otel-parent-span-id", "1123456789abcdef"),
    ]);
    assert_eq!(all.clone().or(&weaker), all);
}
