//! A cursor over a JSON text that is all there, for what must be cut out of it unchanged.
//!
//! What it passes over is JSON as RFC 8259 has it, but for the insides of strings: where a string
//! ends all readers agree, and what is in it is for whoever reads it.

use std::ops::Range;

use super::flat::is_number;
use super::is_scalar;
use super::quote::find_quote;
use super::string;

/// Arrays and objects within one another, the outermost counted; a bit of `Open::objects` each.
const DEEPEST: u32 = u128::BITS;

pub(crate) struct Cursor<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.json.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Passes over `byte`, if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Whether another item follows in an array or object; its end is passed over, and the comma
    /// before an item that is not the `first`. `None` where neither is there.
    pub(crate) fn more(&mut self, close: u8, first: bool) -> Option<bool> {
        if self.take(close) {
            return Some(false);
        }
        (first || self.take(b',')).then_some(true)
    }

    /// A key and the colon behind it: the inside of the key as it is written.
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.string()?;
        self.take(b':').then_some(key)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        if !self.take(b'"') {
            return None;
        }
        let rest = self.json.get(self.at..)?;
        let inside = rest.get(..find_quote(rest)?)?;
        self.at += inside.len() + 1;
        Some(inside)
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Option<()> {
        let rest = self.json.get(self.at..)?;
        let length = rest.iter().take_while(|byte| is_scalar(**byte)).count();
        let word = rest.get(..length)?;
        self.at += length;
        (matches!(word, b"true" | b"false" | b"null") || is_number(word)).then_some(())
    }

    /// Passes over a whole value: where it stands, without the white space around it.
    pub(crate) fn value(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let start = self.at;
        let mut open = Open::default();
        loop {
            let mut first = true;
            match self.peek()? {
                opening @ (b'{' | b'[') => {
                    open.push(opening == b'{')?;
                    self.at += 1;
                }
                b'"' => {
                    self.string()?;
                    first = false;
                }
                _ => {
                    self.word()?;
                    first = false;
                }
            }
            // Up to where the next value begins, through all that end before it.
            loop {
                let Some(close) = open.close() else { return Some(start..self.at) };
                if self.more(close, first)? {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                open.pop();
                first = false;
            }
        }
    }
}

/// The brackets that are open, the innermost in the lowest bit.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, is_object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u128::from(is_object);
        self.depth += 1;
        (self.depth <= DEEPEST).then_some(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    /// What closes the innermost.
    fn close(&self) -> Option<u8> {
        let close = if self.objects & 1 == 1 { b'}' } else { b']' };
        (self.depth > 0).then_some(close)
    }
}

/// The members of an object that a cursor has passed over: keys without their quotes, and values,
/// both as they are written. `None` for any other value.
pub(crate) fn members(value: &[u8]) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
    let mut cursor = Cursor::new(value);
    let mut first = true;
    cursor.take(b'{').then(|| {
        std::iter::from_fn(move || {
            if !cursor.more(b'}', std::mem::take(&mut first))? {
                return None;
            }
            Some((cursor.key()?, value.get(cursor.value()?)?))
        })
    })
}

/// What a value that a cursor has passed over says, where it is a string.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    string::decode(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

#[cfg(test)]
mod tests {
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

    /// What of `json` the first value is, if there is one.
    fn first(json: &str) -> Option<&str> {
        Cursor::new(json.as_bytes()).value().map(|range| &json[range])
    }

    #[test]
    fn values_are_cut_out_as_they_are_written() {
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
    fn what_is_no_value_is_refused() {
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
    fn members_come_in_their_order() {
        let of = |json: &'static str| -> Option<Vec<_>> {
            let text = |raw| str::from_utf8(raw).unwrap();
            Some(members(json.as_bytes())?.map(|(key, value)| (text(key), text(value))).collect())
        };
        assert_eq!(of("{ }"), Some(vec![]));
        let json = "{\"b\": 1 ,\"a\\n\":{\"c\":[]},\"b\":\"x\"}";
        assert_eq!(of(json), Some(vec![("b", "1"), ("a\\n", "{\"c\":[]}"), ("b", "\"x\"")]));
        assert_eq!(of("[]"), None);
        assert_eq!(text(b"\"a\\u0062\""), Some("ab".to_owned()));
        assert_eq!(text(b"1"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Without escapes, for the insides of strings are another matter.
        #[test]
        fn the_grammar_is_that_of_serde_json(json in r#"([{}\[\],: "]|"a":|1|true|\[\]|null,){0,12}"#) {
            let mut cursor = Cursor::new(json.as_bytes());
            let is_whole = cursor.value().is_some() && cursor.is_at_end();
            prop_assert_eq!(is_whole, serde_json::from_str::<Value>(&json).is_ok());
        }

        /// And so it is for values of which one byte is missing.
        #[test]
        fn no_byte_can_be_spared(value in value(), lost in any::<prop::sample::Index>()) {
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
            let _ = members(&json).map(Iterator::count);
            let _ = text(&json);
        }
    }
}
