//! Answers that are kept, and given again byte for byte: JSON, images, audio and event streams.
//!
//! A [`ControlLayer`](super::ControlLayer) does it where the
//! [settings](crate::settings::cache) of a gateway or a request ask for it.

mod asked;
mod blob;
mod entry;
mod kept;
mod key;
#[cfg(feature = "redis")]
mod redis;
mod store;

pub use self::entry::{CacheEntry, NewEntry};
pub use self::key::{CacheKey, CachePlace, CacheScope};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{RedisCache, RedisCacheBuilder};
pub use self::store::{
    Broadcast, CacheFuture, CacheStats, CacheStore, CacheStoreError, Followed, Found, Generation,
    Purge, Turn,
};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use super::redis::RedisStoreError;
