//! What a cache must know of a request, beside its model.

use super::{Member, STREAM};

/// What continues a conversation or runs in a container, and what is answered later or asks for such an
/// answer.
const STATEFUL: [&str; 7] = [
    "background",
    "container",
    "conversation",
    "conversation_id",
    "deferred",
    "queueRequest",
    "request_id",
];

/// What the top-level members of a body tell a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "cache"), allow(dead_code, reason = "the cache uses it"))]
pub(crate) struct Notes {
    /// It changes or polls what its provider keeps.
    pub(crate) is_stateful: bool,
    /// It asks for a stream. The last such member counts for most readers.
    pub(crate) is_stream: bool,
    /// It may name another model than the one that was read.
    pub(crate) is_ambiguous: bool,
}

impl Notes {
    /// A value begins with this byte.
    pub(super) fn see(&mut self, member: Member, byte: u8) {
        match member {
            // `null` and `false` ask for nothing.
            Member::Stateful => self.is_stateful |= !matches!(byte, b'n' | b'f'),
            STREAM => self.is_stream = byte == b't',
            _ => {}
        }
    }
}

/// A member whose key is none of those that every scanner knows. Some readers ignore the case of keys.
pub(super) fn member(key: &str) -> Member {
    if STATEFUL.iter().any(|member| key.eq_ignore_ascii_case(member)) {
        return Member::Stateful;
    }
    if key.eq_ignore_ascii_case("stream") { STREAM } else { Member::Other }
}
