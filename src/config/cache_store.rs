//! `[cache]`: the store for cached answers of all gateways of a process.

#[cfg(feature = "redis")]
use std::sync::Arc;

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::pem_file::PemFile;
use super::place::{At, Mistake, Source, Table, Text};
#[cfg(feature = "redis")]
use super::redis_at::builder_at;
use super::redis_at::{RawRedis, RedisAt, Url};
use super::value::{Milliseconds, form};
use crate::control::ControlLayer;
use crate::control::cache::MemoryCache;
#[cfg(feature = "redis")]
use crate::control::cache::RedisCache;

const MOST_MS: u64 = 10_000;

form!(MemoryBytes(u64), "a whole number of bytes from 1048576 to 2^53", |bytes| (1 << 20
    ..=1 << 53)
    .contains(bytes));

/// `[cache]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CacheStore {
    memory_bytes: Option<MemoryBytes>,
    redis: Option<Table<Url>>,
    redis_cluster: Option<Vec<Table<Url>>>,
    redis_ca: Option<Table<PemFile>>,
    redis_certificate: Option<Table<PemFile>>,
    deadline_ms: Option<Milliseconds<1, MOST_MS>>,
    prefix: Option<Text>,
}

/// The store that the section selects.
#[derive(Clone, Debug, Default)]
pub(super) struct CacheStoreChoice {
    memory_bytes: Option<u64>,
    #[cfg(feature = "redis")]
    redis: Option<Redis>,
}

/// Connects at the first request.
#[cfg(feature = "redis")]
#[derive(Clone, Debug)]
struct Redis {
    store: Arc<RedisCache>,
    /// The settings it was built from.
    at: RedisAt,
}

impl CacheStoreChoice {
    pub(super) fn of(section: Table<CacheStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let fields = section.fields;
        let memory_bytes = fields.memory_bytes.map(|bytes| bytes.0);
        let raw = RawRedis {
            redis: fields.redis,
            cluster: fields.redis_cluster,
            ca: fields.redis_ca,
            identity: fields.redis_certificate,
            deadline: fields.deadline_ms.map(|deadline| deadline.0),
            prefix: fields.prefix,
        };
        let at = RedisAt::read(&place, raw, source)?;
        let Some(at) = at else {
            return Ok(Self {
                memory_bytes,
                #[cfg(feature = "redis")]
                redis: None,
            });
        };
        if memory_bytes.is_some() {
            let message = "`memory_bytes` is of the memory of this process, and `redis` says to keep \
                           answers there: keep one of the two";
            return Err(place.refuse(Kind::Conflict, message));
        }
        #[cfg(feature = "redis")]
        {
            let store = builder_at!(RedisCache, &at)
                .build()
                .map_err(|error| place.refuse(Kind::Value, error))?;
            Ok(Self { memory_bytes, redis: Some(Redis { store: Arc::new(store), at }) })
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = at;
            let message = "Redis needs the feature `redis`, and this program was built without it";
            Err(place.refuse(Kind::UnknownKey, message))
        }
    }

    pub(super) fn apply(&self, layer: ControlLayer) -> ControlLayer {
        #[cfg(feature = "redis")]
        if let Some(redis) = &self.redis {
            return layer.cache(redis.store.clone());
        }
        match self.memory_bytes {
            Some(bytes) => layer.cache(MemoryCache::with_capacity(bytes)),
            None => layer,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        #[cfg(feature = "redis")]
        {
            let at = |own: &Self| own.redis.as_ref().map(|redis| redis.at.clone());
            if at(self) != at(other) {
                return false;
            }
        }
        self.memory_bytes == other.memory_bytes
    }
}
