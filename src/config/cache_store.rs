//! `[cache]`: the store for cached answers of all gateways of a process.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::pem_file::PemFile;
use super::place::{Located, Mistake, Source, Table, Text};
use super::redis_at::{Deadline, RawRedis, RedisAt, Url};
#[cfg(feature = "redis")]
use super::redis_at::{StoreAt, builder_at};
use super::value::form;
use crate::control::ControlLayer;
use crate::control::cache::MemoryCache;
#[cfg(feature = "redis")]
use crate::control::cache::RedisCache;

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
    deadline_ms: Option<Deadline>,
    prefix: Option<Text>,
}

/// The store that the section selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CacheStoreChoice {
    memory_bytes: Option<u64>,
    #[cfg(feature = "redis")]
    redis: Option<StoreAt<RedisCache>>,
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
            deadline: fields.deadline_ms,
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
            Ok(Self { memory_bytes, redis: Some(StoreAt::new(store, at)) })
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
}
