//! Why a response with several readers breaks off.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// An error that several readers get.
#[derive(Clone, Debug)]
pub(super) struct SharedError(pub(super) Arc<dyn Error + Send + Sync>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Why a shared response broke off for one of its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum FlightError {
    /// The other readers read on, and the reader's unread frames were dropped.
    Slow,
    /// A poll of the call has panicked.
    Panicked,
}

impl fmt::Display for FlightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "a shared answer has grown beyond what is held for a slow reader",
            Self::Panicked => "the call that several requests share panicked",
        })
    }
}

impl Error for FlightError {}
