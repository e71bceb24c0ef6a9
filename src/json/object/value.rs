//! How the scanner of a request handles values.

use std::num::NonZeroU64;

use super::{LONGEST_MODEL, MODEL, Member, ModelString, ObjectScanner, STREAM, ScanError, State};
use crate::json::is_scalar;
use crate::json::nested::Nested;

impl ObjectScanner {
    pub(super) fn value(&mut self, chunk: &[u8], at: usize) -> Result<usize, ScanError> {
        let byte = chunk[at];
        if self.member == MODEL && byte != b'"' {
            self.doubt(ScanError::ModelIsNotAString)?;
        }
        if let Some(notes) = &mut self.notes {
            notes.see(self.member, byte);
        }
        self.state = match byte {
            b'"' => {
                if self.member == MODEL {
                    let offset = self.offset + at as u64 + 1;
                    self.model = Some(ModelString { raw: Vec::new(), offset });
                }
                State::InString
            }
            b'{' | b'[' => {
                if self.member == Member::StreamOptions && byte == b'{' {
                    self.stream_options = NonZeroU64::new(self.offset + at as u64);
                }
                State::Nested(Nested::OPENED)
            }
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
                self.stream |= self.member == STREAM && byte == b't';
                State::Scalar
            }
            _ => return Err(ScanError::Malformed),
        };
        if let Some(capture) = &mut self.capture
            && let Member::Field(field) = self.member
        {
            match self.state {
                State::Nested(_) => capture.nested(field),
                State::Scalar => capture.begin(field, &[byte]),
                _ => capture.begin(field, &[]),
            }
        }
        match self.state {
            State::InString => self.in_string(chunk, at + 1),
            State::Nested(nested) => Ok(self.nested(chunk, at + 1, nested)),
            _ => Ok(self.scalar(chunk, at + 1)),
        }
    }

    /// A value ends before `at`.
    fn value_ends(&mut self, chunk: &[u8], at: usize) -> usize {
        if let [b',', b'"', ..] = chunk[at..] {
            self.state = State::InKey;
            return at + 2;
        }
        self.state = State::CommaOrEnd;
        at
    }

    pub(super) fn scalar(&mut self, chunk: &[u8], at: usize) -> usize {
        let length = chunk[at..].iter().position(|byte| !is_scalar(*byte));
        let end = length.map_or(chunk.len(), |length| at + length);
        if let Some(capture) = &mut self.capture {
            capture.extend(&chunk[at..end]);
            if length.is_some() {
                capture.end_of_word();
            }
        }
        if length.is_some() { self.value_ends(chunk, end) } else { end }
    }

    pub(super) fn in_string(&mut self, chunk: &[u8], at: usize) -> Result<usize, ScanError> {
        let (end, closed) = self.string.find(chunk, at);
        if self.member == MODEL
            && let Some(model) = &mut self.model
        {
            let part = &chunk[at..end];
            if model.raw.len() + part.len() > LONGEST_MODEL {
                self.doubt(ScanError::ModelTooLong)?;
            } else if model.raw.capacity() == 0 {
                // Exactly as long as needed: a model's name is rarely split.
                model.raw = part.to_vec();
            } else {
                model.raw.extend_from_slice(part);
            }
            self.model_is_whole = closed;
        }
        if let Some(capture) = &mut self.capture {
            capture.extend(&chunk[at..end]);
            if closed {
                capture.end_of_string();
            }
        }
        if !closed {
            return Ok(end);
        }
        Ok(self.value_ends(chunk, end + 1))
    }

    pub(super) fn nested(&mut self, chunk: &[u8], at: usize, mut nested: Nested) -> usize {
        let is_new = nested == Nested::OPENED;
        let (end, is_over) = nested.pass(&mut self.string, chunk, at);
        if is_over {
            if is_new {
                self.passed = self.passed.or_longer(at, end);
            }
            return self.value_ends(chunk, end);
        }
        self.state = State::Nested(nested);
        end
    }
}
