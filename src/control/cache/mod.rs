//! Answers that are kept, and given again byte for byte: JSON, images, audio and event streams.
//!
//! A [`ControlLayer`](super::ControlLayer) does it where the
//! [settings](crate::settings::cache) of a gateway or a request ask for it.

mod asked;
mod codings;
mod entry;
mod kept;
mod key;
mod repeatable;
mod store;
#[cfg(test)]
mod tests;

pub use self::entry::{CacheEntry, NewEntry};
pub use self::key::{CacheKey, CachePlace, CacheScope};
pub use self::store::{
    Broadcast, CacheFuture, CacheStats, CacheStore, CacheStoreError, Followed, Found, Generation,
    Purge, Turn,
};
