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
            Self::Unavailable(_) => "the cache is not available",
            Self::Broken => "an answer that another process was receiving broke off",
            Self::Unshared => "an answer that another process received cannot be shared",
            Self::UnknownKey => {
                "this key belongs to no entry of the gateway, or all entries of its time are gone"
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
