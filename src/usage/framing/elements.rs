//! Splits a JSON array into its elements, for providers that send a stream as an array.

use crate::json::nested::Nested;
use crate::json::quote::StringEnd;
use crate::json::{is_scalar, is_space};
use crate::usage::framing::part::{Part, Sink};
use crate::usage::problem::Problem;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the bracket.
    #[default]
    Start,
    ElementOrEnd,
    Element,
    /// Inside an object, whose bytes are passed on, or an array, whose bytes are not.
    Nested {
        nested: Nested,
        is_object: bool,
    },
    InString,
    Scalar,
    CommaOrEnd,
    Closed,
}

/// Only objects are documents; other elements are skipped.
#[derive(Debug, Default)]
pub(in crate::usage) struct Elements {
    state: State,
    string: StringEnd,
    has_documents: bool,
}

impl Elements {
    pub(super) fn has_documents(&self) -> bool {
        self.has_documents
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), Problem> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Nested { mut nested, is_object } => {
                    let (end, is_over) = nested.pass(&mut self.string, bytes, at);
                    self.state = State::Nested { nested, is_object };
                    if is_object {
                        sink(Part::Data(&bytes[at..end]))?;
                    }
                    at = end;
                    if is_over {
                        self.state = State::CommaOrEnd;
                        if is_object {
                            self.has_documents = true;
                            sink(Part::End)?;
                        }
                    }
                    continue;
                }
                State::InString => {
                    let (end, closed) = self.string.find(bytes, at);
                    at = end + usize::from(closed);
                    if closed {
                        self.state = State::CommaOrEnd;
                    }
                    continue;
                }
                State::Scalar if is_scalar(byte) => {}
                State::Scalar => {
                    self.state = State::CommaOrEnd;
                    continue;
                }
                State::Closed => return Ok(()),
                _ if is_space(byte) => {}
                State::Element | State::ElementOrEnd if matches!(byte, b'{' | b'[') => {
                    let is_object = byte == b'{';
                    self.state = State::Nested { nested: Nested::default(), is_object };
                    continue;
                }
                state => self.state = next(state, byte)?,
            }
            at += 1;
        }
        Ok(())
    }
}

/// The state after a byte that is neither white space nor inside an element.
fn next(state: State, byte: u8) -> Result<State, Problem> {
    Ok(match (state, byte) {
        (State::Start, b'[') => State::ElementOrEnd,
        (State::CommaOrEnd, b',') => State::Element,
        (State::CommaOrEnd | State::ElementOrEnd, b']') => State::Closed,
        (State::Element | State::ElementOrEnd, b'"') => State::InString,
        (State::Element | State::ElementOrEnd, byte) if is_scalar(byte) => State::Scalar,
        _ => return Err(Problem::Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Framing;
    use super::super::tests::parts;

    fn read(body: &str) -> (String, bool) {
        let read = |chunk| {
            let mut framing = Framing::array();
            let parts = parts(&mut framing, body.as_bytes(), chunk);
            (parts, !framing.is_cut())
        };
        let whole = read(body.len().max(1));
        for chunk in 1..body.len() {
            assert_eq!(read(chunk), whole, "{body} by {chunk}");
        }
        whole
    }

    #[test]
    fn each_object_is_a_document() {
        for (body, parts, is_closed) in [
            ("[]", "", true),
            (" [ ] trailing", "", true),
            (r#"[{"a":"]}\""},"#, r#"{"a":"]}\""}|"#, false),
            ("[{\"a\":{\"b\":[1]}}\n,\r\n{}]", "{\"a\":{\"b\":[1]}}|{}|", true),
            (r#"["{\"a\":1}", [{"b":2}], 1.5e3 , null,{"c":3}]"#, "{\"c\":3}|", true),
            ("[{", "{", false),
        ] {
            assert_eq!(read(body), (parts.to_owned(), is_closed), "{body}");
        }
    }

    #[test]
    fn a_malformed_array_is_an_error() {
        for body in ["{}", "[,", "[{}{}]", "[{},]", "[1 2]", "[\"a\"\"b\"]", "[}"] {
            assert!(read(body).0.ends_with("Malformed"), "{body}");
        }
    }
}
