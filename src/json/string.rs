//! JSON strings: decoding with positions, and writing.

use std::borrow::Cow;

use super::words::{has_escape, is_plain};

/// The decoded characters of the inside of a JSON string, each with its end offset in `raw`.
///
/// Ends early at a malformed escape or invalid UTF-8; check [`Decoder::is_done`].
pub(crate) struct Decoder<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(raw: &'a [u8]) -> Self {
        Self { raw, at: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at == self.raw.len()
    }

    fn escape(&self) -> Option<(char, usize)> {
        let rest = self.raw.get(self.at + 1..)?;
        let plain = match rest.first()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(rest),
            _ => return None,
        };
        Some((plain, self.at + 2))
    }

    fn unicode_escape(&self, rest: &[u8]) -> Option<(char, usize)> {
        let unit = hex4(rest.get(1..5)?)?;
        if let Some(character) = char::from_u32(unit) {
            return Some((character, self.at + 6));
        }
        let low = rest.get(5..11).filter(|low| low.starts_with(b"\\u"))?;
        let low = hex4(&low[2..])?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        let high = unit.checked_sub(0xD800).filter(|high| *high < 0x400)?;
        Some((char::from_u32(0x10000 + (high << 10) + low)?, self.at + 12))
    }

    fn plain(&self) -> Option<(char, usize)> {
        let rest = &self.raw[self.at..];
        let width = match *rest.first()? {
            byte if byte < 0x20 => return None,
            byte if byte < 0x80 => return Some((char::from(byte), self.at + 1)),
            byte => byte.leading_ones() as usize,
        };
        let character = str::from_utf8(rest.get(..width)?).ok()?.chars().next()?;
        Some((character, self.at + width))
    }
}

impl Iterator for Decoder<'_> {
    type Item = (char, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (character, end) =
            if self.raw.get(self.at)? == &b'\\' { self.escape()? } else { self.plain()? };
        self.at = end;
        Some((character, end))
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

/// Decodes the inside of a JSON string; `None` if it is malformed.
pub(crate) fn decode(raw: &[u8]) -> Option<String> {
    decoded(raw).map(Cow::into_owned)
}

/// Like [`decode`], without a copy if there are no escapes.
pub(crate) fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    if is_plain(raw) {
        return str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let mut decoder = Decoder::new(raw);
    let text = decoder.by_ref().map(|(character, _)| character).collect();
    decoder.is_done().then_some(Cow::Owned(text))
}

/// The text of the inside of a JSON string, in the same memory if it has no escapes.
pub(crate) fn into_text(raw: Vec<u8>) -> Option<String> {
    if is_plain(&raw) { String::from_utf8(raw).ok() } else { decode(&raw) }
}

/// Returns true if the inside of a JSON string decodes to `plain`.
pub(crate) fn reads(raw: &[u8], plain: &str) -> bool {
    if !has_escape(raw) {
        return raw == plain.as_bytes();
    }
    let mut decoder = Decoder::new(raw);
    let equal = decoder.by_ref().map(|(character, _)| character).eq(plain.chars());
    equal && decoder.is_done()
}

/// Appends `text` as a JSON string, including quotes.
pub(crate) fn write(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' || control == '\u{7f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            // Harmless in JSON, but not when embedded in a page.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decoding_gives_characters_and_their_end_offsets() {
        let decoded: Vec<_> = Decoder::new(br"a\/\u002f\ud83d\ude00").collect();
        assert_eq!(decoded, [('a', 1), ('/', 3), ('/', 9), ('\u{1f600}', 21)]);
    }

    #[test]
    fn malformed_strings_do_not_decode() {
        for raw in [
            &br"\x"[..],
            br"\u12",
            br"\ud800",
            br"\ud800\u0041",
            br"\udc00",
            b"\\",
            b"\xff",
            b"\xe2\x82",
            b"\n",
        ] {
            assert_eq!(decode(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn escaped_spellings_read_the_same() {
        assert!(reads(b"model", "model"));
        assert!(reads(br"mod\u0065l", "model"));
        assert!(reads(br"\u006dodel", "model"));
        assert!(!reads(br"mod\u0065ls", "model"));
        assert!(!reads(br"mod\u0065l\", "model"));
        assert!(!reads(b"mode", "model"));
    }

    proptest! {
        #[test]
        fn strings_written_by_serde_json_are_decoded(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decode(&json.as_bytes()[1..json.len() - 1]), Some(text));
        }

        #[test]
        fn written_strings_are_read_by_serde_json(text in any::<String>()) {
            let mut json = String::new();
            write(&text, &mut json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn no_bytes_panic(raw in any::<Vec<u8>>()) {
            let _ = decode(&raw);
            let _ = reads(&raw, "model");
        }
    }
}
