//! Why a store could not be asked.

use std::error::Error;
use std::fmt;

/// A store could not be asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum CacheStoreError {
    /// It did not answer in time.
    Timeout,
    /// It cannot be reached, or has answered with an error.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// What another process was getting has broken off.
    Broken,
    /// A key that was shown is none of this gateway's in this store, or all is gone that was kept then.
    UnknownKey,
}

impl fmt::Display for CacheStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the cache did not answer in time",
            Self::Unavailable(_) => "the cache cannot be used",
            Self::Broken => "an answer that another process was getting has broken off",
            Self::UnknownKey => {
                "this key is none of the gateway's, or all that was kept then is gone"
            }
        })
    }
}

impl Error for CacheStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout | Self::Broken | Self::UnknownKey => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}
