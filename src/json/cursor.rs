//! A cursor over a JSON text in memory.

use super::number::is_number;
use super::quote::find_quote;
use super::{is_scalar, is_space, string};

/// The maximum nesting of arrays and objects, including the outermost: one bit of `Open::objects`
/// each.
const DEEPEST: u32 = u128::BITS;

/// Moves from one value to the next. `None` means malformed or truncated.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(json: &'a [u8]) -> Self {
        Self { rest: json }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_at_object(&self) -> bool {
        self.rest.first() == Some(&b'{')
    }

    pub(crate) fn is_at_array(&self) -> bool {
        self.rest.first() == Some(&b'[')
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.spaces();
        self.rest.first().copied()
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Skips `byte` if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    /// Returns whether another item follows in an array or object. Skips the end, or the comma
    /// before an item that is not the `first`. `None` if neither is there.
    pub(crate) fn more(&mut self, close: u8, first: bool) -> Option<bool> {
        if self.take(close) {
            return Some(false);
        }
        (first || self.take(b',')).then_some(true)
    }

    /// Skips a key and its colon. Returns the inside of the key as written.
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let key = self.string()?;
        self.take(b':').then_some(key)
    }

    /// Calls `each` at every element of an array; `each` must skip it.
    pub(crate) fn elements(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.items([b'[', b']'], each)
    }

    /// The same for elements that are objects; others are skipped.
    pub(crate) fn objects(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.elements(|element| if element.is_at_object() { each(element) } else { element.skip() })
    }

    /// Calls `each` with the inside of every key of an object; `each` must skip the value.
    pub(crate) fn members(
        &mut self,
        mut each: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.items([b'{', b'}'], |cursor| {
            let key = cursor.string()?;
            cursor.spaces();
            cursor.punctuation(b':')?;
            each(key, cursor)
        })
    }

    #[inline(always)]
    fn items(
        &mut self,
        [open, close]: [u8; 2],
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.punctuation(open)?;
        if *self.rest.first()? == close {
            self.rest = &self.rest[1..];
            return Some(());
        }
        loop {
            each(self)?;
            self.spaces();
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match *byte {
                b',' => self.spaces(),
                byte => return (byte == close).then_some(()),
            }
        }
    }

    /// Reads a non-negative integer, or the maximum if it is too large. Skips any other value.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Option<Option<u64>> {
        let (mut number, mut rest) = (0_u64, self.rest);
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            rest = after;
        }
        let next = *rest.first()?;
        // The usual ends first.
        if rest.len() == self.rest.len() || !matches!(next, b',' | b'}') && is_scalar(next) {
            return self.no_number();
        }
        self.rest = rest;
        Some(Some(number))
    }

    #[cold]
    fn no_number(&mut self) -> Option<Option<u64>> {
        self.skip().map(|()| None)
    }

    /// Skips a value and returns it as written.
    pub(crate) fn raw(&mut self) -> Option<&'a [u8]> {
        let before = self.rest;
        self.skip()?;
        Some(&before[..before.len() - self.rest.len()])
    }

    /// Skips a value; in nested ones it only counts brackets.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.nested(),
            _ => {
                let length = self.rest.iter().position(|byte| !is_scalar(*byte))?;
                self.rest = &self.rest[length..];
                (length > 0).then_some(())
            }
        }
    }

    /// Skips a string and returns its inside.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a [u8]> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let length = find_quote(inside)?;
        self.rest = &inside[length + 1..];
        Some(&inside[..length])
    }

    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.rest = &self.rest[1..];
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Skips this byte and the spaces after it.
    fn punctuation(&mut self, expected: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[expected])?;
        self.spaces();
        Some(())
    }

    /// Skips spaces; usually there are none.
    #[inline(always)]
    fn spaces(&mut self) {
        while let [byte, rest @ ..] = self.rest
            && is_space(*byte)
        {
            self.rest = rest;
        }
    }

    /// Skips `true`, `false`, `null` or a number.
    fn word(&mut self) -> Option<()> {
        let length = self.rest.iter().take_while(|byte| is_scalar(**byte)).count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        (matches!(word, b"true" | b"false" | b"null") || is_number(word)).then_some(())
    }

    /// Skips a value that is valid JSON (RFC 8259), except that the insides of strings are not
    /// checked: all readers agree on where a string ends. Returns it without surrounding white
    /// space.
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let before = self.rest;
        let mut open = Open::default();
        loop {
            let byte = self.peek()?;
            let mut first = matches!(byte, b'{' | b'[');
            match byte {
                b'{' | b'[' => {
                    open.push(byte == b'{')?;
                    self.rest = &self.rest[1..];
                }
                b'"' => self.string().map(|_| ())?,
                _ => self.word()?,
            }
            // Continue to the next value, past the end of all values before it.
            loop {
                let Some(close) = open.close() else {
                    return Some(&before[..before.len() - self.rest.len()]);
                };
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

/// The open brackets; the innermost is the lowest bit.
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

    /// The closing bracket of the innermost.
    fn close(&self) -> Option<u8> {
        let close = if self.objects & 1 == 1 { b'}' } else { b']' };
        (self.depth > 0).then_some(close)
    }
}

/// The members of an object that a cursor has validated: keys without quotes, and values, as
/// written. `None` for any other value.
pub(crate) fn members(value: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut members = Vec::new();
    Cursor::new(value).members(|key, value| {
        members.push((key, value.raw()?));
        Some(())
    })?;
    Some(members)
}

/// The text of a string that a cursor has validated. `None` for any other value.
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

    /// The first value of `json`.
    fn first(json: &str) -> Option<&str> {
        Cursor::new(json.as_bytes()).value().map(|value| str::from_utf8(value).unwrap())
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
    fn members_are_given_as_they_are_written() {
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

        /// The same for values with one byte missing.
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
            let _ = members(&json);
            let _ = text(&json);
        }
    }
}
