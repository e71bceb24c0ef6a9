//! Finds requests with an effect at the provider in their bodies: conversations, containers, deferred answers.

use crate::json::nested::Nested;
use crate::json::quote::StringEnd;
use crate::json::{is_scalar, is_space, string};

/// Members of a body: what continues a conversation or runs in a container, and what is answered later or
/// asks for such an answer.
const MEMBERS: [&str; 7] = [
    "background",
    "container",
    "conversation",
    "conversation_id",
    "deferred",
    "queueRequest",
    "request_id",
];

/// The longest key that matters, with every letter as a `\u` escape.
const LONGEST_KEY: usize = 6 * "conversation_id".len();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value,
    InString,
    Scalar,
    Nested(Nested),
    CommaOrEnd,
    Done,
    /// It is an object, and malformed.
    Malformed,
    NoObject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Stateful,
    Stream,
    Other,
}

/// Reads the top-level members of a body. Bytes may be split anywhere.
#[derive(Debug)]
pub(super) struct Stateful {
    state: State,
    string: StringEnd,
    /// The current key or scalar.
    text: Vec<u8>,
    member: Member,
    is_stateful: bool,
    is_stream: bool,
}

impl Stateful {
    pub(super) fn new() -> Self {
        Self {
            state: State::Start,
            string: StringEnd::default(),
            text: Vec::new(),
            member: Member::Other,
            is_stateful: false,
            is_stream: false,
        }
    }

    /// Whether the body asks for a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// At the end of the body: whether the request only makes an answer. `may_be_other`: the body need not
    /// be a JSON object.
    pub(super) fn is_clean(&self, may_be_other: bool) -> bool {
        match self.state {
            State::Done => !self.is_stateful,
            State::NoObject | State::Start => may_be_other,
            _ => false,
        }
    }

    /// Scans the next bytes.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let mut at = 0;
        while at < chunk.len() {
            at = match self.state {
                State::NoObject | State::Malformed => return,
                State::InKey => self.in_key(chunk, at),
                State::InString => {
                    let (end, closed) = self.string.find(chunk, at);
                    if closed {
                        self.state = State::CommaOrEnd;
                    }
                    end + usize::from(closed)
                }
                State::Nested(mut nested) => {
                    let (end, is_over) = nested.pass(&mut self.string, chunk, at);
                    self.state = if is_over { State::CommaOrEnd } else { State::Nested(nested) };
                    end
                }
                State::Scalar if is_scalar(chunk[at]) => {
                    if self.text.len() < LONGEST_KEY {
                        self.text.push(chunk[at]);
                    }
                    at + 1
                }
                State::Scalar => {
                    self.scalar();
                    self.state = State::CommaOrEnd;
                    at
                }
                _ => {
                    self.byte(chunk[at]);
                    at + 1
                }
            };
        }
    }

    fn byte(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            // A byte order mark may precede it.
            (State::Start, 0xEF | 0xBB | 0xBF) => State::Start,
            (state, byte) if is_space(byte) => state,
            (State::Start, b'{') => State::KeyOrEnd,
            (State::Start, _) => State::NoObject,
            (State::KeyOrEnd | State::Key, b'"') => {
                self.text.clear();
                State::InKey
            }
            (State::Colon, b':') => State::Value,
            (State::Value, byte) => self.value(byte),
            (State::CommaOrEnd, b',') => State::Key,
            (State::KeyOrEnd | State::CommaOrEnd, b'}') => State::Done,
            _ => State::Malformed,
        };
    }

    fn value(&mut self, byte: u8) -> State {
        self.text.clear();
        if is_scalar(byte) {
            self.text.push(byte);
            return State::Scalar;
        }
        self.is_stateful |= self.member == Member::Stateful;
        match byte {
            b'"' => State::InString,
            b'{' | b'[' => State::Nested(Nested::OPENED),
            _ => State::Malformed,
        }
    }

    fn scalar(&mut self) {
        match self.member {
            Member::Stateful => self.is_stateful |= !matches!(&*self.text, b"null" | b"false"),
            // The last one counts for most readers.
            Member::Stream => self.is_stream = self.text == b"true",
            Member::Other => {}
        }
    }

    fn in_key(&mut self, chunk: &[u8], at: usize) -> usize {
        let (end, closed) = self.string.find(chunk, at);
        // One byte more than the longest is enough to know that it is another key.
        let room = (LONGEST_KEY + 1).saturating_sub(self.text.len());
        let part = &chunk[at..end];
        self.text.extend_from_slice(&part[..part.len().min(room)]);
        if closed {
            self.member = member(&self.text);
            self.state = State::Colon;
        }
        end + usize::from(closed)
    }
}

/// Some readers ignore the case of keys.
fn member(key: &[u8]) -> Member {
    let Some(key) = string::decoded(key) else { return Member::Other };
    if MEMBERS.iter().any(|member| key.eq_ignore_ascii_case(member)) {
        return Member::Stateful;
    }
    if key.eq_ignore_ascii_case("stream") { Member::Stream } else { Member::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Stateful {
        let pieces = |size| {
            let mut scanner = Stateful::new();
            body.as_bytes().chunks(size).for_each(|piece| scanner.push(piece));
            scanner
        };
        let (whole, bytes) = (pieces(1 << 20), pieces(1));
        assert_eq!(whole.is_clean(true), bytes.is_clean(true), "{body}");
        assert_eq!(whole.is_stream(), bytes.is_stream(), "{body}");
        whole
    }

    #[test]
    fn what_changes_or_polls_state_is_found() {
        for body in [
            r#"{"conversation":"conv_1"}"#,
            r#"{"conversation":{"id":"c"}}"#,
            r#"{"a":[{"b":"}"}],"conversation_id":"c"}"#,
            r#"{"container":"c"}"#,
            r#"{"deferred": true}"#,
            r#"{"deferred":false,"deferred":true}"#,
            r#"{"background":true}"#,
            r#"{"Background":true}"#,
            r#"{"\u0062ackground":true}"#,
            r#"{"request_id":"r"}"#,
            r#"{"queueRequest":true}"#,
            r#"{"background":1}"#,
        ] {
            assert!(!read(body).is_clean(true), "{body}");
        }
        for body in [
            "{}",
            " {\"a\":\"conversation\"} ",
            r#"{"conversation":null,"deferred":false,"background": false }"#,
            r#"{"tools":[{"container":{"type":"auto"}}],"input":"\"background\":true"}"#,
            r#"{"n":1.5e3,"t":true,"o":{"background":true}}"#,
        ] {
            assert!(read(body).is_clean(false), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_clean() {
        for body in [r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a" 1}"#, "{,}", r#"{"a":"#, r#"{"a":x"#] {
            assert!(!read(body).is_clean(true), "{body}");
        }
        for body in ["", "[1]", "--b\r\n", "\u{1f}x"] {
            assert!(!read(body).is_clean(false) && read(body).is_clean(true), "{body}");
        }
    }

    #[test]
    fn a_stream_is_known() {
        assert!(read(r#"{"stream":true}"#).is_stream());
        assert!(read(r#"{"stream":false,"stream" : true }"#).is_stream());
        for body in ["{}", r#"{"stream":false}"#, r#"{"a":{"stream":true}}"#] {
            assert!(!read(body).is_stream(), "{body}");
        }
    }
}
