//! The model at the top of an object is found in any split, and nothing ambiguous passes.

use proptest::prelude::*;

use super::*;
use crate::json::string;

/// The result of one push of `body`: the model as text, `stream`, or the error.
fn scan(body: &[u8]) -> Result<(Option<String>, bool), ScanError> {
    scan_chunks([body])
}

fn scan_chunks<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Option<String>, bool), ScanError> {
    let mut scanner = ObjectScanner::new();
    for chunk in chunks {
        scanner.push(chunk)?;
    }
    scanner.finish()?;
    Ok((scanner.model().and_then(|model| string::decode(&model.raw)), scanner.stream()))
}

fn model(name: &str) -> Result<(Option<String>, bool), ScanError> {
    Ok((Some(name.to_owned()), false))
}

#[test]
fn the_top_level_model_is_found_at_any_position() {
    assert_eq!(scan(br#"{"model":"grok/grok-4"}"#), model("grok/grok-4"));
    assert_eq!(scan(br#" { "a" : [1,{"model":"x"}] , "model" : "m" } "#), model("m"));
    assert_eq!(scan(br#"{"a":"\"model\":\"x\"","model":"m"}"#), model("m"));
    assert_eq!(scan(br#"{"a":"\\","model":"m"}"#), model("m"));
    assert_eq!(scan(br#"{"mod\u0065l":"m\/n"}"#), model("m/n"));
    assert_eq!(scan(b"\xEF\xBB\xBF{\"model\":\"m\"}"), model("m"));
    assert_eq!(scan(br#"{"n":-1.5e+3,"t":true,"z":null,"model":"m"}"#), model("m"));
    assert_eq!(scan(b"{}"), Ok((None, false)));
    assert_eq!(scan(br#"{"stream" : true,"model":"m"}"#), Ok((Some("m".into()), true)));
    assert_eq!(scan(br#"{"a":{"stream":true},"model":"m"}"#), model("m"));
}

#[test]
fn the_offset_is_that_of_the_first_byte_inside_the_quotes() {
    let mut scanner = ObjectScanner::new();
    scanner.push(br#"{"a":1,"#).unwrap();
    scanner.push(br#""model": "gr"#).unwrap();
    assert_eq!(scanner.model(), None, "the string is still open");
    scanner.push(br#"ok-4","b":2"#).unwrap();
    assert_eq!(scanner.model(), Some(&ModelString { raw: b"grok-4".to_vec(), offset: 17 }));
    assert_eq!(scanner.finish(), Err(ScanError::Truncated));
}

#[test]
fn ambiguous_bodies_are_errors() {
    use ScanError::*;
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(LONGEST_MODEL + 1));
    for (body, error) in [
        (&br#"{"model":"a","model":"b"}"#[..], DuplicateModel),
        (br#"{"model":"a","mod\u0065l":"b"}"#, DuplicateModel),
        (br#"{"model":null,"model":"b"}"#, ModelIsNotAString),
        (br#"{"model":{"a":1}}"#, ModelIsNotAString),
        (br#"[{"model":"a"}]"#, NotAnObject),
        (br#""model""#, NotAnObject),
        (b"\xEF{}", NotAnObject),
        (b"", NotAnObject),
        (b"  ", NotAnObject),
        (br#"{"model":"a"}{"model":"b"}"#, Malformed),
        (br#"{"model":"a"},"#, Malformed),
        (br#"{"model" "a"}"#, Malformed),
        (br#"{'model':"a"}"#, Malformed),
        (br#"{"a":1,}"#, Malformed),
        (br#"{,"a":1}"#, Malformed),
        (br#"{"a":1 "model":"m"}"#, Malformed),
        (br#"{/* */"model":"m"}"#, Malformed),
        (br#"{"model":"a""#, Truncated),
        (br#"{"model":"a"#, Truncated),
        (long.as_bytes(), ModelTooLong),
    ] {
        assert_eq!(scan(body), Err(error), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_costs_no_stack_and_no_memory() {
    let deep = [br#"{"a":"#.as_slice(), &b"[".repeat(1 << 20), &b"]".repeat(1 << 20)].concat();
    let body = [&deep[..], br#","model":"m"}"#].concat();
    assert_eq!(scan(&body), model("m"));
}

/// JSON objects with nesting, escapes and keys similar to `model`.
fn objects() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let text = prop_oneof![
        any::<String>(),
        Just("model".to_owned()),
        Just("\"model\":\"x\"\\".to_owned()),
        Just("stream".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 32, 5, move |inner| {
        let members = prop::collection::vec((text.clone(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::vec((any::<String>(), value), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn agrees_with_serde_json_in_any_split(
        object in objects(),
        name in prop::option::of(any::<String>()),
        pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut object = object;
        let members = object.as_object_mut().unwrap();
        members.remove("model");
        if let Some(name) = &name {
            members.insert("model".to_owned(), name.clone().into());
        }
        let stream = members.get("stream") == Some(&true.into());
        let body = if pretty { serde_json::to_vec_pretty(&object) } else { serde_json::to_vec(&object) };
        let body = body.unwrap();
        let too_long = name.as_ref().is_some_and(|name| name.len() > 100);
        prop_assume!(!too_long);

        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
        prop_assert_eq!(scan_chunks(chunks), Ok((name.clone(), stream)));
        prop_assert_eq!(scan(&body), Ok((name, stream)));
    }

    #[test]
    fn no_bytes_panic_and_all_splits_agree(
        body in prop::collection::vec(prop::sample::select(&br#"{}[]",:\u0065model tn1"#[..]), 0..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let (head, tail) = body.split_at(cut.index(body.len() + 1));
        prop_assert_eq!(scan(&body), scan_chunks([head, tail]));
    }
}
