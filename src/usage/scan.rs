//! A push scanner over one JSON document, for what [`Event`] keeps of it.
//!
//! It never builds a tree, never recurses, and takes bytes in any split. It is strict about the
//! objects that it looks into and only counts brackets inside of all other values.

mod value;

use super::event::Event;
use super::keys::{Member, Place, member};
use super::problem::Problem;
use super::reported::Reported;
use crate::json::is_space;
use crate::json::nested::Nested;
use crate::json::quote::StringEnd;

/// No key that matters is longer.
const LONGEST_KEY: usize = "amazon-bedrock-invocationMetrics".len();
/// The longest path: root, candidates, candidate, content, parts, part, and an array in place of text.
const DEEPEST: usize = 7;
const DONE: &[u8] = b"[DONE]";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Marker {
        matched: usize,
    },
    /// In an array that may have an error in it.
    ArrayStart,
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value,
    ElementOrEnd,
    Element,
    InString,
    Scalar,
    Nested(Nested),
    CommaOrEnd,
    Done,
    /// Nothing that follows in this document matters.
    Ignored,
}

#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    root: Place,
    places: [Place; DEEPEST],
    level: usize,
    member: Member,
    string: StringEnd,
    /// The head of a key or of a usage object that was split between two pushes.
    split: Vec<u8>,
    /// The longest usage object.
    limit: usize,
    /// The document is a whole body, which no blank line ends.
    is_body: bool,
    event: Event,
}

impl Scanner {
    #[inline]
    pub(super) fn new(limit: usize, is_body: bool, root: Place) -> Self {
        Self {
            state: State::Start,
            root,
            places: [Place::Root; DEEPEST],
            level: 0,
            member: Member::Skip,
            string: StringEnd::default(),
            split: Vec::new(),
            limit,
            is_body,
            event: Event::default(),
        }
    }

    /// Whether it is one body that is read.
    pub(super) fn is_body(&self) -> bool {
        self.is_body
    }

    /// Nothing has come but spaces.
    pub(super) fn is_at_start(&self) -> bool {
        self.state == State::Start
    }

    /// The body turns out to hold several documents.
    pub(super) fn expect_events(&mut self) {
        self.is_body = false;
    }

    /// What was found, once the document is whole.
    pub(super) fn document(&self) -> Option<&Event> {
        (self.state == State::Done).then_some(&self.event)
    }

    /// For what all documents so far have reported.
    pub(super) fn event(&self) -> &Event {
        &self.event
    }

    pub(super) fn document_mut(&mut self) -> Option<&mut Event> {
        (self.state == State::Done).then_some(&mut self.event)
    }

    /// Usage that the headers of the response report.
    pub(super) fn bill_head(&mut self, usage: Reported) {
        self.event.bill_head(usage);
    }

    /// The model of a body that has not ended yet.
    pub(super) fn model_so_far(&self) -> Option<&[u8]> {
        (self.is_body && self.state != State::InString).then(|| self.event.model.whole())?
    }

    /// The document ends here. Malformed ones matter only where there was usage in them.
    pub(super) fn check_end(&self) -> Result<(), Problem> {
        if self.is_within() && self.event.reached_usage { Err(Problem::Malformed) } else { Ok(()) }
    }

    /// Whether the document has begun, matters, and has not ended.
    pub(super) fn is_within(&self) -> bool {
        !matches!(self.state, State::Done | State::Start | State::Ignored)
    }

    /// On to the next document.
    pub(super) fn reset(&mut self) {
        if self.state != State::Start {
            self.state = State::Start;
            self.string = StringEnd::default();
            self.split.clear();
            self.event.clear();
        }
    }

    /// Looks at the next bytes. After an error the scanner must not be used again.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        match self.scan(chunk) {
            Err(Problem::Malformed)
                if (!self.is_body || self.event.is_in_array) && !self.event.reached_usage =>
            {
                self.state = State::Ignored;
                Ok(())
            }
            result => result,
        }
    }

    fn scan(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            at = match self.state {
                State::KeyOrEnd | State::Key if byte == b'"' => {
                    self.state = State::InKey;
                    at + 1
                }
                State::InKey => {
                    let at = self.in_key(chunk, at);
                    match chunk.get(at) {
                        Some(byte) if self.state == State::Value && !is_space(*byte) => {
                            self.value(chunk, at)?
                        }
                        _ => at,
                    }
                }
                State::ElementOrEnd if byte == b']' => {
                    self.leave();
                    at + 1
                }
                State::Value | State::Element | State::ElementOrEnd if !is_space(byte) => {
                    if self.state != State::Value {
                        self.element();
                    }
                    self.value(chunk, at)?
                }
                State::InString => self.in_string(chunk, at),
                State::Nested(nested) => self.nested(chunk, at, nested)?,
                State::Scalar => self.in_scalar(chunk, at),
                State::Ignored => return Ok(()),
                // What follows a body is not looked at.
                State::Done if self.is_body || self.event.is_in_array => return Ok(()),
                _ => {
                    self.punctuation(byte)?;
                    at + 1
                }
            };
        }
        Ok(())
    }

    fn punctuation(&mut self, byte: u8) -> Result<(), Problem> {
        match self.state {
            State::Marker { matched } => self.marker(byte, matched),
            _ if is_space(byte) => {}
            State::Start => self.start(byte)?,
            State::ArrayStart => self.array_start(byte),
            State::KeyOrEnd if byte == b'}' => self.leave(),
            State::Colon if byte == b':' => self.state = State::Value,
            State::CommaOrEnd => match (byte, self.is_array()) {
                (b',', false) => self.state = State::Key,
                (b',', true) => self.state = State::Element,
                (b'}', false) | (b']', true) => self.leave(),
                _ => return Err(Problem::Malformed),
            },
            _ => return Err(Problem::Malformed),
        }
        Ok(())
    }

    fn start(&mut self, byte: u8) -> Result<(), Problem> {
        self.state = match byte {
            b'{' => self.begin(),
            b'[' if !self.is_body => State::Marker { matched: 1 },
            b'[' => State::ArrayStart,
            // JSON, but nothing that has usage; in events there may be anything.
            b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => State::Ignored,
            _ => return Err(Problem::Malformed),
        };
        Ok(())
    }

    fn begin(&mut self) -> State {
        self.places[0] = self.root;
        self.level = 0;
        State::KeyOrEnd
    }

    /// Some providers wrap an error in an array.
    fn array_start(&mut self, byte: u8) {
        self.state = if byte == b'{' {
            self.event.is_in_array = true;
            self.begin()
        } else {
            State::Ignored
        };
    }

    fn marker(&mut self, byte: u8, matched: usize) {
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

    fn place(&self) -> Place {
        self.places[self.level]
    }

    fn is_array(&self) -> bool {
        self.place().is_array()
    }

    /// Whether there is a level to enter: of a deeper path nothing is known.
    fn has_room(&self) -> bool {
        self.level + 1 < DEEPEST
    }

    fn enter(&mut self, place: Place) {
        self.level += 1;
        self.places[self.level] = place;
        self.state = if self.is_array() { State::ElementOrEnd } else { State::KeyOrEnd };
    }

    fn leave(&mut self) {
        self.state = if self.level == 0 { State::Done } else { State::CommaOrEnd };
        self.level = self.level.saturating_sub(1);
    }

    #[inline(always)]
    fn in_key(&mut self, chunk: &[u8], at: usize) -> usize {
        let (end, closed) = self.string.find(chunk, at);
        let part = &chunk[at..end];
        if closed && self.split.is_empty() {
            self.key(part);
        } else if !self.split_key(part, closed) {
            return end;
        }
        let has_colon = chunk.get(end + 1) == Some(&b':');
        self.state = if has_colon { State::Value } else { State::Colon };
        end + 1 + usize::from(has_colon)
    }

    /// Gives whether this is the key's last part.
    #[cold]
    fn split_key(&mut self, part: &[u8], closed: bool) -> bool {
        // One byte more than the longest is enough to know that it is another key.
        let room = (LONGEST_KEY + 1).saturating_sub(self.split.len());
        self.split.extend_from_slice(&part[..part.len().min(room)]);
        self.state = State::InKey;
        if closed {
            let mut key = std::mem::take(&mut self.split);
            self.key(&key);
            key.clear();
            self.split = key;
        }
        closed
    }

    #[inline]
    fn key(&mut self, key: &[u8]) {
        let place = self.place();
        self.member = member(place, key);
    }

    /// A value ends before `at`.
    #[inline]
    fn value_ends(&mut self, chunk: &[u8], at: usize) -> usize {
        match chunk[at..] {
            [b',', b'"', ..] if !self.is_array() => {
                self.state = State::InKey;
                at + 2
            }
            _ => {
                self.state = State::CommaOrEnd;
                at
            }
        }
    }
}
