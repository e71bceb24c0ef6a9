//! Properties of any body, with serde_json as the oracle.

use std::ops::Range;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

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

fn entry() -> impl Strategy<Value = Told> {
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

/// Writes a value like `serde_json`, with white space between its tokens.
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

/// The range of the written value, without surrounding white space.
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
        all in prop::collection::vec(entry(), 1..4),
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
        let _ = parse(&Bytes::from(whole[..cut.index(whole.len() + 1)].to_vec()), &Locks::none());
        let _ = parse(&Bytes::from(whole), &Locks::none());
    }

    #[test]
    fn no_bytes_panic(body in any::<Vec<u8>>()) {
        let _ = parse(&Bytes::from(body), &Locks::none());
    }
}
