//! Answers in one Redis or Valkey, for many gateways.

mod both;
mod builder;
mod chunks;
mod deadline;
mod following;
mod generations;
mod leading;
mod names;
mod queue;
mod reading;
mod record;
mod room;
mod scripts;
mod shared;
mod window;

use std::fmt;
use std::sync::Arc;

use redis::Value;
use tokio::sync::Semaphore;

pub use self::builder::RedisCacheBuilder;
use self::following::Reader;
use self::leading::{LEASE, lead, release};
use self::names::{Name, Names};
use self::room::Room;
use self::scripts::{Scripts, call};
use self::shared::{KEPT, Shared, flag, millis};
use super::entry::CacheEntry;
use super::key::CachePlace;
use super::sealed::KeySeal;
use super::store::{
    CacheFuture, CacheStats, CacheStore, CacheStoreError, Found, Generation, Purge, Turn,
};
use crate::control::redis::{Failure, LinkError, Notes, Options, RedisClient, RedisStoreError};
use crate::util::budget::BodyBudget;

/// So many answers of this process are told to others at a time. Of more nobody is told.
const LEADERS: usize = 1_024;
/// So many answers of other processes are read at a time, each 128 KiB ahead of its readers: 32 MiB together.
/// More requests ask the provider.
const READERS: usize = 256;
/// So many chunks of long answers are on their way to Redis at a time, 2 MiB together: what requests ask is
/// sent behind them.
const CHUNKS_UNDER_WAY: usize = 4;

static NOTES: Notes = Notes {
    fails: "answers are not kept in Redis; requests go to their providers",
    works: "answers are kept there",
};

/// A [`CacheStore`] in Redis or Valkey, version 7 or later, alone or as a cluster: gateways with the same
/// prefix share their answers, and of identical requests that they get at the same time one goes to the
/// provider.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::control::cache::RedisCache;
/// use tower_ai_gateway::settings::Secret;
///
/// let store = RedisCache::builder("redis://redis.internal:6379")
///     .user("gateway")
///     .password(Secret::new("example-password")?)
///     .timeout(Duration::from_millis(20))
///     .build()?;
/// # let _ = store;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How it keeps
///
/// An answer is found in one round trip. It is one value with a checksum over the answer, its key and its
/// generation; over 512 KiB it is several, and all of them or none. Whatever is not exactly what was
/// written is a miss. Each key has a time to live, and Redis may evict any of them
/// (`maxmemory-policy allkeys-lru` or `volatile-lru`; limits need `noeviction`, so an instance of their own): a generation that is evicted is replaced by another,
/// so that answers are lost and none that was purged comes back.
///
/// # Across processes
///
/// Who asks the provider holds a lease of five seconds, which it renews. Others read what it gets from
/// Redis, a few milliseconds later. Where it turns out that the answer is not kept, they read it to its end,
/// and whoever comes then asks for itself. Where the one that asks is killed, they ask anew whose turn it is
/// if there was no head yet, and are broken off with an error if there was. Whoever has lost its lease can
/// no longer write: Redis compares its token with that of the lease in the same step.
///
/// # Trouble
///
/// A request waits for Redis no longer than the timeout, to find an answer and again to learn whose turn it
/// is, and asks the provider then. For an answer over 512 KiB it waits longer by 10 ms for each MiB. After
/// five failures in a row nothing waits, but for one request a second, which finds out whether Redis is
/// back. Failures are [counted](CacheStats::failures), and told of in the log when they begin and when they
/// are over. After a failover of a replicated Redis, a purge that the new master had not yet got is lost.
///
/// Needs a tokio runtime. TLS as that of `RedisStore`.
pub struct RedisCache {
    shared: Arc<Shared>,
}

impl RedisCache {
    /// One Redis: `redis://user:password@host:port/database`, or `rediss://` for TLS. `valkey://` and
    /// `valkeys://` are the same.
    pub fn builder(url: impl Into<String>) -> RedisCacheBuilder {
        RedisCacheBuilder::new(vec![url.into()], false)
    }

    /// A cluster. The other nodes are found by those that are named.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> RedisCacheBuilder {
        RedisCacheBuilder::new(urls.into_iter().map(Into::into).collect(), true)
    }

    fn new(options: &Options) -> Result<Self, RedisStoreError> {
        let shared = Shared {
            client: RedisClient::new(options, &NOTES)?,
            names: Names::new(&options.prefix),
            scripts: Scripts::new(),
            timeout: options.timeout,
            leaders: Arc::new(Semaphore::new(LEADERS)),
            readers: Arc::new(Semaphore::new(READERS)),
            chunks: Semaphore::new(CHUNKS_UNDER_WAY),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn ask_turn(
        &self,
        place: &CachePlace,
        generation: Generation,
        budget: &BodyBudget,
    ) -> Result<Turn, Failure> {
        let shared = &self.shared;
        let Ok(leader) = shared.leaders.clone().try_acquire_owned() else {
            return Ok(Turn::Lead(None));
        };
        let random = generations::random();
        let lease = shared.names.lease(place, generation);
        let counter = shared.names.counter(place.gateway);
        let mut turn = call(&shared.scripts.turn, &[&lease, &counter]);
        turn.text(&random);
        turn.number(millis(LEASE));
        turn.number(millis(KEPT));
        let mut undo = Undo { shared, lease: &lease, random, is_armed: false };
        let question = async { token(turn.send(&shared.client.link).await?) };
        let (is_ours, token) = shared.client.ask(&mut undo.is_armed, question).await?;
        if is_ours {
            let held = budget.share();
            let leading = lead(shared.clone(), *place, generation, token, held, leader);
            return Ok(Turn::Lead(Some(Box::new(leading))));
        }
        let Ok(permit) = shared.readers.clone().try_acquire_owned() else {
            return Ok(Turn::Lead(None));
        };
        let reader = Reader::new(shared.clone(), place, generation, token, budget.clone(), permit);
        Ok(Turn::Follow(Box::pin(reader.follow())))
    }
}

/// Whether the lease is ours, and its token.
fn token(value: Value) -> Result<(bool, Vec<u8>), LinkError> {
    let Value::Array(values) = value else { return Err(LinkError::malformed()) };
    match <[Value; 2]>::try_from(values) {
        Ok([is_ours, Value::BulkString(token)]) => Ok((flag(&is_ours)?, token)),
        _ => Err(LinkError::malformed()),
    }
}

/// Gives a lease up of which it is not known whether it was got.
struct Undo<'a> {
    shared: &'a Arc<Shared>,
    lease: &'a Name,
    random: [u8; 32],
    is_armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (shared, lease, random) = (self.shared.clone(), self.lease.clone(), self.random);
            runtime.spawn(async move { release(&shared, &lease, None, &random).await });
        }
    }
}

impl From<Failure> for CacheStoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => Self::Timeout,
            Failure::Link(error) => Self::Unavailable(Box::new(error)),
        }
    }
}

impl CacheStore for RedisCache {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        Box::pin(async { Ok(self.shared.get(place, Room::spare(budget)).await?) })
    }

    fn generation<'a>(
        &'a self,
        place: &'a CachePlace,
        _: &'a BodyBudget,
    ) -> CacheFuture<'a, Generation> {
        Box::pin(async { Ok(self.shared.generation(place).await?) })
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        Box::pin(async move { Ok(self.shared.put(place, entry, generation, b"").await?) })
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(self.shared.purge(what).await?) })
    }

    fn turn<'a>(
        &'a self,
        place: &'a CachePlace,
        generation: Generation,
        budget: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        Box::pin(async move { Ok(self.ask_turn(place, generation, budget).await?) })
    }

    fn seal(&self) -> CacheFuture<'_, Option<KeySeal>> {
        Box::pin(async { Ok(self.shared.seal().await?) })
    }

    fn stats(&self) -> CacheStats {
        CacheStats { failures: self.shared.client.failures(), ..CacheStats::default() }
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("link", &self.shared.client.link)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
