//! Tests of the cursor.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e3..1e3).prop_map(Value::from),
        "[a-z{}:,]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let members = prop::collection::vec(("[a-z\\]]{0,2}", inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The first value of `json`.
fn first(json: &str) -> Option<&str> {
    Cursor::new(json.as_bytes()).value().map(|value| str::from_utf8(value).unwrap())
}

#[test]
fn values_are_returned_as_written() {
    for (json, value) in [
        (" {} ,", "{}"),
        ("\t[ ]]", "[ ]"),
        ("{\"a\" : [1, {\"b\":\"}\"}],\"c\":null}}", "{\"a\" : [1, {\"b\":\"}\"}],\"c\":null}"),
        ("\"a\\\"b\" ", "\"a\\\"b\""),
        ("-1.5e+3,", "-1.5e+3"),
        ("true]", "true"),
        ("null", "null"),
        ("[[],[[]],{\"\":{}}]", "[[],[[]],{\"\":{}}]"),
    ] {
        assert_eq!(first(json), Some(value), "{json}");
    }
}

#[test]
fn malformed_values_are_refused() {
    for json in [
        "",
        " ",
        ",",
        "]",
        "}",
        ":",
        "{",
        "[",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "\"a",
        "\"a\\\"",
        "truE",
        "nul",
        "01",
        "1.",
        "+1",
        "[1}",
        "{\"a\":[}]",
        "NaN",
    ] {
        assert_eq!(first(json), None, "{json}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(first(&nested(128)).is_some());
    assert!(first(&nested(129)).is_none());
    assert!(first(&"[".repeat(1_000_000)).is_none());
    let objects = |depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(first(&objects(128)).is_some());
    assert!(first(&objects(129)).is_none());
}

#[test]
fn members_come_in_order() {
    let of = |json: &'static str| -> Option<Vec<_>> {
        let text = |raw| str::from_utf8(raw).unwrap();
        let members = members(json.as_bytes())?.into_iter();
        Some(members.map(|(key, value)| (text(key), text(value))).collect())
    };
    assert_eq!(of("{ }"), Some(vec![]));
    let json = "{\"b\": 1 ,\"a\\n\":{\"c\":[]},\"b\":\"x\"}";
    assert_eq!(of(json), Some(vec![("b", "1"), ("a\\n", "{\"c\":[]}"), ("b", "\"x\"")]));
    assert_eq!(of("[]"), None);
    assert_eq!(text(b"\"a\\u0062\""), Some("ab".to_owned()));
    assert_eq!(text(b"1"), None);
}

fn read(json: &str) -> Option<Vec<(String, String)>> {
    let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
    let mut all = Vec::new();
    let mut cursor = Cursor::new(json.as_bytes());
    cursor.members(|key, cursor| {
        all.push((text(key), text(cursor.raw()?)));
        Some(())
    })?;
    cursor.rest().is_empty().then_some(all)
}

fn number(json: &str) -> Option<u64> {
    let json = format!("{json},");
    let mut cursor = Cursor::new(json.as_bytes());
    let number = cursor.number().unwrap();
    assert_eq!(cursor.rest(), b",", "{json}");
    number
}

#[test]
fn members_are_returned_as_written() {
    let json = r#"{ "a" : 1 ,"b\"":"x}\\","c":{"d":[{"]":2}]} , "e":null}"#;
    let expected =
        [("a", "1"), (r#"b\""#, r#""x}\\""#), ("c", r#"{"d":[{"]":2}]}"#), ("e", "null")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(read(json), Some(expected.to_vec()));
    assert_eq!(read("{ }"), Some(vec![]));
}

#[test]
fn malformed_objects_are_refused() {
    for json in [
        "",
        "[]",
        "{",
        "{}x",
        "{a:1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 2}"#,
        r#"{"a":"x}"#,
        r#"{"a":[}"#,
        r#"{"a":1}}"#,
        r#"{"a\":1}"#,
        r#"{1:1}"#,
    ] {
        assert_eq!(read(json), None, "{json}");
    }
}

#[test]
fn numbers_saturate_and_are_whole() {
    assert_eq!(number("007"), Some(7));
    assert_eq!(number("18446744073709551615"), Some(u64::MAX));
    assert_eq!(number("18446744073709551616"), Some(u64::MAX));
    assert_eq!(number(&"9".repeat(999)), Some(u64::MAX));
    for other in ["-1", "1.0", "1e3", "null", "\"1\"", "{\"a\":1}", "[]"] {
        assert_eq!(number(other), None, "{other}");
    }
    for cut in ["", "1", "-", ",", "\"1"] {
        assert_eq!(Cursor::new(cut.as_bytes()).number(), None, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Without escapes: the insides of strings are not checked.
    #[test]
    fn the_grammar_is_that_of_serde_json(json in r#"([{}\[\],: "]|"a":|1|true|\[\]|null,){0,12}"#) {
        let mut cursor = Cursor::new(json.as_bytes());
        let is_whole = cursor.value().is_some() && cursor.is_at_end();
        prop_assert_eq!(is_whole, serde_json::from_str::<Value>(&json).is_ok());
    }

    /// Like the test above, for values with one byte missing.
    #[test]
    fn a_value_with_a_byte_missing_is_read_as_by_serde_json(value in value(), lost in any::<prop::sample::Index>()) {
        let whole = value.to_string();
        prop_assert_eq!(first(&whole), Some(&*whole));
        let mut json = whole;
        json.remove(lost.index(json.len()));
        let mut cursor = Cursor::new(json.as_bytes());
        let is_whole = cursor.value().is_some() && cursor.is_at_end();
        prop_assert_eq!(is_whole, serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
    }

    #[test]
    fn no_bytes_panic(json in prop::collection::vec(prop::sample::select(&br#"{}[]",:\u1-e.tfn "#[..]), 0..40)) {
        let _ = Cursor::new(&json).value();
        let _ = members(&json);
        let _ = text(&json);
    }
}
