//! What the scanner does with values.

use super::{Scanner, State};
use crate::json::is_scalar;
use crate::json::nested::Nested;
use crate::usage::event::{Field, Member, Place};
use crate::usage::meter::Problem;
use crate::usage::reported::Reported;

impl Scanner {
    pub(super) fn element(&mut self) {
        self.member = match self.place() {
            Place::Choices => Member::Enter(Place::Choice),
            Place::Parts => {
                self.event.has_content = true;
                Member::Skip
            }
            _ => {
                self.event.elements += 1;
                Member::Skip
            }
        };
    }

    /// Gives where to go on.
    #[inline(always)]
    pub(super) fn value(&mut self, chunk: &[u8], at: usize) -> Result<usize, Problem> {
        match (chunk[at], self.member) {
            (b'{', Member::Enter(place)) if !matches!(place, Place::Choices | Place::Data) => {
                self.event.has_error |= place == Place::Error && self.place() == Place::Root;
                self.enter(place);
            }
            (b'[', Member::Enter(place @ (Place::Choices | Place::Data))) => self.enter(place),
            (b'[', Member::Content) => self.enter(Place::Parts),
            (b'{', Member::Usage) => return self.usage(chunk, at),
            (b'{' | b'[', member) => {
                self.event.has_content |= member == Member::Content;
                self.member = Member::Skip;
                return self.nested(chunk, at, Nested::default());
            }
            (b'"', member) => {
                if let Member::Text(field, rank) = member {
                    self.event.begin_text(field, rank);
                }
                self.event.has_error |=
                    member == Member::Enter(Place::Error) && self.place() == Place::Root;
                self.state = State::InString;
                return Ok(self.in_string(chunk, at + 1));
            }
            (b't' | b'f' | b'n' | b'-' | b'0'..=b'9', member) => {
                if let Member::Text(field @ Field::Code, rank) = member
                    && chunk[at].is_ascii_digit()
                {
                    self.event.begin_text(field, rank);
                } else {
                    self.member = Member::Skip;
                }
                self.state = State::Scalar;
                return Ok(self.in_scalar(chunk, at));
            }
            _ => return Err(Problem::Malformed),
        }
        Ok(at + 1)
    }

    /// Most usage objects are whole in their chunk; the others are kept until they are.
    fn usage(&mut self, chunk: &[u8], at: usize) -> Result<usize, Problem> {
        self.event.reached_usage = true;
        let place = self.place();
        match self.event.new_usage(place).parse(&chunk[at..]) {
            Some(length) if length <= self.limit => Ok(self.value_ends(chunk, at + length)),
            _ => self.nested(chunk, at, Nested::default()),
        }
    }

    #[inline]
    pub(super) fn in_scalar(&mut self, chunk: &[u8], at: usize) -> usize {
        let length = chunk[at..].iter().position(|byte| !is_scalar(*byte));
        let end = length.map_or(chunk.len(), |length| at + length);
        if let Member::Text(field, _) = self.member {
            self.event.extend_text(field, &chunk[at..end]);
        }
        if length.is_some() { self.value_ends(chunk, end) } else { end }
    }

    #[inline]
    pub(super) fn in_string(&mut self, chunk: &[u8], at: usize) -> usize {
        let (end, closed) = self.string.find(chunk, at);
        match self.member {
            Member::Text(field, _) => self.event.extend_text(field, &chunk[at..end]),
            Member::Content | Member::Enter(Place::Delta) => self.event.has_content |= end > at,
            _ => {}
        }
        if !closed {
            return end;
        }
        self.value_ends(chunk, end + 1)
    }

    pub(super) fn nested(
        &mut self,
        chunk: &[u8],
        at: usize,
        mut nested: Nested,
    ) -> Result<usize, Problem> {
        let (end, is_over) = nested.pass(&mut self.string, chunk, at);
        if self.member == Member::Usage {
            self.keep_usage(&chunk[at..end], is_over)?;
        }
        if is_over {
            return Ok(self.value_ends(chunk, end));
        }
        self.state = State::Nested(nested);
        Ok(end)
    }

    fn keep_usage(&mut self, part: &[u8], is_over: bool) -> Result<(), Problem> {
        if self.split.len() + part.len() > self.limit {
            return Err(Problem::Overflow);
        }
        if !is_over || !self.split.is_empty() {
            self.split.extend_from_slice(part);
        }
        if is_over {
            let whole = if self.split.is_empty() { part } else { &self.split[..] };
            let usage = Reported::read(whole).ok_or(Problem::Malformed)?;
            let place = self.place();
            *self.event.new_usage(place) = usage;
            self.split.clear();
        }
        Ok(())
    }
}
