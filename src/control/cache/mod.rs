//! Caches responses and serves them again byte for byte: JSON, images, audio and event streams.
//!
//! A [`ControlLayer`](super::ControlLayer) caches where the [settings](crate::settings::cache) of a
//! gateway, or a request, ask for it.

mod answering;
mod asked;
mod blob;
mod body;
mod caching;
mod codings;
mod collect;
mod compact;
mod counts;
mod entry;
mod fit;
mod flight;
mod framing;
mod generations;
mod handle;
mod kept;
mod key;
mod lines;
mod links;
mod members;
mod memory;
mod metered;
mod own_store;
mod parts;
mod plan;
mod recent_scopes;
mod recording;
#[cfg(feature = "redis")]
mod redis;
mod repeatable;
mod replaying;
mod scopes;
mod sealed;
mod store;
mod storing;
mod target;
#[cfg(test)]
mod tests;
mod wait;
mod writer;

pub(super) use self::answering::{bypassed, hit, shared};
pub(super) use self::body::CacheBody;
pub(super) use self::caching::{Caching, Looked, Lookup, Way, answered, failed, followed};
pub use self::counts::NotStored;
pub use self::entry::{CacheEntry, NewEntry};
pub(super) use self::flight::{CallResult, Ended};
pub use self::handle::{CacheHandle, CacheReport, ContinuedCalls, PurgeTarget};
pub use self::key::{CacheKey, CachePlace, CacheScope};
pub use self::memory::MemoryCache;
pub(super) use self::plan::{Plan, Wanted, wanted};
pub(super) use self::recording::Source;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::{RedisCache, RedisCacheBuilder};
pub use self::sealed::{KeySeal, NotSealed, SealedKey};
pub use self::store::{
    Broadcast, CacheFuture, CacheStats, CacheStore, CacheStoreError, Followed, Found, Generation,
    Purge, Turn,
};
pub(super) use self::target::{Target, show};
pub(super) use self::wait::Wait;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use super::redis::RedisStoreError;
