//! A push scanner for the object that is a request body.
//!
//! It builds no tree, does not recurse, and keeps only the members it is asked for. Bytes may be
//! split anywhere. It is strict about the outer object, because a lenient reader could find another
//! `model` than the provider does; in nested values it only counts brackets.

mod member;
mod notes;
mod value;

use std::num::NonZeroU64;
use std::ops::Range;

use self::member::{MODEL, Member, STREAM, member};
use self::notes::Notes;
#[cfg(feature = "cache")]
pub(crate) use self::notes::Stream;
use super::flat::Scalar;
use super::is_space;
use super::nested::{Nested, Passed};
use super::quote::StringEnd;
use super::scalars::{BodyField, BodyFields, BodyScalars, Capture};

/// The longest spelling, with every letter as a `\u` escape, of a key that matters here.
const LONGEST_KEY: usize = 6 * "max_completion_tokens".len();
/// The longest model name that is kept. No provider has longer ones.
const LONGEST_MODEL: usize = 1024;

/// Why a body cannot be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    NotAnObject,
    Malformed,
    Truncated,
    DuplicateModel,
    ModelIsNotAString,
    ModelTooLong,
    /// The last four come from other readers of the body: an ambiguous form, too many models, a forbidden
    /// model, and an unreadable one, the last two with their members.
    AmbiguousForm,
    TooManyModels,
    Forbidden(&'static str),
    Unreadable(&'static str),
}

/// The string of the top-level `model`: its inside as written, and where that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelString {
    pub(crate) raw: Vec<u8>,
    pub(crate) offset: u64,
}

impl ModelString {
    /// The position of the inside in the body.
    pub(crate) fn span(&self) -> Range<u64> {
        self.offset..self.offset + self.raw.len() as u64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start { bom: u8 },
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value,
    InString,
    Nested(Nested),
    Scalar,
    CommaOrEnd,
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Start { bom: 0 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct ObjectScanner {
    state: State,
    member: Member,
    string: StringEnd,
    /// The offset of the next byte in the body.
    offset: u64,
    /// The start of a key that was split between two pushes.
    key: Vec<u8>,
    /// The longest object or array in the current chunk.
    passed: Passed,
    saw_model: bool,
    model: Option<ModelString>,
    model_is_whole: bool,
    stream: bool,
    has_stream_options: bool,
    has_data_sources: bool,
    /// The offset of the opening brace of the first `stream_options`.
    stream_options: Option<NonZeroU64>,
    /// The offset of the object's closing brace.
    closed_at: Option<NonZeroU64>,
    capture: Option<Box<Capture>>,
    /// Refuse keys that a case-insensitive reader would take for `model`.
    is_wary: bool,
    /// What a cache must know. With it, the scanner continues after an ambiguous model.
    notes: Option<Notes>,
}

impl ObjectScanner {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Counts `Model` and `MODEL` as a second `model`: some readers ignore the case of keys.
    pub(crate) fn wary(self, is_wary: bool) -> Self {
        Self { is_wary, ..self }
    }

    pub(crate) fn is_wary(&self) -> bool {
        self.is_wary
    }

    /// Also keeps the scalars that conditions may read.
    pub(crate) fn capturing() -> Self {
        Self { capture: Some(Box::default()), ..Self::default() }
    }

    /// What was captured so far; `None` without capturing.
    pub(crate) fn scalars(&self) -> Option<&BodyScalars> {
        self.capture.as_deref().map(Capture::scalars)
    }

    /// The most output tokens that the body asks for, under any of the names, if that was captured.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        let fields =
            [BodyField::MaxTokens, BodyField::MaxCompletionTokens, BodyField::MaxOutputTokens];
        let number = |field| match self.scalars()?.get(field)? {
            Scalar::Number(number) if *number >= 0.0 => Some(*number as u64),
            _ => None,
        };
        fields.into_iter().filter_map(number).max()
    }

    /// Returns true if nothing more needs to be read for `fields`: their values have passed, or the
    /// object has closed without them. Without capturing, it is false until the object has closed.
    pub(crate) fn knows(&self, fields: BodyFields) -> bool {
        let seen = self.capture.as_deref().map(Capture::seen).unwrap_or_default();
        self.closed_at.is_some() || seen.has_all(fields)
    }

    /// The top-level `model`, once its closing quote has passed.
    pub(crate) fn model(&self) -> Option<&ModelString> {
        self.model.as_ref().filter(|_| self.model_is_whole)
    }

    /// Takes what [`model`](Self::model) returns. A second `model` is still an error.
    pub(crate) fn take_model(&mut self) -> Option<ModelString> {
        self.model.take_if(|_| self.model_is_whole)
    }

    /// Returns true if a top-level `"stream": true` has passed.
    pub(crate) fn stream(&self) -> bool {
        self.stream
    }

    /// The closing brace of a request that asks for a stream and has no `stream_options`.
    pub(crate) fn place_of_stream_options(&self) -> Option<u64> {
        let closed_at = self.closed_at.map(NonZeroU64::get);
        closed_at.filter(|_| self.stream && !self.has_stream_options && !self.has_data_sources)
    }

    /// The opening brace of the request's `stream_options`.
    pub(crate) fn stream_options(&self) -> Option<u64> {
        self.stream_options.map(NonZeroU64::get).filter(|_| !self.has_data_sources)
    }

    /// Checks that the object is complete at the end of the body.
    pub(crate) fn finish(&self) -> Result<(), ScanError> {
        match self.state {
            State::Done => Ok(()),
            State::Start { .. } => Err(ScanError::NotAnObject),
            _ => Err(ScanError::Truncated),
        }
    }

    /// Scans the next bytes. The scanner must not be used after an error.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), ScanError> {
        self.pass(chunk).map(drop)
    }

    /// Like [`push`](Self::push). Returns the longest object or array, for other readers of the chunk.
    pub(crate) fn pass(&mut self, chunk: &[u8]) -> Result<Passed, ScanError> {
        self.passed = Passed::default();
        let mut at = 0;
        while at < chunk.len() {
            at = self.step(chunk, at)?;
        }
        self.offset += chunk.len() as u64;
        Ok(self.passed)
    }

    fn step(&mut self, chunk: &[u8], at: usize) -> Result<usize, ScanError> {
        let byte = chunk[at];
        match self.state {
            State::InKey => return self.in_key(chunk, at),
            State::InString => return self.in_string(chunk, at),
            State::Nested(nested) => return Ok(self.nested(chunk, at, nested)),
            State::Scalar => return Ok(self.scalar(chunk, at)),
            State::Start { bom } => self.start(byte, bom)?,
            _ if is_space(byte) => {}
            State::KeyOrEnd | State::Key if byte == b'"' => self.state = State::InKey,
            State::Colon if byte == b':' => self.state = State::Value,
            State::Value => return self.value(chunk, at),
            State::CommaOrEnd if byte == b',' => self.state = State::Key,
            State::KeyOrEnd | State::CommaOrEnd if byte == b'}' => {
                // Its opening brace precedes it, so it is not 0.
                self.closed_at = NonZeroU64::new(self.offset + at as u64);
                self.state = State::Done;
            }
            _ => return Err(ScanError::Malformed),
        }
        Ok(at + 1)
    }

    fn start(&mut self, byte: u8, bom: u8) -> Result<(), ScanError> {
        self.state = match (bom, byte) {
            (0, 0xEF) => State::Start { bom: 1 },
            (1, 0xBB) => State::Start { bom: 2 },
            (2, 0xBF) => State::Start { bom: 3 },
            (0 | 3, b' ' | b'\t' | b'\n' | b'\r') => State::Start { bom: 3 },
            (0 | 3, b'{') => State::KeyOrEnd,
            _ => return Err(ScanError::NotAnObject),
        };
        Ok(())
    }

    fn in_key(&mut self, chunk: &[u8], at: usize) -> Result<usize, ScanError> {
        let (end, closed) = self.string.find(chunk, at);
        let part = &chunk[at..end];
        if !closed || !self.key.is_empty() {
            // One byte more than the longest is enough to know that it is another key.
            let room = (LONGEST_KEY + 1).saturating_sub(self.key.len());
            self.key.extend_from_slice(&part[..part.len().min(room)]);
        }
        if !closed {
            return Ok(end);
        }
        let key = if self.key.is_empty() { part } else { &self.key };
        self.member = member(key, self.capture.is_some());
        let mut is_lookalike = false;
        if self.is_wary && self.member == Member::Other {
            (self.member, is_lookalike) = notes::look_closer(key, self.notes.is_some());
        }
        self.key.clear();
        if is_lookalike {
            self.doubt(ScanError::DuplicateModel)?;
        }
        if self.member == Member::StreamOptions
            && std::mem::replace(&mut self.has_stream_options, true)
        {
            // If it is given twice, we cannot tell which one counts.
            self.stream_options = None;
            self.member = Member::Other;
        }
        self.has_data_sources |= self.member == Member::DataSources;
        if self.member == MODEL && std::mem::replace(&mut self.saw_model, true) {
            self.doubt(ScanError::DuplicateModel)?;
        }
        match chunk[end + 1..] {
            // The usual case.
            [b':', value, ..] if !is_space(value) => self.value(chunk, end + 2),
            _ => {
                self.state = State::Colon;
                Ok(end + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests;
