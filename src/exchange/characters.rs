//! Counts the characters in requests to text-to-speech APIs. Some bill by characters, and no
//! response reports their number.

use crate::json::nested::Nested;
use crate::json::quote::StringEnd;
use crate::json::{is_scalar, is_space};

/// The length of the longest key that matters.
const LONGEST_KEY: usize = "input".len();

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    KeyOrEnd,
    InKey,
    Colon,
    Value,
    /// Inside the text.
    Text,
    InString,
    Nested(Nested),
    Scalar,
    CommaOrEnd,
    /// The object is closed, or the body is not an object.
    Over,
}

/// The part of an escape that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    /// The number of missing hexadecimal digits of a code unit.
    Unit {
        missing: u8,
        unit: u16,
    },
}

/// Counts the characters of `input` (OpenAI) or `text` (xAI and others) in a JSON object.
#[derive(Debug, Default)]
pub(crate) struct Characters {
    state: State,
    string: StringEnd,
    key: [u8; LONGEST_KEY],
    /// More than `LONGEST_KEY` for longer keys.
    key_length: usize,
    escape: Escape,
    count: Option<u64>,
}

impl Characters {
    /// `None` if there was no text.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.state {
                State::Over => return,
                State::InKey => {
                    let (end, closed) = self.string.find(chunk, at);
                    self.extend_key(&chunk[at..end]);
                    at = end;
                    if closed {
                        self.state = State::Colon;
                    }
                }
                State::InString => {
                    let (end, closed) = self.string.find(chunk, at);
                    at = end;
                    if closed {
                        self.state = State::CommaOrEnd;
                    }
                }
                State::Nested(mut nested) => {
                    let (end, is_over) = nested.pass(&mut self.string, chunk, at);
                    self.state = if is_over { State::CommaOrEnd } else { State::Nested(nested) };
                    at = end;
                    continue;
                }
                State::Text => self.text(byte),
                State::Scalar if is_scalar(byte) => {}
                State::Scalar => {
                    self.state = State::CommaOrEnd;
                    continue;
                }
                _ if is_space(byte) => {}
                state => {
                    self.state = self.next(state, byte);
                    // The bracket belongs to the skipped value.
                    if matches!(self.state, State::Nested(_)) {
                        continue;
                    }
                }
            }
            at += 1;
        }
    }

    fn next(&mut self, state: State, byte: u8) -> State {
        match (state, byte) {
            (State::Start, b'{') | (State::CommaOrEnd, b',') => State::KeyOrEnd,
            (State::KeyOrEnd, b'"') => {
                self.key_length = 0;
                State::InKey
            }
            (State::Colon, b':') => State::Value,
            (State::Value, b'"') if self.is_text() => {
                // If there are two texts, the last one counts.
                self.count = Some(0);
                State::Text
            }
            (State::Value, b'"') => State::InString,
            (State::Value, b'{' | b'[') => State::Nested(Nested::default()),
            (State::Value, byte) if is_scalar(byte) => State::Scalar,
            _ => State::Over,
        }
    }

    fn extend_key(&mut self, part: &[u8]) {
        match self.key.get_mut(self.key_length..self.key_length + part.len()) {
            Some(room) => {
                room.copy_from_slice(part);
                self.key_length += part.len();
            }
            None => self.key_length = LONGEST_KEY + 1,
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.key.get(..self.key_length), Some(b"input" | b"text"))
    }

    fn text(&mut self, byte: u8) {
        self.escape = match self.escape {
            Escape::None if byte == b'"' => {
                self.state = State::CommaOrEnd;
                Escape::None
            }
            Escape::None if byte == b'\\' => Escape::Begun,
            Escape::None => {
                // UTF-8 continuation bytes start with these two bits.
                self.add(byte & 0xC0 != 0x80);
                Escape::None
            }
            Escape::Begun if byte == b'u' => Escape::Unit { missing: 4, unit: 0 },
            Escape::Begun => {
                self.add(true);
                Escape::None
            }
            Escape::Unit { missing, unit } => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let unit = unit << 4 | digit as u16;
                if missing > 1 {
                    Escape::Unit { missing: missing - 1, unit }
                } else {
                    // The first half of a surrogate pair is not a character.
                    self.add(!matches!(unit, 0xD800..=0xDBFF));
                    Escape::None
                }
            }
        };
    }

    fn add(&mut self, is_character: bool) {
        self.count = self.count.map(|count| count + u64::from(is_character));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(body: &[u8], size: usize) -> Option<u64> {
        let mut characters = Characters::default();
        body.chunks(size).for_each(|chunk| characters.push(chunk));
        characters.count()
    }

    #[test]
    fn only_the_top_level_text_counts() {
        for (body, expected) in [
            (r#"{"model":"tts-1","input":"Hello","voice":"alloy"}"#, Some(5)),
            (
                r#" { "voice" : {"input":"no","a":["}"]} , "text" : "caf\u00e9 \"" , "n":1.5}"#,
                Some(6),
            ),
            ("{\"input\":\"\u{1F603}\u{e9}\\ud83d\\ude03\\n\\\\\"}", Some(5)),
            (r#"{"input":""}"#, Some(0)),
            (r#"{"inputs":"x","inpu":"y","INPUT":"z"}"#, None),
            (r#"{"input":["x"]}"#, None),
            (r#"[{"input":"x"}]"#, None),
            ("", None),
        ] {
            for size in 1..=body.len().max(1) {
                assert_eq!(count(body.as_bytes(), size), expected, "{body} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_character_of_the_text_is_counted(text in "\\PC{0,40}", key in "\\PC{0,9}", size in 1_usize..9) {
            let body = serde_json::json!({"0": key.as_str(), key: 1, "text": text.as_str()});
            let count = count(body.to_string().as_bytes(), size);
            prop_assert_eq!(count, Some(text.chars().count() as u64));
        }

        #[test]
        fn any_bytes_are_counted_the_same_in_any_split(
            body in "[{}\\[\\]\":,\\\\ \"input1u]{0,40}",
            size in 1_usize..9,
        ) {
            prop_assert_eq!(count(body.as_bytes(), size), count(body.as_bytes(), body.len().max(1)));
        }
    }
}
