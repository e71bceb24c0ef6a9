//! How the scanner begins a document: an object, an array around an error, or `[DONE]`.

use super::{Scanner, State};
use crate::json::is_space;
use crate::usage::problem::Problem;

const DONE: &[u8] = b"[DONE]";

impl Scanner {
    pub(super) fn start(&mut self, byte: u8) -> Result<(), Problem> {
        self.state = match byte {
            b'{' => self.begin(),
            b'[' if !self.is_body => State::Marker { matched: 1 },
            b'[' => State::ArrayStart,
            // A JSON value without usage; events may contain any text.
            b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => State::Ignored,
            _ => return Err(Problem::Malformed),
        };
        Ok(())
    }

    fn begin(&mut self) -> State {
        self.places[0] = self.root;
        (self.level, self.in_array) = (0, false);
        State::KeyOrEnd
    }

    /// Enters an array: some providers wrap errors in one.
    pub(super) fn array_start(&mut self, byte: u8) {
        self.state = if byte == b'{' {
            self.event.is_in_array = true;
            self.begin()
        } else {
            State::Ignored
        };
    }

    pub(super) fn marker(&mut self, byte: u8, matched: usize) {
        if matched == 1 && byte != DONE[1] {
            self.state = State::ArrayStart;
            if !is_space(byte) {
                self.array_start(byte);
            }
            return;
        }
        self.state = match DONE.get(matched) {
            Some(expected) if *expected != byte => State::Ignored,
            Some(_) if matched + 1 == DONE.len() => {
                self.event.is_done_marker = true;
                State::Done
            }
            _ => State::Marker { matched: matched + 1 },
        };
    }
}
