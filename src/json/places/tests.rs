//! Models are found where a request may name them, and nowhere else.

use super::*;
use crate::json::object::ObjectScanner;
use proptest::prelude::*;

fn read(body: &str, length: usize) -> Result<bool, PlaceError> {
    let mut places = Places::default();
    let allows = |name: &str, _| name.starts_with("ok");
    for chunk in body.as_bytes().chunks(length) {
        places.push(chunk, Passed::default(), &allows)?;
    }
    Ok(places.has_names())
}

/// The same beside the scanner of the body, as in a request; `None` if that refuses the body.
fn read_beside(body: &str, length: usize) -> Option<Result<bool, PlaceError>> {
    let (mut scanner, mut places) = (ObjectScanner::new(), Places::default());
    let allows = |name: &str, _| name.starts_with("ok");
    for chunk in body.as_bytes().chunks(length) {
        let passed = scanner.pass(chunk).ok()?;
        if let Err(error) = places.push(chunk, passed, &allows) {
            return Some(Err(error));
        }
    }
    Some(Ok(places.has_names()))
}

#[test]
fn models_are_found_in_all_places() {
    for body in [
        r#"{"models":["ok","no"]}"#,
        r#"{"models":"no"}"#,
        r#"{"Models":["no"]}"#,
        r#"{"m\u006fdels":["no"]}"#,
        r#"{"fallbacks":[{"model":"no"}]}"#,
        r#"{"fallbacks":"default"}"#,
        r#"{"fallbacks":["no"]}"#,
        r#"{"session":{"audio":{"input":{"transcription":{"model":"no"}}}}}"#,
        r#"{"plugins":[{"id":"ok","model":"no"}]}"#,
        r#"{"tools":[{"type":"x","parameters":{"model":"no"}}]}"#,
        r#"{"data_source":{"model":"no"}}"#,
        r#"{"generationConfig":{"routingConfig":{"manualMode":{"modelName":"no"}}}}"#,
        r#"{"requests":[{"params":{"messages":[],"model":"no"}}]}"#,
        r#"{"model":{"id":"no"}, "a":{"model":{"id":"no"}}}"#,
        r#"{"a":{"MODEL-ID":"no"}}"#,
        r#"{"a":{"answering_model":"no"}}"#,
        r#"{"a":{"b":{"azureDeployment":"no"}}}"#,
        r#"{"input":{"model":"no"}}"#,
        r#"{"messages":{"a":[{"model":"no"}]}}"#,
        r#"{"preset":"no"}"#,
        r#"{"agent":"no"}"#,
        r#"{"a":[[[{"b":[{"model":"no"}]}]]]}"#,
    ] {
        for length in [1, 3, body.len()] {
            let read = read(body, length);
            assert!(matches!(read, Err(PlaceError::Forbidden(_))), "{body}: {read:?}");
        }
    }
}

#[test]
fn texts_for_a_model_name_no_model() {
    for (body, has_names) in [
        (r#"{"model":"top","messages":[{"content":"{\"model\":\"no\"}","model":"no"}]}"#, false),
        (r#"{"metadata":{"model":"no"},"input":[{"model":"no"}]}"#, false),
        (
            r#"{"tools":[{"function":{"parameters":{"properties":{"model":{"type":"string","default":"no"}},"required":["model"]}}}]}"#,
            false,
        ),
        (r#"{"text":{"format":{"schema":{"model":"no"}}},"stop":["models"]}"#, false),
        (r#"{"models":null,"fallbacks":[],"n":1.5e3,"plugins":[{"engine":"exa"}]}"#, false),
        (r#"{"models":["ok"],"route":"fallback"}"#, true),
        (r#"{"a":{"model":"ok-1"}, "b" : [true,null,{}] }"#, false),
        (r#"{"fallbacks":["ok"]}"#, false),
        ("\u{feff} {}", false),
    ] {
        for length in [1, 3, body.len()] {
            assert_eq!(read(body, length), Ok(has_names), "{body}");
        }
    }
}

#[test]
fn a_model_at_the_wrong_place_does_not_count_in_any_split() {
    let read = |place, body: &str, length| {
        let mut places = Places::needing(Some(place));
        let mut chunks = body.as_bytes().chunks(length);
        let pushed =
            chunks.try_for_each(|chunk| places.push(chunk, Passed::default(), &|_, _| true));
        pushed.is_ok() && places.has_names()
    };
    let deep = Place::At(&["data_source", "model"]);
    for (place, body, is_good) in [
        (Place::Setup, r#"{"a":{"model":"x"},"model":"y"}"#, true),
        (Place::Setup, r#"{"a":{"model":"x"}}"#, false),
        (Place::Session, r#"{"a":[{"session":1}],"session":{"a":{},"model":"x"}}"#, true),
        (Place::Session, r#"{"session":{"a":{"model":"x"}}}"#, false),
        (Place::Session, r#"{"a":{"session":{"model":"x"}}}"#, false),
        (Place::Session, r#"{"session":{"a":[{"prompt":{}}],"model":"x"}}"#, true),
        (Place::Session, r#"{"session":{"prompt":{},"model":"x"}}"#, false),
        (Place::Session, r#"{"session":{"type":"transcripti\u006fn","model":"x"}}"#, false),
        (Place::Session, r#"{"session":{"type":"transcription","model":"x"}}"#, false),
        (Place::Requests, r#"{"requests":[{"params":{"model":"x"}},{"params":{}}]}"#, false),
        (Place::Requests, r#"{"requests":[[{"params":{"model":"x"}}]]}"#, false),
        (Place::Requests, r#"{"requests":[{"a":[{}],"params":{"model":"x"}}]}"#, true),
        (Place::Requests, r#"{"requests":[]}"#, false),
        (deep, r#"{"data_source":{"model":"x"}}"#, true),
        (deep, r#"{"dataSource":{"model":"x"}}"#, false),
        (deep, r#"{"data_source":{"model":["x"]}}"#, false),
        (deep, r#"{"data_source":{"model":"x"},"data_source":{"model":"x"}}"#, false),
    ] {
        for length in [1, 3, body.len()] {
            assert_eq!(read(place, body, length), is_good, "{body} by {length}");
        }
    }
}

#[test]
fn unreadable_bodies_are_errors() {
    for body in [
        r#"{"a":[}"#,
        r#"{"a":[1,2}"#,
        r#"{'a':1}"#,
        "{} {}",
        "[]",
        r#"{"a":{]}"#,
        &format!("{{\"a\":{}", "[".repeat(200)),
    ] {
        assert_eq!(read(body, 2), Err(PlaceError::Malformed), "{body}");
    }
    assert_eq!(read(r#"{"route":"fallback"}"#, 4), Err(PlaceError::Unreadable("route")));
    assert_eq!(read(r#"{"agent":{"id":"ok"}}"#, 4), Err(PlaceError::Unreadable("agent")));
    let long = format!(r#"{{"models":["{}"]}}"#, "ok".repeat(600));
    assert_eq!(read(&long, 7), Err(PlaceError::Unreadable("models")));
}

proptest! {
    #[test]
    fn all_splits_agree(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"model\"", "\"models\"", "\"ok\"", "\"no\"", "1",
            "\"messages\"", " ", "\"a\\\"\"", "{\"model\":", "\"\\u006dodel\"", "null",
        ]), 0..14),
        length in 1_usize..5,
    ) {
        let body = format!("{{{}", parts.concat());
        prop_assert_eq!(read(&body, length), read(&body, body.len()));
    }

    #[test]
    fn what_another_reader_has_passed_hides_nothing(
        members in prop::collection::vec(prop::sample::select(vec![
            r#""messages":[{"content":"a]}"","model":"no"}]"#, r#""messages":{"a":[{"model":"no"}]}"#,
            r#""metadata":{"model":"no","a":[[]]}"#, r#""models":["ok",{"model":"ok"}]"#,
            r#""models":["no"]"#, r#""a":{"schema":{"b":"}"},"input":[["x"]],"c":{"models":"ok"}}"#,
            r#""input":[]"#, r#""b":[1,{"fallback":"no"}]"#, r#""n":1"#, r#""content":[["#,
        ]), 1..5),
        length in 1_usize..120,
    ) {
        let body = format!("{{{}}}", members.join(","));
        if let Some(beside) = read_beside(&body, length) {
            prop_assert_eq!(beside, read(&body, length));
        }
    }
}
