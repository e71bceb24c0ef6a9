//! `[limits]`: the store that counts usage for all gateways of a process, and whether clients get
//! rate limit headers.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::pem_file::PemFile;
use super::place::{Located as _, Mistake, Source, Table, Text};
use super::redis_at::{Deadline, RawRedis, RedisAt, Url};
#[cfg(feature = "redis")]
use super::redis_at::{StoreAt, builder_at};
use super::value::Whole;
use crate::control::ControlLayer;
#[cfg(feature = "redis")]
use crate::control::limits::RedisStore;

const MOST_QUEUED: u32 = 1_000_000;

/// `[limits]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitStore {
    redis: Option<Table<Url>>,
    redis_cluster: Option<Vec<Table<Url>>>,
    redis_ca: Option<Table<PemFile>>,
    redis_certificate: Option<Table<PemFile>>,
    deadline_ms: Option<Deadline>,
    prefix: Option<Text>,
    queue: Option<Whole<1, MOST_QUEUED>>,
    rate_limit_fields: Option<bool>,
}

/// The store that the section selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LimitStoreChoice {
    rate_limit_fields: bool,
    /// The size of the store's queue.
    queue: Option<u32>,
    #[cfg(feature = "redis")]
    redis: Option<StoreAt<RedisStore>>,
}

impl LimitStoreChoice {
    pub(super) fn of(section: Table<LimitStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let fields = section.fields;
        let rate_limit_fields = fields.rate_limit_fields.unwrap_or_default();
        let raw = RawRedis {
            redis: fields.redis,
            cluster: fields.redis_cluster,
            ca: fields.redis_ca,
            identity: fields.redis_certificate,
            deadline: fields.deadline_ms,
            prefix: fields.prefix,
        };
        let at = RedisAt::read(&place, raw, source)?;
        let queue = fields.queue.map(|queue| queue.0);
        let Some(at) = at else {
            if queue.is_some() {
                let message = "`queue`: it is only for `redis` and `redis_cluster`";
                return Err(place.refuse(Kind::Conflict, message));
            }
            return Ok(Self {
                rate_limit_fields,
                queue,
                #[cfg(feature = "redis")]
                redis: None,
            });
        };
        #[cfg(feature = "redis")]
        {
            let mut builder = builder_at!(RedisStore, &at);
            if let Some(queue) = queue {
                builder = builder.queue(queue as usize);
            }
            let store = builder.build().map_err(|error| place.refuse(Kind::Value, error))?;
            Ok(Self { rate_limit_fields, queue, redis: Some(StoreAt::new(store, at)) })
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = (at, queue);
            let message = "Redis needs the feature `redis`, and this program was built without it";
            Err(place.refuse(Kind::UnknownKey, message))
        }
    }

    pub(super) fn apply(&self, layer: ControlLayer) -> ControlLayer {
        #[cfg(feature = "redis")]
        let layer = match &self.redis {
            Some(redis) => layer.limits(redis.store.clone()),
            None => layer,
        };
        layer.rate_limit_fields(self.rate_limit_fields)
    }
}
