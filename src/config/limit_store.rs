//! `[limits]`: where all gateways of a process count what is used, and what clients are told of it.

#[cfg(feature = "redis")]
use std::sync::Arc;

use serde::Deserialize;

#[cfg(feature = "redis")]
use super::error::ConfigFileErrorKind as Kind;
use super::place::{At as _, Mistake, Source, Table, Text};
#[cfg(feature = "redis")]
use super::redis::Given;
use super::redis::{Deadline, Keys, Url};
use crate::control::ControlLayer;
#[cfg(feature = "redis")]
use crate::control::limits::RedisStore;

/// `[limits]`
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitStore {
    redis: Option<Table<Url>>,
    redis_cluster: Option<Vec<Table<Url>>>,
    deadline_ms: Option<Deadline>,
    prefix: Option<Text>,
    rate_limit_fields: Option<bool>,
}

/// What the section says.
#[derive(Clone, Debug, Default)]
pub(super) struct CountedIn {
    rate_limit_fields: bool,
    #[cfg(feature = "redis")]
    redis: Option<Redis>,
}

/// Nothing is connected before the first request.
#[cfg(feature = "redis")]
#[derive(Clone, Debug)]
struct Redis {
    store: Arc<RedisStore>,
    given: Given,
}

impl CountedIn {
    pub(super) fn of(section: Table<LimitStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let LimitStore { redis, redis_cluster, deadline_ms, prefix, rate_limit_fields } =
            section.fields;
        let rate_limit_fields = rate_limit_fields.unwrap_or_default();
        let keys = Keys { redis, redis_cluster, deadline_ms, prefix };
        let Some(redis) = keys.read(&place, source, "which counts there")? else {
            return Ok(Self { rate_limit_fields, ..Self::default() });
        };
        #[cfg(feature = "redis")]
        {
            let (urls, given) = (redis.urls, redis.given);
            let mut builder = match (given.is_cluster, &urls[..]) {
                (false, [url]) => RedisStore::builder(url),
                _ => RedisStore::cluster(urls),
            };
            if let Some(timeout) = given.timeout {
                builder = builder.timeout(timeout);
            }
            if let Some(prefix) = &given.prefix {
                builder = builder.prefix(prefix.clone());
            }
            let store = builder.build().map_err(|error| place.refuse(Kind::Value, error))?;
            Ok(Self { rate_limit_fields, redis: Some(Redis { store: Arc::new(store), given }) })
        }
        #[cfg(not(feature = "redis"))]
        match redis {}
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
            let given = |own: &Self| own.redis.as_ref().map(|redis| redis.given.clone());
            if given(self) != given(other) {
                return false;
            }
        }
        self.rate_limit_fields == other.rate_limit_fields
    }
}
