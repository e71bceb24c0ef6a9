//! Why a body cannot be read again.

use std::error::Error;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayError {
    /// It exceeds the limit.
    TooLarge,
    /// The client broke it off.
    Broken,
    /// The request was sent again; this body belongs to the earlier attempt.
    Superseded,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large to be recorded",
            Self::Broken => "the request body broke off",
            Self::Superseded => "the request was sent again, with this body from its start",
        })
    }
}

impl Error for ReplayError {}
