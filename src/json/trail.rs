//! Checks that a body names its model at the place where its provider reads it.
//!
//! Some calls take their model from inside the body, or use a default or stored model if there is
//! none. A model named elsewhere then has no effect, so it does not count.

use super::string;

/// The elements of an array, in a path.
const EACH: &str = "[]";

/// Why a body is refused, with the name of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceError {
    /// The model is not allowed.
    Forbidden(&'static str),
    /// It is unclear which model is asked for.
    Unreadable(&'static str),
    Malformed,
}

/// Where a body must name its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top, which sets up a realtime session.
    Setup,
    /// In the realtime `session` that it contains.
    Session,
    /// In the `params` of each of its `requests`.
    Requests,
    /// At the end of this path.
    At(&'static [&'static str]),
}

/// Follows a path through a body. Keys must be spelled as in the path; another spelling or a
/// duplicate is ambiguous.
#[derive(Debug)]
struct Trail {
    path: &'static [&'static str],
    /// How many of the open brackets below the top are on the path.
    matched: usize,
    /// The current member is on the path.
    is_here: bool,
    /// The steps whose keys have been read, one bit each.
    seen: u32,
    is_found: bool,
    /// It was found in an element that has ended.
    in_each: bool,
}

impl Trail {
    fn new(path: &'static [&'static str]) -> Self {
        Self { path, matched: 0, is_here: false, seen: 0, is_found: false, in_each: false }
    }

    fn is_end(&self, depth: usize) -> bool {
        self.is_here && depth == self.path.len()
    }

    fn key(&mut self, depth: usize, key: &str, plain: &str) -> Result<(), PlaceError> {
        self.is_here = false;
        let Some(&step) = self.path.get(depth - 1).filter(|_| self.matched + 1 == depth) else {
            return Ok(());
        };
        let is_same = step
            .chars()
            .filter(|character| *character != '_')
            .map(|character| character.to_ascii_lowercase())
            .eq(plain.chars());
        if !is_same {
            return Ok(());
        }
        let bit = 1 << depth;
        if key != step || self.seen & bit != 0 {
            return Err(PlaceError::Unreadable(step));
        }
        self.seen |= bit;
        self.is_here = true;
        Ok(())
    }

    fn element(&mut self, depth: usize) {
        self.is_here = self.matched + 1 == depth && self.path.get(depth - 1) == Some(&EACH);
    }

    fn open(&mut self, depth: usize) {
        if self.is_here && depth < self.path.len() {
            self.matched = depth;
            self.seen &= (2 << depth) - 1;
        }
        self.is_here = false;
    }

    fn close(&mut self, depth: usize) -> Result<(), PlaceError> {
        self.is_here = false;
        let is_one_of_each =
            depth > 0 && self.matched == depth && self.path.get(depth - 1) == Some(&EACH);
        self.matched = self.matched.min(depth.saturating_sub(1));
        if is_one_of_each {
            if !self.is_found {
                return Err(PlaceError::Unreadable("model"));
            }
            self.is_found = false;
            self.in_each = true;
        }
        Ok(())
    }
}

/// The state of a body that must name its model at one place.
#[derive(Debug)]
pub(crate) struct Trails {
    /// The paths to the model, to the model of a transcription session, and to the kind of the
    /// session.
    trails: [Trail; 3],
    is_transcription: bool,
    refuses_prompts: bool,
}

const MODEL: usize = 0;
const TRANSCRIPTION: usize = 1;
const KIND: usize = 2;

impl Trails {
    pub(crate) fn new(place: Place) -> Self {
        let paths: [&'static [_]; 3] = match place {
            Place::Setup => [&["model"], &[], &[]],
            Place::Session => [
                &["session", "model"],
                &["session", "audio", "input", "transcription", "model"],
                &["session", "type"],
            ],
            Place::Requests => [&["requests", EACH, "params", "model"], &[], &[]],
            Place::At(path) => [path, &[], &[]],
        };
        Self {
            trails: paths.map(Trail::new),
            is_transcription: false,
            refuses_prompts: matches!(place, Place::Setup | Place::Session),
        }
    }

    pub(crate) fn key(&mut self, depth: u32, key: &str, plain: &str) -> Result<(), PlaceError> {
        self.trails.iter_mut().try_for_each(|trail| trail.key(depth as usize, key, plain))
    }

    pub(crate) fn element(&mut self, depth: u32) {
        self.trails.iter_mut().for_each(|trail| trail.element(depth as usize));
    }

    /// A bracket opens inside one of this depth.
    pub(crate) fn open(&mut self, depth: u32) {
        self.trails.iter_mut().for_each(|trail| trail.open(depth as usize));
    }

    /// A bracket closes inside one of this depth.
    pub(crate) fn close(&mut self, depth: u32) -> Result<(), PlaceError> {
        self.trails.iter_mut().try_for_each(|trail| trail.close(depth as usize))
    }

    /// Returns true at the key of a stored prompt, which has a model of its own.
    pub(crate) fn refuses_prompt(&self, depth: u32) -> bool {
        self.refuses_prompts && depth <= 2
    }

    /// Checks the start of a value. A path must end at a string: `null` would select the default.
    pub(crate) fn value(&self, depth: u32, byte: u8) -> Result<(), PlaceError> {
        let is_end = self.trails.iter().any(|trail| trail.is_end(depth as usize));
        if is_end && byte != b'"' { Err(PlaceError::Unreadable("model")) } else { Ok(()) }
    }

    /// Returns true if the current string is the kind of the session.
    pub(crate) fn reads_kind(&self, depth: u32) -> bool {
        self.trails[KIND].is_end(depth as usize)
    }

    /// Records a string that has ended and, if it names a model, is allowed.
    pub(crate) fn string(&mut self, depth: u32, text: &[u8]) {
        if self.reads_kind(depth) {
            self.is_transcription = string::decoded(text).as_deref() == Some("transcription");
        }
        for trail in &mut self.trails {
            trail.is_found |= trail.is_end(depth as usize);
        }
    }

    /// Returns true if the model has been named.
    pub(crate) fn is_met(&self) -> bool {
        let trail = &self.trails[if self.is_transcription { TRANSCRIPTION } else { MODEL }];
        trail.is_found || trail.in_each
    }
}
