//! `[limits]`: where all gateways of a process count what is used, and what clients are told of it.

#[cfg(feature = "redis")]
use std::sync::Arc;
#[cfg(feature = "redis")]
use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::holder::holder;
use super::place::{At, Mistake, Source, Table, Text};
use super::value::Milliseconds;
use crate::control::ControlLayer;
#[cfg(feature = "redis")]
use crate::control::limits::RedisStore;
#[cfg(feature = "redis")]
use crate::settings::digest;

const MOST_MS: u64 = 10_000;

/// A URL, which may hold a password: the file says where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Url {
    env: Option<Text>,
    file: Option<Text>,
}

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
    /// What it was built with, URLs as digests.
    given: (bool, Vec<[u8; 32]>, Option<Duration>, Option<String>),
}

impl CountedIn {
    pub(super) fn of(section: Table<LimitStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let fields = section.fields;
        let rate_limit_fields = fields.rate_limit_fields.unwrap_or_default();
        let (urls, is_cluster) = match (fields.redis, fields.redis_cluster) {
            (None, None) => {
                let alone = "it is for `redis` and `redis_cluster`";
                if let Some(prefix) = &fields.prefix {
                    return Err(prefix.refuse(Kind::Conflict, alone));
                }
                if fields.deadline_ms.is_some() {
                    return Err(
                        place.refuse(Kind::Conflict, format_args!("`deadline_ms`: {alone}"))
                    );
                }
                return Ok(Self { rate_limit_fields, ..Self::default() });
            }
            (Some(url), None) => (vec![url], false),
            (None, Some(urls)) if !urls.is_empty() => (urls, true),
            (None, Some(_)) => {
                return Err(place.refuse(Kind::Value, "a cluster has a node at least"));
            }
            (Some(url), Some(_)) => {
                return Err(url.refuse(Kind::Conflict, "it is one of `redis` and `redis_cluster`"));
            }
        };
        let mut read = Vec::with_capacity(urls.len());
        for url in &urls {
            let Some(holder) = holder(&url.env, &url.file)? else {
                return Err(url.refuse(Kind::Missing, "a URL of Redis has one of `env` and `file`"));
            };
            read.push(holder.read(source)?);
        }
        #[cfg(feature = "redis")]
        {
            let texts: Vec<_> = read.iter().map(|url| url.plain().as_bytes()).collect();
            let digests = texts.iter().map(|url| digest(url)).collect();
            let mut texts = texts.iter().map(|url| String::from_utf8_lossy(url).into_owned());
            let mut builder = match (is_cluster, texts.next()) {
                (false, Some(url)) => RedisStore::builder(url),
                (_, first) => RedisStore::cluster(first.into_iter().chain(texts)),
            };
            let timeout = fields.deadline_ms.map(|deadline| deadline.0);
            let prefix = fields.prefix.map(|prefix| prefix.into_inner());
            if let Some(timeout) = timeout {
                builder = builder.timeout(timeout);
            }
            if let Some(prefix) = &prefix {
                builder = builder.prefix(prefix.clone());
            }
            let store = builder.build().map_err(|error| place.refuse(Kind::Value, error))?;
            let given = (is_cluster, digests, timeout, prefix);
            Ok(Self { rate_limit_fields, redis: Some(Redis { store: Arc::new(store), given }) })
        }
        #[cfg(not(feature = "redis"))]
        {
            let _ = (is_cluster, read);
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
            let given = |own: &Self| own.redis.as_ref().map(|redis| redis.given.clone());
            if given(self) != given(other) {
                return false;
            }
        }
        self.rate_limit_fields == other.rate_limit_fields
    }
}
