//! Why a request has no key.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use tower::BoxError;

use crate::hook::Failure;
use crate::response::failure::UpstreamError;

/// A request has no key for its provider. Nothing was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The source has no key.
    NoKey,
    /// The source failed. Clients do not see its error.
    Source(Arc<dyn Error + Send + Sync>),
}

impl KeyError {
    pub(super) fn source_failed(error: BoxError) -> Self {
        Self::Source(error.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "there is no key for the provider",
            Self::Source(_) => "the key for the provider could not be fetched",
        })
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoKey => None,
            Self::Source(error) => Some(&**error),
        }
    }
}

impl UpstreamError for KeyError {
    fn failure(&self) -> Option<Failure> {
        Some(match self {
            Self::NoKey => Failure::NoKey,
            Self::Source(_) => Failure::KeySource,
        })
    }
}
