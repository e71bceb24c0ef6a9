//! What a cache must know about a request, besides its model.

use super::{Member, ObjectScanner, STREAM, ScanError};
use crate::json::string;

/// Members that continue a conversation, run in a container, or order or fetch an answer that is made
/// later.
const STATEFUL: [&str; 7] = [
    "background",
    "container",
    "conversation",
    "conversation_id",
    "deferred",
    "queueRequest",
    "request_id",
];

/// The value of the top-level `stream`. Without one, its provider decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "cache"), allow(dead_code, reason = "the cache uses it"))]
pub(crate) enum Stream {
    #[default]
    Absent,
    Null,
    False,
    True,
    /// It is no such literal, there are several, or a lenient reader may find one.
    Unclear,
}

/// What the top-level members of a body tell a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "cache"), allow(dead_code, reason = "the cache uses it"))]
pub(crate) struct Notes {
    /// It changes or polls state at its provider.
    pub(crate) is_stateful: bool,
    pub(crate) stream: Stream,
    /// It may name another model than the one that was read.
    pub(crate) is_ambiguous: bool,
}

impl Notes {
    /// Notes a member whose value starts with this byte.
    pub(super) fn see(&mut self, member: Member, byte: u8) {
        match member {
            // `null` and `false` ask for nothing.
            Member::Stateful => self.is_stateful |= !matches!(byte, b'n' | b'f'),
            STREAM => {
                self.stream = match (self.stream, byte) {
                    (Stream::Absent, b'n') => Stream::Null,
                    (Stream::Absent, b'f') => Stream::False,
                    (Stream::Absent, b't') => Stream::True,
                    _ => Stream::Unclear,
                }
            }
            Member::LikeStream => self.stream = Stream::Unclear,
            _ => {}
        }
    }
}

impl ObjectScanner {
    /// A wary scanner that also notes what a cache must know.
    #[cfg(feature = "cache")]
    pub(crate) fn noting() -> Self {
        Self { is_wary: true, notes: Some(Notes::default()), ..Self::default() }
    }

    /// The notes so far.
    #[cfg(feature = "cache")]
    pub(crate) fn notes(&self) -> Notes {
        self.notes.unwrap_or_default()
    }

    /// Notes an ambiguous model for a cache. Without a cache, it is an error.
    pub(super) fn doubt(&mut self, error: ScanError) -> Result<(), ScanError> {
        let Some(notes) = &mut self.notes else { return Err(error) };
        notes.is_ambiguous = true;
        (self.model, self.member, self.saw_model) = (None, Member::Other, true);
        Ok(())
    }
}

/// The member of a key that not all scanners know, and whether a reader that ignores the case of keys
/// takes it for `model`.
pub(super) fn look_closer(key: &[u8], is_noting: bool) -> (Member, bool) {
    let Some(key) = string::decoded(key) else { return (Member::Other, false) };
    let is_one = |member: &str| key.eq_ignore_ascii_case(member);
    let member = match is_noting {
        true if STATEFUL.iter().any(|member| is_one(member)) => Member::Stateful,
        true if is_one("stream") || is_one("stream_format") => Member::LikeStream,
        _ => Member::Other,
    };
    (member, is_one("model"))
}
