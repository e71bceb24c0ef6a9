//! Where a scanner is in its document.

use crate::json::nested::Nested;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Start,
    Marker {
        matched: usize,
    },
    /// At the start of an array that may contain an error.
    ArrayStart,
    /// At the start of an error, which counts once it has a member.
    ErrorStart,
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
    /// The rest of this document is irrelevant.
    Ignored,
}
