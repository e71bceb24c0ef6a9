//! Whether a body names its model at the place from which its provider takes it.
//!
//! Some calls take their model from inside the body, and a default or a stored one where there is
//! none. A model that is named elsewhere has no effect there, so it does not count.

use super::string;

/// The elements of an array, in a path.
const EACH: &str = "[]";

/// Why a body is refused. The name is that of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceError {
    /// The model must not be asked for.
    Forbidden(&'static str),
    /// Nobody can tell which model is asked for.
    Unreadable(&'static str),
    Malformed,
}

/// Where a body must name its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At its top, which sets up a realtime session.
    Setup,
    /// In the realtime `session` that it holds.
    Session,
    /// In the `params` of each of its `requests`.
    Requests,
    /// At the end of this path.
    At(&'static [&'static str]),
}

/// Follows a body along one path. Keys count as they are written there; another spelling of one, or
/// one that is given twice, has no one meaning.
#[derive(Debug)]
struct Trail {
    path: &'static [&'static str],
    /// How many of the open brackets within the top one are on the path.
    matched: usize,
    /// The member that is being read is on the path.
    is_here: bool,
    /// The steps whose keys have been read, a bit each.
    seen: u32,
    is_found: bool,
    /// An element has ended in which it was found.
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

/// What is known of a body that must name its model at one place.
#[derive(Debug)]
pub(crate) struct Trails {
    /// To the model, to that of a session that only transcribes, and to the kind of the session.
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

    /// A bracket opens, in one at this depth.
    pub(crate) fn open(&mut self, depth: u32) {
        self.trails.iter_mut().for_each(|trail| trail.open(depth as usize));
    }

    /// A bracket closes, in one at this depth.
    pub(crate) fn close(&mut self, depth: u32) -> Result<(), PlaceError> {
        self.trails.iter_mut().try_for_each(|trail| trail.close(depth as usize))
    }

    /// Behind the key of a stored prompt, which brings a model of its own.
    pub(crate) fn refuses_prompt(&self, depth: u32) -> bool {
        self.refuses_prompts && depth <= 2
    }

    /// A value begins. What ends a path is a string: `null` would ask for the default.
    pub(crate) fn value(&self, depth: u32, byte: u8) -> Result<(), PlaceError> {
        let is_end = self.trails.iter().any(|trail| trail.is_end(depth as usize));
        if is_end && byte != b'"' { Err(PlaceError::Unreadable("model")) } else { Ok(()) }
    }

    /// Whether the string that is being read says what kind of session it is.
    pub(crate) fn reads_kind(&self, depth: u32) -> bool {
        self.trails[KIND].is_end(depth as usize)
    }

    /// A string has ended, and may be asked for if it names a model.
    pub(crate) fn string(&mut self, depth: u32, text: &[u8]) {
        if self.reads_kind(depth) {
            self.is_transcription = string::decode(text).as_deref() == Some("transcription");
        }
        for trail in &mut self.trails {
            trail.is_found |= trail.is_end(depth as usize);
        }
    }

    /// Whether the model has been named.
    pub(crate) fn is_met(&self) -> bool {
        let trail = &self.trails[if self.is_transcription { TRANSCRIPTION } else { MODEL }];
        trail.is_found || trail.in_each
    }
}
