//! Why a body cannot be read again.

use std::error::Error;
use std::fmt;

/// Why a body cannot be read (again).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayError {
    /// It is larger than what may be kept.
    TooLarge,
    /// The client has broken it off.
    Broken,
    /// The request was sent again, and this is the body of the earlier attempt.
    Superseded,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the request body is too large to be kept",
            Self::Broken => "the request body broke off",
            Self::Superseded => "the request was sent again, with this body from its beginning",
        })
    }
}

impl Error for ReplayError {}
