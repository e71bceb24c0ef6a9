//! A push scanner over one JSON document that fills an [`Event`].
//!
//! It never builds a tree, never recurses, and accepts bytes split anywhere. It parses the objects
//! that it enters strictly, and only counts brackets inside all other values.

mod start;
mod state;
mod value;

use self::state::State;
use super::event::Event;
use super::keys::{Member, member};
use super::place::Place;
use super::problem::Problem;
use super::reported::Reported;
use crate::json::is_space;
use crate::json::quote::StringEnd;

/// The length of the longest relevant key.
const LONGEST_KEY: usize = "amazon-bedrock-invocationMetrics".len();
/// The longest path: root, candidates, candidate, content, parts, part, and an array in place of text.
const DEEPEST: usize = 7;

#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    root: Place,
    places: [Place; DEEPEST],
    level: usize,
    /// The innermost place is an array.
    in_array: bool,
    member: Member,
    string: StringEnd,
    /// The start of a key or usage object that is split between two pushes.
    split: Vec<u8>,
    /// The maximum length of a usage object.
    limit: usize,
    /// The document is a whole body, without a blank line at its end.
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
            in_array: false,
            member: Member::Skip,
            string: StringEnd::default(),
            split: Vec::new(),
            limit,
            is_body,
            event: Event::default(),
        }
    }

    /// Returns true if it reads one whole body.
    pub(super) fn is_body(&self) -> bool {
        self.is_body
    }

    /// Returns true if there was only white space so far.
    pub(super) fn is_at_start(&self) -> bool {
        self.state == State::Start
    }

    /// Switches to several documents per body.
    pub(super) fn expect_events(&mut self) {
        self.is_body = false;
    }

    /// The event, once the document is complete.
    pub(super) fn document(&self) -> Option<&Event> {
        (self.state == State::Done).then_some(&self.event)
    }

    /// The event, for the sums of all documents so far.
    pub(super) fn event(&self) -> &Event {
        &self.event
    }

    pub(super) fn document_mut(&mut self) -> Option<&mut Event> {
        (self.state == State::Done).then_some(&mut self.event)
    }

    /// Adds usage from the response's headers.
    pub(super) fn bill_head(&mut self, usage: Reported) {
        self.event.bill_head(usage);
    }

    /// The model, even before the end of the body.
    pub(super) fn model_so_far(&self) -> Option<&[u8]> {
        let is_known = self.is_body && self.state != State::InString;
        self.event.model.whole().filter(|name| is_known && !name.is_empty())
    }

    /// Ends the document. A malformed one is an error only if it had usage.
    pub(super) fn check_end(&self) -> Result<(), Problem> {
        if self.is_within() && self.event.reached_usage { Err(Problem::Malformed) } else { Ok(()) }
    }

    /// Returns true inside a relevant document.
    pub(super) fn is_within(&self) -> bool {
        !matches!(self.state, State::Done | State::Start | State::Ignored)
    }

    /// Prepares for the next document.
    pub(super) fn reset(&mut self) {
        if self.state != State::Start {
            self.state = State::Start;
            self.string = StringEnd::default();
            self.split.clear();
            self.event.clear();
        }
    }

    /// Reads the next bytes. After an error the scanner must not be used again.
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
                State::InKey => self.members(chunk, at)?,
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
                // Ignore bytes after a body.
                State::Done if self.is_body || self.event.is_in_array => return Ok(()),
                _ => {
                    self.punctuation(byte)?;
                    at + 1
                }
            };
        }
        Ok(())
    }

    /// Reads members, from the inside of a key on, as far as they follow each other without spaces.
    #[inline(always)]
    fn members(&mut self, chunk: &[u8], mut at: usize) -> Result<usize, Problem> {
        while self.state == State::InKey && at < chunk.len() {
            at = self.in_key(chunk, at);
            match chunk.get(at) {
                Some(byte) if self.state == State::Value && !is_space(*byte) => {
                    at = self.value(chunk, at)?;
                }
                _ => break,
            }
        }
        Ok(at)
    }

    fn punctuation(&mut self, byte: u8) -> Result<(), Problem> {
        match self.state {
            State::Marker { matched } => self.marker(byte, matched),
            _ if is_space(byte) => {}
            State::Start => self.start(byte)?,
            State::ArrayStart => self.array_start(byte),
            State::ErrorStart if byte == b'"' => {
                self.event.has_error = true;
                self.state = State::InKey;
            }
            State::ErrorStart | State::KeyOrEnd if byte == b'}' => self.leave(),
            State::Colon if byte == b':' => self.state = State::Value,
            State::CommaOrEnd => match (byte, self.in_array) {
                (b',', false) => self.state = State::Key,
                (b',', true) => self.state = State::Element,
                (b'}', false) | (b']', true) => self.leave(),
                _ => return Err(Problem::Malformed),
            },
            _ => return Err(Problem::Malformed),
        }
        Ok(())
    }

    fn place(&self) -> Place {
        self.places[self.level]
    }

    /// Returns true if another level can be entered. No relevant path is deeper.
    fn has_room(&self) -> bool {
        self.level + 1 < DEEPEST
    }

    fn enter(&mut self, place: Place) {
        self.level += 1;
        self.places[self.level] = place;
        self.in_array = place.is_array();
        self.state = if self.in_array { State::ElementOrEnd } else { State::KeyOrEnd };
    }

    fn leave(&mut self) {
        self.state = if self.level == 0 { State::Done } else { State::CommaOrEnd };
        self.level = self.level.saturating_sub(1);
        self.in_array = self.place().is_array();
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

    /// Reads a part of a key. Returns true if it was the last part.
    #[cold]
    fn split_key(&mut self, part: &[u8], closed: bool) -> bool {
        // One byte more than the longest key shows that it is another key.
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
            [b',', b'"', ..] if !self.in_array => {
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
