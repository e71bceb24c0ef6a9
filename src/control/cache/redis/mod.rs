//! Entries in one Redis or Valkey, for many gateways.

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

/// The maximum number of responses that this process broadcasts at a time. Further ones are not broadcast.
const LEADERS: usize = 1_024;
/// The maximum number of responses of other processes that this process reads at a time. Each is 128 KiB
/// ahead of its readers: 32 MiB together. Further requests call the provider.
const READERS: usize = 256;
/// The maximum number of entries that are stored at a time. Further ones wait for their turn.
const PUTS: usize = 64;
/// The maximum number of chunks on their way to Redis at a time, 2 MiB together. Lookups queue behind them.
const CHUNKS_UNDER_WAY: usize = 4;

static NOTES: Notes = Notes {
    fails: "Redis keeps no answers at present: requests go to their providers",
    works: "answers are kept there",
};

/// A [`CacheStore`] in Redis or Valkey, version 7 or later, alone or as a cluster. Gateways with the same
/// prefix share entries, and identical requests that they get at the same time share one call to the
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
/// # Entries
///
/// An entry of up to 512 KiB is found in one round trip. It is one value, with a checksum over the
/// response, its key and its generation. A longer entry is several values, and valid only if all are there.
/// Anything other than what was written is a miss. Each key has a TTL, and Redis may evict any of them
/// (`maxmemory-policy allkeys-lru` or `volatile-lru`; limits need `noeviction`, and so an instance of their
/// own). If Redis evicts a generation, a new one is set: entries are lost, and no purged entry comes back.
///
/// # Across processes
///
/// The leader holds a lease of five seconds, and renews it. Followers in other processes read its response
/// from Redis, a few milliseconds later. If the response turns out not to be stored, they read it to its
/// end, and new requests call the provider. If its head shows that, the followers call the provider at
/// once. If the leader's process is killed before the head, its followers decide anew who leads. If it is
/// killed after the head, their responses break off with an error. A leader that has lost its lease can no
/// longer write: Redis compares its token with the lease in the same step.
///
/// # Trouble
///
/// A request waits for Redis no longer than the timeout for its lookup, and as long again to learn who
/// leads. Then it calls the provider. The lookup of an entry over 512 KiB may take 10 ms longer for each
/// MiB. After five failures in a row no request waits, except one a second, which finds out whether Redis
/// is back. Failures are [counted](CacheStats::failures), and logged when they begin and when they end.
/// After a failover of a replicated Redis, a purge is lost if the new master had not got it yet.
///
/// Needs a tokio runtime. TLS works as for `RedisStore`.
pub struct RedisCache {
    shared: Arc<Shared>,
}

impl RedisCache {
    /// One Redis: `redis://user:password@host:port/database`, or `rediss://` for TLS. `valkey://` and
    /// `valkeys://` mean the same.
    pub fn builder(url: impl Into<String>) -> RedisCacheBuilder {
        RedisCacheBuilder::new(vec![url.into()], false)
    }

    /// A cluster. The given nodes name the others.
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
            puts: Semaphore::new(PUTS),
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

/// Whether this process has got the lease, and the token of the lease.
fn token(value: Value) -> Result<(bool, Vec<u8>), LinkError> {
    let Value::Array(values) = value else { return Err(LinkError::malformed()) };
    match <[Value; 2]>::try_from(values) {
        Ok([is_ours, Value::BulkString(token)]) => Ok((flag(&is_ours)?, token)),
        _ => Err(LinkError::malformed()),
    }
}

/// Releases a lease if it is unknown whether this process has got it.
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
