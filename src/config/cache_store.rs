//! `[cache]`: where all gateways of a process keep answers.

use serde::Deserialize;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{At, Mistake, Source, Table, Text};
use super::redis_at::{RedisAt, Url};
use super::value::{Milliseconds, form};
use crate::control::ControlLayer;

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
    deadline_ms: Option<Milliseconds<1, MOST_MS>>,
    prefix: Option<Text>,
}

/// What the section says.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptIn {
    memory_bytes: Option<u64>,
    redis: Option<RedisAt>,
}

impl KeptIn {
    pub(super) fn of(section: Table<CacheStore>, source: &Source<'_>) -> Result<Self, Mistake> {
        let place = section.place();
        let fields = section.fields;
        let memory_bytes = fields.memory_bytes.map(|bytes| bytes.0);
        let redis = RedisAt::read(
            &place,
            fields.redis,
            fields.redis_cluster,
            fields.deadline_ms.map(|deadline| deadline.0),
            fields.prefix,
            source,
        )?;
        if memory_bytes.is_some() && redis.is_some() {
            let message = "`memory_bytes` is of the memory of this process, and `redis` says to keep \
                           answers there: keep one of the two";
            return Err(place.refuse(Kind::Conflict, message));
        }
        Ok(Self { memory_bytes, redis })
    }

    pub(super) fn apply(&self, layer: ControlLayer) -> ControlLayer {
        layer
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.memory_bytes == other.memory_bytes && self.redis == other.redis
    }
}
