//! Flat JSON objects with scalars only, as in control headers.

use super::cursor::{self, Cursor};
use super::number::is_number;
use super::string;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    String(String),
    Number(f64),
    Bool(bool),
    /// `null`, an object, an array, a number beyond all bounds, or a string that is not Unicode: present,
    /// but not a scalar that a header may hold.
    Unusable,
}

/// The members of a flat JSON object in order, or `None` if it is not one.
pub(crate) fn members(json: &[u8]) -> Option<Vec<(String, Scalar)>> {
    let mut cursor = Cursor::new(json);
    let mut members = Vec::new();
    cursor.peek()?;
    cursor.members(|key, value| {
        members.push((string::decode(key)?, scalar(value.raw()?)?));
        Some(())
    })?;
    cursor.is_at_end().then_some(members)
}

fn scalar(value: &[u8]) -> Option<Scalar> {
    match value.first()? {
        b'"' => Some(cursor::text(value).map_or(Scalar::Unusable, Scalar::String)),
        b'{' | b'[' => Some(Scalar::Unusable),
        _ => str::from_utf8(value).ok().and_then(word),
    }
}

/// A scalar that is not a string.
pub(crate) fn word(word: &str) -> Option<Scalar> {
    match word {
        "true" => Some(Scalar::Bool(true)),
        "false" => Some(Scalar::Bool(false)),
        "null" => Some(Scalar::Unusable),
        number if is_number(number.as_bytes()) => {
            let number = number.parse::<f64>().ok().filter(|number| number.is_finite());
            Some(number.map_or(Scalar::Unusable, Scalar::Number))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scalars_are_read_and_the_rest_is_marked() {
        let read = members(
            br#" {"a":"x\n","b":-1.5,"c":true,"d":null,"e":{"f":["}"]},"g":0,"h":1e999,"i":"\ud83d"} "#,
        );
        let expected = [
            ("a", Scalar::String("x\n".into())),
            ("b", Scalar::Number(-1.5)),
            ("c", Scalar::Bool(true)),
            ("d", Scalar::Unusable),
            ("e", Scalar::Unusable),
            ("g", Scalar::Number(0.0)),
            ("h", Scalar::Unusable),
            ("i", Scalar::Unusable),
        ];
        assert_eq!(read, Some(expected.map(|(key, value)| (key.to_owned(), value)).to_vec()));
        assert_eq!(members(b"{}"), Some(vec![]));
    }

    #[test]
    fn malformed_objects_are_refused() {
        for json in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{a:1}",
            "{\"a\":nan}",
            "{\"a\":.5}",
            "{\"a\":\"x}",
            "{\"a\":[}",
            "\"a\"",
        ] {
            assert_eq!(members(json.as_bytes()), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(json in prop::collection::vec(prop::sample::select(&br#"{}[]",:\u1-e.tfn "#[..]), 0..40)) {
            let _ = members(&json);
        }
    }
}
