//! The scalars at the top of an object, as serde_json reads them, in any split.

use super::*;
use crate::json::object::{ObjectScanner, ScanError};
use proptest::prelude::*;
use serde_json::Value;

fn capture<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<BodyScalars, ScanError> {
    let mut scanner = ObjectScanner::capturing();
    for chunk in chunks {
        scanner.push(chunk)?;
    }
    scanner.finish()?;
    Ok(scanner.scalars().unwrap().clone())
}

fn scalars(body: &str) -> BodyScalars {
    capture([body.as_bytes()]).unwrap()
}

fn fields(fields: impl IntoIterator<Item = BodyField>) -> BodyFields {
    let mut set = BodyFields::default();
    fields.into_iter().for_each(|field| set.insert(field));
    set
}

fn text(text: &str) -> Scalar {
    Scalar::String(text.to_owned())
}

#[test]
fn the_scalars_of_the_top_level_are_kept() {
    let body = r#"{"messages":[{"user":"x","model":"y"}],"us\u0065r" : "\u00e9\n","stream":true,
        "max_tokens":-1.5e2 ,"service_tier":"priority","model":"dynamic/a","temperature":1}"#;
    let scalars = scalars(body);
    for (field, value) in [
        (BodyField::Model, text("dynamic/a")),
        (BodyField::Stream, Scalar::Bool(true)),
        (BodyField::MaxTokens, Scalar::Number(-150.0)),
        (BodyField::User, text("\u{e9}\n")),
        (BodyField::ServiceTier, text("priority")),
    ] {
        assert_eq!(scalars.get(field), Some(&value), "{field:?}");
    }
    assert_eq!(self::scalars("{}"), BodyScalars::default());
}

#[test]
fn unusable_values_are_marked() {
    let fits = "u".repeat(LONGEST);
    let read = |value: &str| {
        scalars(&format!(r#"{{"user":{value},"a":"b","stream":1}}"#)).get(BodyField::User).cloned()
    };
    assert_eq!(read(&format!("\"{fits}\"")), Some(text(&fits)));
    let long = format!("\"{fits}u\"");
    let long_number = "1".repeat(LONGEST + 1);
    for value in [
        "{}",
        r#"{"user":"x"}"#,
        r#"["x"]"#,
        r#""\x""#,
        r#""\ud800""#,
        "tru",
        "01",
        "1e999",
        &long,
        &long_number,
    ] {
        assert_eq!(read(value), Some(Scalar::Unusable), "{value}");
    }
    assert_eq!(read("null"), None);
}

#[test]
fn the_last_value_of_a_repeated_key_counts() {
    let user = |body| scalars(body).get(BodyField::User).cloned();
    assert_eq!(user(r#"{"user":"a","user":"b"}"#), Some(text("b")));
    assert_eq!(user(r#"{"user":"a","user":7}"#), Some(Scalar::Number(7.0)));
    assert_eq!(user(r#"{"user":["a"],"us\u0065r":"b"}"#), Some(text("b")));
    assert_eq!(user(r#"{"user":"a","user":null}"#), None);
    let twice = br#"{"model":"a","model":"b"}"#;
    assert_eq!(capture([&twice[..]]), Err(ScanError::DuplicateModel));
}

#[test]
fn the_scanner_knows_when_nothing_more_must_be_read() {
    use BodyField::{MaxTokens, ServiceTier, Stream, User};
    let mut scanner = ObjectScanner::capturing();
    let wanted = fields([User, MaxTokens]);
    for (part, known) in [
        (r#"{"model":"m","us"#, false),
        (r#"er":"#, false),
        (r#""a"#, false),
        (r#"","max_tokens":1"#, false),
        ("2", false),
        (",", true),
    ] {
        scanner.push(part.as_bytes()).unwrap();
        assert_eq!(scanner.knows(wanted), known, "{part}");
    }
    assert!(scanner.knows(BodyFields::default()));
    assert!(!scanner.knows(fields([Stream])));
    scanner.push(br#""stream":{"#).unwrap();
    assert!(scanner.knows(fields([Stream])));
    assert!(!scanner.knows(fields([ServiceTier, User])));
    scanner.push(br#"}}"#).unwrap();
    assert!(scanner.knows(fields([ServiceTier, User])));
}

#[test]
fn nothing_is_captured_unless_asked_for() {
    let mut scanner = ObjectScanner::new();
    scanner.push(br#"{"user":"a"}"#).unwrap();
    assert_eq!(scanner.scalars(), None);
}

#[test]
fn fields_have_names() {
    for field in BodyField::ALL {
        assert_eq!(BodyField::named(field.name()), Some(field));
    }
    assert_eq!(BodyField::named("messages"), None);
}

/// The value according to serde_json.
fn expected(value: &Value) -> Option<Scalar> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Scalar::Bool(*flag)),
        Value::Number(number) => Some(Scalar::Number(number.as_f64().unwrap())),
        Value::String(text) => {
            let raw = serde_json::to_string(text).unwrap();
            let fits = raw.len() - 2 <= LONGEST;
            Some(if fits { Scalar::String(text.clone()) } else { Scalar::Unusable })
        }
        Value::Array(_) | Value::Object(_) => Some(Scalar::Unusable),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST])
            .prop_map(|length| "u".repeat(length).into()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let members = prop::collection::vec((keys(), inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    const NAMES: &[&str] =
        &["stream", "max_tokens", "user", "service_tier", "stream_options", "users", ""];
    prop_oneof![
        4 => prop::sample::select(NAMES).prop_map(str::to_owned),
        1 => any::<String>().prop_filter("a second `model` is an error", |key| key != "model"),
    ]
}

/// A key or text, with every character escaped if `escaped`.
fn spelt(text: &str, escaped: bool) -> String {
    if !escaped {
        return serde_json::to_string(text).unwrap();
    }
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

proptest! {
    #[test]
    fn agrees_with_serde_json_in_any_split(
        members in prop::collection::vec((keys(), any::<bool>(), values()), 0..8),
        model in prop::option::of(any::<String>()),
        pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        // serde_json cannot write duplicate keys.
        let value = |value: &Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let mut written: Vec<_> = members
            .iter()
            .map(|(key, escaped, member)| format!("{} : {}", spelt(key, *escaped), value(member).unwrap()))
            .collect();
        written.extend(model.map(|model| format!("\"model\":{}", spelt(&model, false))));
        let body = format!("{{{}}}", written.join(if pretty { " ,\n" } else { "," }));
        let object: Value = serde_json::from_str(&body).unwrap();

        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|ends| &body.as_bytes()[ends[0]..ends[1]]);
        let scalars = capture(chunks).unwrap();
        for field in BodyField::ALL {
            let expected = object.get(field.name()).and_then(expected);
            prop_assert_eq!(scalars.get(field), expected.as_ref(), "{:?} of {}", field, body);
        }
    }

    #[test]
    fn capturing_and_splits_change_nothing_else(
        body in prop::collection::vec(prop::sample::select(&br#"{}[]",:\u0065modelstrn t1"#[..]), 0..60),
        user in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = if user { [br#"{"user":"#, &body[..], b"}"].concat() } else { body };
        let (head, tail) = body.split_at(cut.index(body.len() + 1));
        let whole = capture([&body[..]]);
        prop_assert_eq!(&whole, &capture([head, tail]));
        let mut plain = ObjectScanner::new();
        let result = plain.push(&body).and_then(|()| plain.finish());
        prop_assert_eq!(result, whole.map(|_| ()));
    }
}
