//! Why an operation of a store failed.

use std::error::Error;
use std::fmt;

/// An operation of a store failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum CacheStoreError {
    /// The store did not answer in time.
    Timeout,
    /// The store cannot be reached, or answered with an error.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// A response broke off that another process was reading from the provider.
    Broken,
    /// Another process has got a response that it does not share, so a follower calls the provider at once.
    Unshared,
    /// The sealed key is not from this store and this gateway, or the store has lost its entries since.
    UnknownKey,
}

impl fmt::Display for CacheStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the cache did not answer in time",
            Self::Unavailable(_) => "the cache cannot be used",
            Self::Broken => "an answer that another process was getting has broken off",
            Self::Unshared => "an answer that another process has got is not shared",
            Self::UnknownKey => {
                "this key is none of the gateway's, or all that was kept then is gone"
            }
        })
    }
}

impl Error for CacheStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout | Self::Broken | Self::Unshared | Self::UnknownKey => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}
