//! Reads the client's own `stream_options` as they pass.

use crate::json::flat;
use crate::json::nested::Nested;
use crate::json::quote::StringEnd;

/// Longer ones are left as they are.
const LONGEST: usize = 1024;

/// Reads one object, starting at its opening brace.
#[derive(Debug, Default)]
pub(crate) struct Options {
    nested: Nested,
    string: StringEnd,
    raw: Vec<u8>,
}

impl Options {
    /// Continues with these bytes. If the object closes in them, returns the index of its brace and
    /// the text to insert before it; the text is empty if the object sets the option itself or is
    /// malformed or too long.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<(usize, &'static [u8])> {
        let (end, is_over) = self.nested.pass(&mut self.string, bytes, 0);
        let room = (LONGEST + 1).saturating_sub(self.raw.len());
        self.raw.extend_from_slice(&bytes[..end.min(room)]);
        is_over.then(|| (end.saturating_sub(1), self.missing()))
    }

    fn missing(&self) -> &'static [u8] {
        let members = match self.raw.len() {
            0..=LONGEST => flat::members(&self.raw),
            _ => None,
        };
        match members.as_deref() {
            None => b"",
            Some([]) => br#""include_usage":true"#,
            Some(members) if members.iter().any(|(key, _)| key == "include_usage") => b"",
            Some(_) => br#","include_usage":true"#,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_text_is_returned_at_the_closing_brace() {
        for (object, expected) in [
            ("{}", r#""include_usage":true"#),
            ("{ }", r#""include_usage":true"#),
            (r#"{"include_obfuscation":false}"#, r#","include_usage":true"#),
            (r#"{"a":{"include_usage":false},"b":["}"]}"#, r#","include_usage":true"#),
            (r#"{"include_usage":false}"#, ""),
            (r#"{"a":1,"include_us\u0061ge":null}"#, ""),
            (r#"{"a":1,}"#, ""),
            (r#"{"a"}"#, ""),
        ] {
            let body = format!(r#"{object},"n":{{"include_usage":1}}}}"#);
            for size in [1, 2, body.len()] {
                let (mut options, mut at) = (Options::default(), 0);
                let found = body.as_bytes().chunks(size).find_map(|part| {
                    let found = options.push(part).map(|(end, text)| (at + end, text));
                    at += part.len();
                    found
                });
                let (end, text) = found.unwrap();
                assert_eq!((end, str::from_utf8(text).unwrap()), (object.len() - 1, expected));
            }
        }
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST));
        assert_eq!(Options::default().push(long.as_bytes()), Some((long.len() - 1, &b""[..])));
    }
}
