//! `[limits]`: the store that counts usage for all gateways of a process, and whether clients get
//! rate limit headers.

#[cfg(feature = "redis")]
use std::sync::Arc;

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{At as _, Mistake, Source, Table, Text};
use super::redis_at::{RedisAt, Url};
use super::value::Milliseconds;
use crate::control::ControlLayer;
#[cfg(feature = "redis")]
use crate::control::limits::RedisStore;

const MOST_MS: u64 = 10_000;

/// `[limits]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitStore {
    redis: Option<Table<Url>>,
    redis_cluster: Option<Vec<Table<Url>>>,
    deadline_ms: Option<Milliseconds<1, MOST_MS>>,
    prefix: Option<Text>,
    rate_limit_fields: Option<bool>,
}

/// The store that the section selects.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitStoreChoice {
    rate_limit_fields: bool,
    #[cfg(feature = "redis")]
    redis: Option<Redis>,
}

/// Connects at the first request.
#[cfg(feature = "redis")]
#[derive(Clone, Debug)]
struct Redis {
    store: Arc<RedisStore>,
    /// The settings it was built from.
    at: RedisAt,
}

impl LimitStoreChoice {
    pub(super) fn of(section: Table<LimitStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let fields = section.fields;
        let rate_limit_fields = fields.rate_limit_fields.unwrap_or_default();
        let deadline = fields.deadline_ms.map(|deadline| deadline.0);
        let (redis, cluster) = (fields.redis, fields.redis_cluster);
        let at = RedisAt::read(&place, redis, cluster, deadline, fields.prefix, source)?;
        let Some(at) = at else { return Ok(Self { rate_limit_fields, ..Self::default() }) };
        #[cfg(feature = "redis")]
        {
            let mut texts = at.texts();
            let mut builder = match (at.is_cluster, texts.next()) {
                (false, Some(url)) => RedisStore::builder(url),
                (_, first) => RedisStore::cluster(first.into_iter().chain(texts)),
            };
            if let Some(timeout) = at.deadline {
                builder = builder.timeout(timeout);
            }
            if let Some(prefix) = &at.prefix {
                builder = builder.prefix(prefix.clone());
            }
            let store = builder.build().map_err(|error| place.refuse(Kind::Value, error))?;
            Ok(Self { rate_limit_fields, redis: Some(Redis { store: Arc::new(store), at }) })
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = at;
            let message = "this program was built without the feature `redis`, which counts there";
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

    pub(super) fn is_same(&self, other: &Self) -> bool {
        #[cfg(feature = "redis")]
        {
            let at = |own: &Self| own.redis.as_ref().map(|redis| redis.at.clone());
            if at(self) != at(other) {
                return false;
            }
        }
        self.rate_limit_fields == other.rate_limit_fields
    }
}
