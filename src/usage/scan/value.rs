//! How the scanner handles values.

use super::{Scanner, State};
use crate::json::is_scalar;
use crate::json::nested::Nested;
use crate::usage::figure::Figure;
use crate::usage::keys::{Field, Kept, Member};
use crate::usage::place::Place;
use crate::usage::problem::Problem;

impl Scanner {
    pub(super) fn element(&mut self) {
        self.member = match self.place() {
            Place::Choices => Member::Enter(Place::Choice),
            Place::Errors => Member::Enter(Place::Error),
            Place::Parts => {
                self.event.has_content = true;
                Member::Skip
            }
            Place::CandidateParts => Member::Enter(Place::CandidatePart),
            Place::GroundingChunks => Member::Enter(Place::GroundingChunk),
            Place::SearchQueries => {
                self.event.grounding.searches += 1;
                Member::Skip
            }
            Place::OtherQueries => {
                self.event.grounding.has_others = true;
                Member::Skip
            }
            place => {
                self.event.elements += 1;
                let is_candidate = place == Place::Candidates;
                if is_candidate { Member::Enter(Place::Candidate) } else { Member::Skip }
            }
        };
    }

    /// Handles the value at `at`. Returns where to continue.
    #[inline(always)]
    pub(super) fn value(&mut self, chunk: &[u8], at: usize) -> Result<usize, Problem> {
        match (chunk[at], self.member) {
            (b'{', Member::Enter(place)) if !place.is_array() && self.has_room() => {
                let is_error = place == Place::Error && self.reports_errors();
                self.event.has_response |= place == Place::Response;
                self.event.grounding.has_others |= place == Place::MapsChunk;
                self.enter(place);
                if is_error {
                    self.state = State::ErrorStart;
                }
            }
            (b'[', Member::Enter(place)) if place.is_array() && self.has_room() => {
                self.enter(place);
            }
            (b'[', Member::Content) if self.has_room() => self.enter(Place::Parts),
            (b'{', Member::Keep(kept)) => return self.keep(chunk, at, kept),
            (b'{' | b'[', member) => {
                self.event.has_content |= member == Member::Content;
                self.event.has_error |= matches!(member, Member::Text(Field::ErrorWord, _));
                self.member = Member::Skip;
                return self.nested(chunk, at, Nested::default());
            }
            (b'"', member) => {
                if let Member::Text(field, rank) = member {
                    self.event.begin_text(field, rank);
                } else if let Member::Number(..) = member {
                    self.event.beside().begin_number();
                }
                self.event.has_finished |= member == Member::Finish;
                self.state = State::InString;
                return Ok(self.in_string(chunk, at + 1));
            }
            (first @ (b't' | b'f' | b'n' | b'-' | b'0'..=b'9'), member) => {
                if let Member::Text(field @ Field::Code, rank) = member
                    && first.is_ascii_digit()
                {
                    self.event.begin_text(field, rank);
                } else if let Member::Number(..) = member {
                    self.event.beside().begin_number();
                } else {
                    self.event.is_background |= member == Member::Background && first == b't';
                    self.event.is_last |= member == Member::End && first == b't';
                    self.member = Member::Skip;
                }
                self.state = State::Scalar;
                return Ok(self.in_scalar(chunk, at));
            }
            _ => return Err(Problem::Malformed),
        }
        Ok(at + 1)
    }

    /// Returns true if an `error` here concerns the answer. A response reports its error with its
    /// status.
    fn reports_errors(&self) -> bool {
        !matches!(self.place(), Place::Response | Place::StatusDetails)
    }

    /// Keeps an object. Most are complete in their chunk; others are buffered.
    fn keep(&mut self, chunk: &[u8], at: usize, kept: Kept) -> Result<usize, Problem> {
        self.event.reached_usage = true;
        let place = self.place();
        self.event.is_last |= kept == Kept::LastUsage;
        if matches!(kept, Kept::Usage | Kept::LastUsage) {
            if !self.event.begin_usage(place) {
                self.member = Member::Skip;
            } else if let Some(length) = self.event.read_usage(place, &chunk[at..])
                && length <= self.limit
            {
                return Ok(self.value_ends(chunk, at + length));
            }
        }
        self.nested(chunk, at, Nested::default())
    }

    #[inline]
    pub(super) fn in_scalar(&mut self, chunk: &[u8], at: usize) -> usize {
        let length = chunk[at..].iter().position(|byte| !is_scalar(*byte));
        let end = length.map_or(chunk.len(), |length| at + length);
        match self.member {
            Member::Text(field, _) => self.event.extend_text(field, &chunk[at..end]),
            Member::Number(figure, digits) => {
                self.number(&chunk[at..end], length.is_some(), figure, digits);
            }
            _ => {}
        }
        if length.is_some() { self.value_ends(chunk, end) } else { end }
    }

    #[cold]
    fn number(&mut self, part: &[u8], is_over: bool, figure: Figure, digits: u8) {
        let beside = self.event.beside();
        beside.extend_number(part);
        if is_over {
            beside.end_number(figure, digits);
        }
    }

    #[inline]
    pub(super) fn in_string(&mut self, chunk: &[u8], at: usize) -> usize {
        let (end, closed) = self.string.find(chunk, at);
        match self.member {
            Member::Text(field, _) => self.event.extend_text(field, &chunk[at..end]),
            Member::Number(figure, digits) => {
                self.number(&chunk[at..end], closed, figure, digits);
            }
            Member::Content | Member::Enter(Place::Delta) => self.event.has_content |= end > at,
            Member::Enter(Place::Error) => {
                self.event.has_error |= end > at && self.reports_errors();
            }
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
        if let Member::Keep(kept) = self.member {
            self.keep_part(&chunk[at..end], is_over, kept)?;
        }
        if is_over {
            return Ok(self.value_ends(chunk, end));
        }
        self.state = State::Nested(nested);
        Ok(end)
    }

    fn keep_part(&mut self, part: &[u8], is_over: bool, kept: Kept) -> Result<(), Problem> {
        if self.split.len() + part.len() > self.limit {
            return Err(Problem::Overflow);
        }
        if !is_over || !self.split.is_empty() {
            self.split.extend_from_slice(part);
        }
        if is_over {
            let place = self.place();
            let whole = if self.split.is_empty() { part } else { &self.split[..] };
            let length = match kept {
                Kept::Usage | Kept::LastUsage => self.event.read_usage(place, whole),
                kept => self.event.read_shares(kept, whole),
            };
            if length != Some(whole.len()) {
                return Err(Problem::Malformed);
            }
            self.split.clear();
        }
        Ok(())
    }
}
