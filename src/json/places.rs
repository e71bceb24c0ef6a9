//! A push scanner for the models that a JSON body names outside of its top-level `model`.
//!
//! It reads strings, and strings in arrays, of members that name models: at any depth, `fallbacks`
//! and all keys that end in `model`, `models`, `model_id` or `deployment`; at the top, `preset`,
//! `agent` and `agent_id`. For a `model` that is an object, its `id` counts. Case and separators of
//! keys are ignored.
//!
//! It skips what a client writes for the model or for itself: messages, inputs, metadata, schemas.
//! It looks into everything else, so that unknown places are found too. It builds no tree and does
//! not recurse; bytes may be split anywhere.

mod keys;
mod open;
#[cfg(test)]
mod tests;

use self::keys::{LONGEST_KEY, Member};
use self::open::Open;
use super::is_space;
use super::nested::{Nested, Passed};
use super::quote::StringEnd;
use super::trail::{Place, PlaceError, Trails};
use super::{is_scalar, string};

const LONGEST_NAME: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start { bom: u8 },
    KeyOrEnd,
    Key,
    InKey,
    Colon,
    Value,
    ElementOrEnd,
    InString,
    Scalar,
    Nested(Nested),
    CommaOrEnd,
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Start { bom: 0 }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Places {
    state: State,
    open: Open,
    member: Member,
    string: StringEnd,
    /// The current key or name.
    text: Vec<u8>,
    /// The current top-level member chooses the model or agent.
    is_effective: bool,
    has_names: bool,
    /// Where the model must be, if that is not the top level.
    trails: Option<Trails>,
    routes: bool,
    has_models: bool,
}

impl Places {
    /// A scanner for a body whose model must be at this place.
    pub(crate) fn needing(place: Option<Place>) -> Self {
        Self { trails: place.map(Trails::new), ..Self::default() }
    }

    /// Returns true if an allowed model has been named where it has an effect.
    pub(crate) fn has_names(&self) -> bool {
        self.trails.as_ref().map_or(self.has_names, Trails::is_met)
    }

    /// Scans the next bytes. The scanner must not be used after an error.
    ///
    /// `passed` is what another reader of this chunk has passed. `allows` says whether a name is allowed;
    /// the flag is set if the name hides a model.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        passed: Passed,
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<(), PlaceError> {
        let mut at = 0;
        while at < chunk.len() {
            at = self.step(chunk, at, passed, allows)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        chunk: &[u8],
        at: usize,
        passed: Passed,
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<usize, PlaceError> {
        let byte = chunk[at];
        match self.state {
            State::InKey => {
                let (end, closed) = self.string.find(chunk, at);
                let room = (LONGEST_KEY + 1).saturating_sub(self.text.len());
                let part = &chunk[at..end];
                self.text.extend_from_slice(&part[..part.len().min(room)]);
                if closed {
                    self.member = self.member_of_key()?;
                    self.state = State::Colon;
                }
                return Ok(end + usize::from(closed));
            }
            State::InString => return self.in_string(chunk, at, allows),
            State::Scalar if is_scalar(byte) => {}
            State::Scalar => {
                self.state = State::CommaOrEnd;
                return Ok(at);
            }
            State::Nested(mut nested) => {
                let (end, is_over) = match passed.end_from(at, nested) {
                    Some(end) => (end, true),
                    None => nested.pass(&mut self.string, chunk, at),
                };
                self.state = if is_over { State::CommaOrEnd } else { State::Nested(nested) };
                return Ok(end);
            }
            State::Start { bom } => {
                self.state = match (bom, byte) {
                    (0, 0xEF) => State::Start { bom: 1 },
                    (1, 0xBB) => State::Start { bom: 2 },
                    (2, 0xBF) => State::Start { bom: 3 },
                    (0 | 3, byte) if is_space(byte) => State::Start { bom: 3 },
                    (0 | 3, b'{') => {
                        self.open(true, false)?;
                        State::KeyOrEnd
                    }
                    _ => return Err(PlaceError::Malformed),
                };
            }
            _ if is_space(byte) => {}
            State::KeyOrEnd | State::Key if byte == b'"' => {
                self.text.clear();
                self.state = State::InKey;
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::KeyOrEnd if byte == b'}' => self.close()?,
            State::ElementOrEnd if byte == b']' => self.close()?,
            State::CommaOrEnd => match byte {
                b',' if self.open.is_object() => self.state = State::Key,
                b',' => {
                    self.member = self.member_of_element();
                    self.state = State::Value;
                }
                b'}' if self.open.is_object() => self.close()?,
                b']' if !self.open.is_object() => self.close()?,
                _ => return Err(PlaceError::Malformed),
            },
            State::Value | State::ElementOrEnd => {
                if self.state == State::ElementOrEnd {
                    self.member = self.member_of_element();
                }
                self.value(byte)?;
            }
            _ => return Err(PlaceError::Malformed),
        }
        Ok(at + 1)
    }

    fn value(&mut self, byte: u8) -> Result<(), PlaceError> {
        let is_name = matches!(self.member, Member::Name(_));
        if let Some(trails) = &self.trails {
            trails.value(self.open.depth(), byte)?;
        }
        self.state = match byte {
            b'"' => {
                self.text.clear();
                State::InString
            }
            b'{' | b'[' if self.member == Member::PassedOver => State::Nested(Nested::OPENED),
            b'[' if self.member == Member::Texts => State::Nested(Nested::OPENED),
            b'{' | b'[' if self.member == Member::Prompt => {
                return Err(PlaceError::Unreadable("prompt"));
            }
            b'{' | b'[' if matches!(self.member, Member::Alias(_)) => {
                let Member::Alias(name) = self.member else { return Ok(()) };
                return Err(PlaceError::Unreadable(name));
            }
            b'{' => {
                self.open(true, is_name)?;
                State::KeyOrEnd
            }
            b'[' => {
                self.open(false, is_name)?;
                State::ElementOrEnd
            }
            byte if is_scalar(byte) => State::Scalar,
            _ => return Err(PlaceError::Malformed),
        };
        Ok(())
    }

    fn in_string(
        &mut self,
        chunk: &[u8],
        at: usize,
        allows: &dyn Fn(&str, bool) -> bool,
    ) -> Result<usize, PlaceError> {
        let (end, closed) = self.string.find(chunk, at);
        if let Member::Name(member) | Member::Alias(member) = self.member {
            let part = &chunk[at..end];
            if self.text.len() + part.len() > LONGEST_NAME {
                return Err(PlaceError::Unreadable(member));
            }
            self.text.extend_from_slice(part);
        } else if self.trails.as_ref().is_some_and(|trails| trails.reads_kind(self.open.depth())) {
            let room = LONGEST_NAME.saturating_sub(self.text.len());
            self.text.extend_from_slice(&chunk[at..end.min(at + room)]);
        }
        if !closed {
            return Ok(end);
        }
        self.state = State::CommaOrEnd;
        match self.member {
            Member::Name(member) => {
                let name = string::decoded(&self.text).ok_or(PlaceError::Unreadable(member))?;
                if !allows(&name, false) {
                    return Err(PlaceError::Forbidden(member));
                }
                self.has_names |= self.is_effective;
            }
            Member::Alias(member) => {
                let name = string::decoded(&self.text).ok_or(PlaceError::Unreadable(member))?;
                // In the spelling that is used in place of a model.
                let is_bare = member == "preset" && !name.starts_with("@preset/");
                let alias = if is_bare { format!("@preset/{name}").into() } else { name };
                if !allows(&alias, true) {
                    return Err(PlaceError::Forbidden(member));
                }
                self.has_names |= self.is_effective;
            }
            Member::Plain | Member::Prompt | Member::PassedOver | Member::Texts => {}
        }
        if let Some(trails) = &mut self.trails {
            trails.string(self.open.depth(), &self.text);
        }
        Ok(end + 1)
    }

    fn open(&mut self, is_object: bool, names: bool) -> Result<(), PlaceError> {
        let depth = self.open.depth();
        self.open.push(is_object, names)?;
        if let Some(trails) = &mut self.trails {
            trails.open(depth);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), PlaceError> {
        let depth = self.open.pop();
        self.state = State::CommaOrEnd;
        if let Some(trails) = &mut self.trails {
            trails.close(depth)?;
        }
        if depth == 0 {
            self.state = State::Done;
            if self.trails.as_ref().is_some_and(|trails| !trails.is_met()) {
                return Err(PlaceError::Unreadable("model"));
            }
            // OpenRouter then chooses other models itself.
            if self.routes && !self.has_models {
                return Err(PlaceError::Unreadable("route"));
            }
        }
        Ok(())
    }
}
