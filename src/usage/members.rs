//! The members of a whole JSON object in memory, read in one pass.

use crate::json::is_scalar;
use crate::json::quote::find_quote;

/// Reads on from one value to the next. `None` says: malformed, or not all there.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { rest: json }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_object(&self) -> bool {
        self.rest.first() == Some(&b'{')
    }

    pub(super) fn is_at_array(&self) -> bool {
        self.rest.first() == Some(&b'[')
    }

    /// Passes over a value and gives it as it is written.
    pub(super) fn raw(&mut self) -> Option<&'a [u8]> {
        let before = self.rest;
        self.skip()?;
        Some(&before[..before.len() - self.rest.len()])
    }

    /// Calls `each` at every element of an array; it must pass over it.
    pub(super) fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.punctuation(b'[')?;
        if self.rest.first()? == &b']' {
            self.rest = &self.rest[1..];
            return Some(());
        }
        loop {
            each(self)?;
            self.spaces();
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b',' => self.spaces(),
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Tells `each` the inside of every key of an object; it must pass over the value.
    pub(super) fn members(
        &mut self,
        mut each: impl FnMut(&'a [u8], &mut Self) -> Option<()>,
    ) -> Option<()> {
        self.punctuation(b'{')?;
        if self.rest.first()? == &b'}' {
            self.rest = &self.rest[1..];
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.spaces();
            self.punctuation(b':')?;
            each(key, self)?;
            self.spaces();
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b',' => self.spaces(),
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Passes over a number, if it is a whole one of at least 0: the largest there is where it is
    /// larger. Passes over anything else, too.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<Option<u64>> {
        let (mut number, mut length) = (0_u64, 0);
        while let Some(digit @ b'0'..=b'9') = self.rest.get(length) {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            length += 1;
        }
        if length == 0 || is_scalar(*self.rest.get(length)?) {
            return self.no_number();
        }
        self.rest = &self.rest[length..];
        Some(Some(number))
    }

    #[cold]
    fn no_number(&mut self) -> Option<Option<u64>> {
        self.skip().map(|()| None)
    }

    /// Passes over a value; nested ones are only measured.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.nested()?,
            _ => {
                let length = self.rest.iter().position(|byte| !is_scalar(*byte))?;
                self.rest = &self.rest[length..];
                return (length > 0).then_some(());
            }
        }
        Some(())
    }

    /// The inside of a string.
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

    /// Passes over this byte and the spaces behind it.
    fn punctuation(&mut self, expected: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[expected])?;
        self.spaces();
        Some(())
    }

    /// Passes over the spaces that come next: mostly there are none.
    #[inline(always)]
    fn spaces(&mut self) {
        if self.rest.first().is_some_and(|byte| *byte <= b' ') {
            self.rest = self.rest.trim_ascii_start();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Vec<(String, String)>> {
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        let mut all = Vec::new();
        let mut cursor = Cursor::new(json.as_bytes());
        cursor.members(|key, cursor| {
            let before = cursor.rest();
            cursor.skip()?;
            all.push((text(key), text(&before[..before.len() - cursor.rest().len()])));
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
    fn members_are_told_raw() {
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
}
