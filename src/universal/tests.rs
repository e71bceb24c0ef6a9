use std::ops::Range;
use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::directives::{self, Backoff};
use crate::refusal;

const SECRET: &str = "LEAK";

fn read(body: &str) -> Result<Vec<Entry>, EntryError> {
    parse(&Bytes::copy_from_slice(body.as_bytes()))
}

/// What is wrong with a body, as its client is told.
fn refused(body: &str) -> (String, Option<String>) {
    let error = read(body).unwrap_err();
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    let rejection = refusal::malformed_entry(&error);
    assert_eq!(rejection.code.status(), StatusCode::BAD_REQUEST);
    assert_eq!(rejection.code.number(), 2400);
    assert!(!rejection.message.contains(SECRET), "{}", rejection.message);
    (rejection.message.into_owned(), rejection.param.map(Into::into))
}

/// A body of one good entry with these members in addition.
fn with(members: &str) -> String {
    format!(r#"[{{"provider":"grok","endpoint":"chat/completions",{members}}}]"#)
}

fn request(name: &'static str, value: &'static str) -> Directives {
    let mut headers = http::HeaderMap::new();
    headers.insert(name, HeaderValue::from_static(value));
    *directives::parse(&headers).unwrap()
}

#[test]
fn entries_are_read_in_their_order() {
    let body = r#" [
        {"provider":"grok","endpoint":"/v1/chat/completions?a=1","headers":{"Authorization":" Bearer LEAK ",
         "Content-Type":"application/json","cf-aig-cache-ttl":"60","Cookie":"LEAK","x-forwarded-for":"1"},
         "query": {"model" : "grok-4", "stream" : true} , "authorization":"LEAK"},
        {"endpoint":"","provider":"open\u0061i"}
    ] "#;
    let entries = read(body).unwrap();
    let [first, second] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(first.provider, "grok");
    assert_eq!(first.endpoint, "v1/chat/completions?a=1");
    assert_eq!(first.endpoint_path(), "v1/chat/completions");
    assert_eq!(first.endpoint_query(), Some("a=1"));
    let headers: Vec<_> =
        first.headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(headers.len(), 2);
    assert_eq!((headers[0].0, headers[0].1.as_bytes()), ("authorization", &b"Bearer LEAK"[..]));
    assert!(headers[0].1.is_sensitive());
    assert_eq!((headers[1].0, headers[1].1.as_bytes()), ("content-type", &b"application/json"[..]));
    assert_eq!(first.query, r#"{"model" : "grok-4", "stream" : true}"#);
    assert_eq!(first.model.as_deref(), Some("grok-4"));
    assert!(first.stream);
    assert_eq!(first.directives(&Directives::default()).cache_ttl, Some(Duration::from_secs(60)));

    assert_eq!((&*second.provider, &*second.endpoint), ("openai", ""));
    assert_eq!(second.endpoint_query(), None);
    assert!(second.headers.is_empty() && second.query.is_empty());
    assert_eq!((second.model.as_deref(), second.stream), (None, false));
    assert_eq!(second.config, EntryConfig::default());
    assert_eq!(second.directives(&Directives::default()), Directives::default());
}

#[test]
fn the_query_is_a_slice_of_the_body() {
    let body = Bytes::from(with(r#""query":{"a":1}"#));
    let entries = parse(&body).unwrap();
    let inside = body.as_ptr_range();
    assert!(inside.contains(&entries[0].query.as_ptr()));
}

#[test]
fn one_entry_alone_is_wrapped() {
    let entries = read(r#"{"provider":"grok","endpoint":"models"}"#).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].endpoint, "models");
    let (_, param) = refused(r#"{"provider":"grok"}"#);
    assert_eq!(param.as_deref(), Some("[0].endpoint"));
}

#[test]
fn one_to_sixteen_entries() {
    let entries = |count| {
        let entry = r#"{"provider":"grok","endpoint":"models"}"#;
        format!("[{}]", vec![entry; count].join(","))
    };
    assert_eq!(read(&entries(1)).unwrap().len(), 1);
    assert_eq!(read(&entries(16)).unwrap().len(), 16);
    for count in [0, 17] {
        let (message, param) = refused(&entries(count));
        assert_eq!(
            message,
            "The request body must be a JSON array of 1 to 16 entries, or one entry."
        );
        assert_eq!(param, None);
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let good = with(r#""query":{"a":[1]}"#);
    for body in ["", " ", "1", "\"LEAK\"", "null", "]"] {
        assert!(refused(body).0.contains("array of 1 to 16 entries"), "{body}");
    }
    let deep = with(&format!(r#""query":{}"#, "[".repeat(100_000)));
    let tail = format!("{good}x");
    let comma = good.replace("}]", "},]");
    for body in ["[", "[{", "[{]", "{\"provider\"", "[LEAK]", &deep, &tail, &good[1..], &comma] {
        assert!(refused(body).0.contains("well-formed JSON"), "{body:.80}");
    }
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let many: Vec<_> = (0..101).map(|i| format!("\"x-{i}\":\"\"")).collect();
    let many = format!(r#""headers":{{{}}}"#, many.join(","));
    for (body, named, allowed) in [
        ("[1]".into(), "[0]", "must be an object"),
        ("[[]]".into(), "[0]", "must be an object"),
        (r#"[{}]"#.into(), "[0].provider", "the slug of a provider"),
        (r#"[{"provider":1,"endpoint":"x"}]"#.into(), "[0].provider", "a string"),
        (r#"[{"provider":"\ud800","endpoint":"x"}]"#.into(), "[0].provider", "a string"),
        (r#"[{"provider":"grok"}]"#.into(), "[0].endpoint", "a string"),
        (r#"[{"provider":"grok","endpoint":["LEAK"]}]"#.into(), "[0].endpoint", "a string"),
        (
            r#"[{"provider":"grok","endpoint":"a/../b?LEAK"}]"#.into(),
            "[0].endpoint",
            "dot segments",
        ),
        (r#"[{"provider":"grok","endpoint":"a/%2e%2E/b"}]"#.into(), "[0].endpoint", "dot segments"),
        (r#"[{"provider":"grok","endpoint":"chat#LEAK"}]"#.into(), "[0].endpoint", "fragments"),
        (r#"[{"provider":"grok","endpoint":"a b"}]"#.into(), "[0].endpoint", "a string"),
        (r#"[{"provider":"grok","endpoint":"a\u0000b"}]"#.into(), "[0].endpoint", "a string"),
        (with(r#""provider":"openai""#), "[0].provider", "given once"),
        (with(r#""endpo\u0069nt":"x""#), "[0].endpoint", "given once"),
        (with(r#""query":{},"query":{}"#), "[0].query", "given once"),
        (with(r#""query":[]"#), "[0].query", "an object"),
        (with(r#""query":null"#), "[0].query", "an object"),
        (with(r#""query":"LEAK""#), "[0].query", "an object"),
        (with(r#""query":{"model":"LEAK","mod\u0065l":"b"}"#), "[0].query.model", "given once"),
        (with(r#""query":{"model":1}"#), "[0].query.model", "a string"),
        (with(r#""query":{"model":"\ud800"}"#), "[0].query.model", "a string"),
        (
            with(&format!(r#""query":{{"model":"{}"}}"#, "m".repeat(1025))),
            "[0].query.model",
            "at most 1024 bytes",
        ),
        (with(r#""headers":"LEAK""#), "[0].headers", "an object of at most 100 strings"),
        (
            with(r#""headers":{"Authorization: Bearer LEAK":"x"}"#),
            "[0].headers",
            "names of HTTP headers",
        ),
        (with(r#""headers":{"":"x"}"#), "[0].headers", "names of HTTP headers"),
        (with(&many), "[0].headers", "at most 100"),
        (with(r#""headers":{"X-A":1}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"x-a":true}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"x-a":null}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"cookie":["LEAK"]}"#), "[0].headers.cookie", "a string"),
        (
            with(r#""headers":{"authorization":"LEAK\r\nhost: x"}"#),
            "[0].headers.authorization",
            "without line breaks",
        ),
        (
            with(r#""headers":{"authorization":"LEAK","Authorization":"LEAK"}"#),
            "[0].headers.authorization",
            "given once",
        ),
        (
            with(r#""headers":{"cf-aig-max-attempts":"6"}"#),
            "[0].headers.cf-aig-max-attempts",
            "a whole number from 1 to 5",
        ),
        (with(r#""config":[]"#), "[0].config", "an object"),
        (
            format!("[{0},{0},{{}}]", r#"{"provider":"a","endpoint":"b"}"#),
            "[2].provider",
            "entry 2",
        ),
    ] {
        let (message, param) = refused(&body);
        assert_eq!(param.as_deref(), Some(named), "{body:.200}");
        assert!(message.contains(allowed), "{body:.200}: {message}");
    }
}

#[test]
fn long_names_are_cut_in_messages() {
    let name = "x".repeat(1000);
    let (message, param) = refused(&with(&format!(r#""headers":{{"{name}":1}}"#)));
    assert_eq!(param.unwrap(), format!("[0].headers.{}", &name[..64]));
    assert!(message.len() < 200, "{message}");
}

#[test]
fn settings_take_their_range_in_both_spellings() {
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
fn config_over_the_entrys_headers_over_the_requests() {
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
fn metadata_and_event_id_stay_those_of_the_request() {
    let entry = &read(&with(r#""config":{"maxAttempts":2}"#)).unwrap()[0];
    let metadata = request("cf-aig-metadata", r#"{"team":"a","cf.x":1}"#);
    let got = entry.directives(&metadata);
    assert_eq!(got.metadata, metadata.metadata);
    assert_eq!((got.warning, got.max_attempts), (metadata.warning, Some(2)));
    let entry = &read(&with(r#""headers":{"cf-aig-event-id":"own"}"#)).unwrap()[0];
    assert_eq!(entry.directives(&request("cf-aig-event-id", "e")).event_id.unwrap(), "own");
}

#[test]
fn no_key_shows_in_debug() {
    let body = with(
        r#""headers":{"authorization":"Bearer LEAK","x-api-key":"LEAK","api-key":"LEAK","x-goog-api-key":"LEAK",
            "x-odd-token":"LEAK","cookie":"LEAK","cf-aig-authorization":"LEAK","cf-aig-event-id":"LEAK"},
           "query":{"messages":"LEAK"}"#,
    );
    let body = body.replace("chat/completions", "chat/completions?key=LEAK");
    let entries = read(&body).unwrap();
    let shown = format!("{entries:?} {entries:#?}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("x-odd-token") && shown.contains("chat/completions"), "{shown}");
    for (name, value) in &entries[0].headers {
        assert_eq!(value.is_sensitive(), name != "x-odd-token", "{name}");
    }
}

// Properties, with serde_json as the oracle.

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => prop::sample::select(vec!["model", "stream", "query", "provider"]).prop_map(str::to_owned),
    ]
}

/// Mostly objects, mostly with a `model`.
fn query() -> impl Strategy<Value = Value> {
    let object = (prop::collection::vec((key(), value()), 0..5), any::<Option<String>>());
    let object = object.prop_map(|(members, model)| {
        let mut object: Map<_, _> = members.into_iter().collect();
        if let Some(model) = model {
            object.insert("model".into(), model.into());
        }
        Value::Object(object)
    });
    prop_oneof![4 => object, 1 => value()]
}

#[derive(Clone, Debug)]
struct Told {
    provider: String,
    endpoint: String,
    query: Value,
    unknown: Value,
    order: Vec<usize>,
}

fn told() -> impl Strategy<Value = Told> {
    let order = Just((0..4).collect::<Vec<usize>>()).prop_shuffle();
    (
        any::<String>(),
        "/{0,2}[a-z0-9]{0,3}(/[a-z0-9]{1,4}){0,2}(\\?[a-z=&/]{0,5})?",
        query(),
        value(),
        order,
    )
        .prop_map(|(provider, endpoint, query, unknown, order)| Told {
            provider,
            endpoint,
            query,
            unknown,
            order,
        })
}

type Spaces<'a> = &'a mut dyn Iterator<Item = &'static str>;

/// Writes a value as `serde_json` does, with white space between its tokens.
fn write(value: &Value, spaces: Spaces<'_>, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            out.push_str(spaces.next().unwrap());
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write(item, spaces, out);
                out.push_str(spaces.next().unwrap());
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (place, (key, item)) in members.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write_member(key, item, spaces, out);
            }
            out.push_str(spaces.next().unwrap());
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// What is written of the value, without the white space around it.
fn write_member(key: &str, value: &Value, spaces: Spaces<'_>, out: &mut String) -> Range<usize> {
    out.push_str(spaces.next().unwrap());
    out.push_str(&json!(key).to_string());
    out.push_str(spaces.next().unwrap());
    out.push(':');
    out.push_str(spaces.next().unwrap());
    let start = out.len();
    write(value, spaces, out);
    let end = out.len();
    out.push_str(spaces.next().unwrap());
    start..end
}

proptest! {
    #[test]
    fn entries_agree_with_serde_json(
        all in prop::collection::vec(told(), 1..4),
        spaces in prop::collection::vec(prop::sample::select(vec!["", "", " ", "\n\t", "\r\n  "]), 1..9),
    ) {
        let mut spaces = spaces.iter().copied().cycle();
        let mut queries = Vec::new();
        let mut body = String::from("[");
        for (index, told) in all.iter().enumerate() {
            body.push_str(if index > 0 { "," } else { "" });
            body.push_str(spaces.next().unwrap());
            body.push('{');
            for (place, member) in told.order.iter().enumerate() {
                let (key, value) = [
                    ("provider", json!(told.provider)),
                    ("endpoint", json!(told.endpoint)),
                    ("query", told.query.clone()),
                    ("unknown", told.unknown.clone()),
                ][*member]
                    .clone();
                body.push_str(if place > 0 { "," } else { "" });
                let written = write_member(key, &value, &mut spaces, &mut body);
                if key == "query" {
                    queries.push(written);
                }
            }
            body.push('}');
        }
        body.push(']');

        let oracle: Vec<Value> = serde_json::from_str(&body).unwrap();
        let wrong = oracle.iter().position(|entry| {
            let query = &entry["query"];
            let model = query.get("model");
            !query.is_object() || model.is_some_and(|model| !model.is_string())
        });
        let entries = match (read(&body), wrong) {
            (Err(error), Some(wrong)) => {
                prop_assert_eq!(error.entry, Some(wrong));
                return Ok(());
            }
            (entries, _) => entries.unwrap(),
        };
        prop_assert_eq!(wrong, None);
        prop_assert_eq!(entries.len(), oracle.len());
        for ((entry, oracle), query) in entries.iter().zip(&oracle).zip(&queries) {
            prop_assert_eq!(&entry.query, &body.as_bytes()[query.clone()]);
            prop_assert_eq!(&*entry.provider, oracle["provider"].as_str().unwrap());
            prop_assert_eq!(&*entry.endpoint, oracle["endpoint"].as_str().unwrap().trim_start_matches('/'));
            prop_assert_eq!(entry.model.as_deref(), oracle["query"].get("model").and_then(Value::as_str));
            prop_assert_eq!(entry.stream, oracle["query"]["stream"] == json!(true));
        }
    }

    #[test]
    fn no_body_panics(
        parts in prop::collection::vec(prop::sample::select(vec![
            "[", "]", "{", "}", ",", ":", " ", "1", "null", "\"", "\\", "\"x\"", "\u{e9}",
            "\"provider\":\"grok\"", "\"endpoint\":\"a\"", "\"headers\":{\"x-a\":\"", "\"query\":{\"model\":\"m\"",
            "\"config\":{\"maxAttempts\":", "{\"provider\":\"p\",\"endpoint\":\"e\"", "},",
        ]), 0..16),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = parts.concat().into_bytes();
        let _ = parse(&Bytes::from(whole[..cut.index(whole.len() + 1)].to_vec()));
        let _ = parse(&Bytes::from(whole));
    }

    #[test]
    fn no_bytes_panic(body in any::<Vec<u8>>()) {
        let _ = parse(&Bytes::from(body));
    }
}
