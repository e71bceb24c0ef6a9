//! Reads generations, and writes entries.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use redis::{Cmd, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::both::both;
use super::chunks::{CHUNK, Chunks, UNLISTED};
use super::deadline::Deadline;
use super::generations::{self, Generations, random};
use super::names::{Name, Names};
use super::scripts::{Scripts, call};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::key::CachePlace;
use crate::control::cache::sealed::KeySeal;
use crate::control::cache::store::{Generation, Purge};
use crate::control::redis::{Failure, LinkError, RedisClient};

/// The timeout of a write. No request waits for it, so it is longer than that of a lookup.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum time to store an entry, turn included: its chunks must not expire before a list names them.
const PUT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a generation stays after its last use: a purge, or the end of its last entry.
pub(super) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a generation stays that no entry and no purge has used: longer than any response takes, but
/// short, because clients name models and custom keys as they like.
const BEGUN: Duration = Duration::from_secs(60 * 60);
/// How long a lease stays after its response is stored: requests may have looked up the entry before.
const LINGER: Duration = Duration::from_secs(1);
/// Longer entries are encoded and decoded on a blocking thread.
pub(super) const LONG: usize = 1 << 20;

/// What all operations share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: RedisClient,
    pub(super) names: Names,
    pub(super) scripts: Scripts,
    /// How long a request waits for Redis.
    pub(super) timeout: Duration,
    /// Permits to broadcast responses, and to read those of other processes.
    pub(super) leaders: Arc<Semaphore>,
    pub(super) readers: Arc<Semaphore>,
    /// Permits to store entries, each of which is encoded meanwhile.
    pub(super) puts: Semaphore,
    /// Permits for chunks on their way to Redis.
    pub(super) chunks: Semaphore,
}

impl Shared {
    /// The current seal.
    pub(super) async fn seal(&self) -> Result<Option<KeySeal>, Failure> {
        let get = redis::Cmd::get(self.names.everything());
        let question = async { generations::value(self.client.link.send(&get).await?) };
        let everything = self.client.ask(&mut false, question).await?;
        Ok(everything.as_deref().map(generations::seal))
    }

    /// The generations of a place, and the value of `entry`.
    pub(super) async fn look(
        &self,
        place: &CachePlace,
        entry: Option<&Name>,
        deadline: Deadline,
    ) -> Result<(Generations, Option<Vec<u8>>), Failure> {
        let names = self.names.generations(place);
        let mut own = redis::cmd("MGET");
        own.arg(&names).arg(entry);
        let everything = redis::Cmd::get(self.names.everything());
        let count = names.len() + usize::from(entry.is_some());
        let question = async {
            let link = &self.client.link;
            let (own, everything) = both(link.send(&own), link.send(&everything)).await;
            Ok((generations::values(own?, count)?, generations::value(everything?)?))
        };
        let (mut own, everything) =
            self.client.ask_within(deadline.left(), &mut false, question).await?;
        let value = if entry.is_some() { own.pop().flatten() } else { None };
        let own: Option<Vec<_>> = own.into_iter().collect();
        match (own, everything) {
            (Some(own), Some(everything)) => Ok((Generations { everything, own }, value)),
            // A stored entry is valid for another generation.
            _ => Ok((self.begin(&names, deadline).await?, None)),
        }
    }

    /// Sets missing generations.
    async fn begin(&self, names: &[Name], deadline: Deadline) -> Result<Generations, Failure> {
        let random = random();
        let mut own = call(&self.scripts.begin, &names.iter().collect::<Vec<_>>());
        own.text(&random);
        own.number(millis(BEGUN));
        let mut everything = redis::cmd("SET");
        everything.arg(self.names.everything()).arg(&random);
        everything.arg("NX").arg("GET").arg("PX").arg(millis(KEPT));
        let question = async {
            let link = &self.client.link;
            let (own, everything) = both(own.send(link), link.send(&everything)).await;
            let own = generations::values(own?, names.len())?.into_iter();
            let own = own.collect::<Option<_>>().ok_or_else(LinkError::malformed)?;
            let everything = generations::value(everything?)?.unwrap_or_else(|| random.to_vec());
            Ok(Generations { everything, own })
        };
        self.client.ask_within(deadline.left(), &mut false, question).await
    }

    /// Stores an entry, unless its place was purged, another process holds the lease, or the entry's budget
    /// has no room for its encoded form. `token`: that of the held lease; empty if nobody may hold one.
    /// Returns whether the entry is stored.
    pub(super) async fn put(
        &self,
        place: &CachePlace,
        entry: CacheEntry,
        generation: Generation,
        token: &[u8],
    ) -> Result<bool, Failure> {
        let mut chunks = Vec::new();
        let put = self.put_with(place, entry, generation, token, &mut chunks);
        let is_kept = timeout(PUT_TIMEOUT, put).await.unwrap_or(Err(Failure::Timeout));
        if !matches!(is_kept, Ok(true)) {
            self.drop_chunks(&chunks).await;
        }
        is_kept
    }

    /// The same without a time limit. `names`: gets the names of the chunks.
    async fn put_with(
        &self,
        place: &CachePlace,
        entry: CacheEntry,
        generation: Generation,
        token: &[u8],
        names: &mut Vec<Name>,
    ) -> Result<bool, Failure> {
        // The semaphore is never closed.
        let _permit = self.puts.acquire().await;
        let deadline = Deadline::within(WRITE_TIMEOUT);
        let (generations, _) = self.look(place, None, deadline).await?;
        let left = end_of(&entry).and_then(|end| end.duration_since(SystemTime::now()).ok());
        let Some(left) = left.filter(|left| millis(*left) > 0) else { return Ok(false) };
        if generations.of_flight() != generation {
            return Ok(false);
        }
        // The encoded entry may outlive the entry, which is gone with its last reader.
        let mut held = entry.share();
        if held.as_mut().is_some_and(|held| !held.grow_modestly(entry.encoded_len())) {
            return Ok(false);
        }
        let fresh_for = entry.parts().fresh_for;
        let blob = encode(entry, *place, generations.of_entry()).await;
        let name = self.names.entry(place.gateway, place.key);
        let value = match blob.len() > CHUNK {
            false => blob,
            true => {
                let chunks = Chunks::new(blob.len());
                names.extend(chunks.names(&name));
                for (name, chunk) in names.iter().zip(blob.chunks(CHUNK)) {
                    let mut command = redis::cmd("SET");
                    command.arg(name).arg(chunk).arg("PX").arg(millis(UNLISTED));
                    // The semaphore is never closed.
                    let _permit = self.chunks.acquire().await;
                    self.write(&command).await?;
                }
                chunks.to_text().into()
            }
        };
        let own = self.names.generations(place);
        let lease = self.names.lease(place, generation);
        let mut keys = vec![&name, &lease];
        keys.extend(own.iter().chain(&*names));
        let mut store = call(&self.scripts.store, &keys);
        store.text(token);
        store.text(&value);
        store.number(millis(left));
        store.number(millis(LINGER.min(fresh_for)));
        let generations_for = millis(left.saturating_add(KEPT));
        store.number(generations_for);
        generations.own.iter().for_each(|own| store.text(own));
        let question = async { flag(&store.send(&self.client.link).await?) };
        let is_kept = self.client.ask_within(WRITE_TIMEOUT, &mut false, question).await?;
        if is_kept {
            // This key is in another slot of a cluster, so no script can set it with the others.
            let mut command = redis::cmd("PEXPIRE");
            command.arg(self.names.everything()).arg(generations_for).arg("GT");
            let _ = self.write(&command).await;
        }
        Ok(is_kept)
    }

    /// Deletes chunks that no list names. They expire if that fails.
    async fn drop_chunks(&self, names: &[Name]) {
        if !names.is_empty() {
            let mut command = redis::cmd("UNLINK");
            command.arg(names);
            let _ = self.write(&command).await;
        }
    }

    async fn write(&self, command: &Cmd) -> Result<Value, Failure> {
        let question = self.client.link.send(command);
        self.client.ask_within(WRITE_TIMEOUT, &mut false, question).await
    }

    pub(super) async fn purge(&self, what: &Purge) -> Result<(), Failure> {
        let name = match *what {
            Purge::All => self.names.everything(),
            Purge::Gateway(gateway) => self.names.gateway(gateway),
            Purge::Part { gateway, part } => self.names.part(gateway, part),
            Purge::Entry { gateway, key } => {
                let entry = self.names.entry(gateway, key);
                let purges = self.names.purges(gateway);
                let mut forget = call(&self.scripts.forget, &[&entry, &purges]);
                forget.text(&random());
                forget.number(millis(KEPT));
                let question = forget.send(&self.client.link);
                self.client.ask_within(WRITE_TIMEOUT, &mut false, question).await?;
                return Ok(());
            }
        };
        let mut command = redis::cmd("SET");
        command.arg(name).arg(&random()).arg("PX").arg(millis(KEPT));
        self.write(&command).await.map(drop)
    }
}

async fn encode(entry: CacheEntry, place: CachePlace, generation: Generation) -> Vec<u8> {
    let bytes: usize = entry.parts().frames.iter().map(Bytes::len).sum();
    let encode = move || entry.to_bytes(&place, generation);
    match bytes > LONG {
        // The encoder does not panic. If it did, an empty value would be a miss.
        true => tokio::task::spawn_blocking(encode).await.unwrap_or_default(),
        false => encode(),
    }
}

/// When an entry expires for good; `None` if no clock gets there.
pub(super) fn end_of(entry: &CacheEntry) -> Option<SystemTime> {
    let entry = entry.parts();
    entry.stored_at.checked_add(entry.fresh_for)?.checked_add(entry.stale_for)
}

/// Reads 1 or 0.
pub(super) fn flag(value: &Value) -> Result<bool, LinkError> {
    match value {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(LinkError::malformed()),
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use tokio::time::Instant;

    use super::*;
    use crate::control::cache::entry::NewEntry;
    use crate::control::cache::key::{CacheKey, CacheScope};
    use crate::control::cache::redis::{PUTS, RedisCache};

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_finds_no_turn_is_not_stored() {
        let store = RedisCache::builder("redis://127.0.0.1:1").build().unwrap();
        let _others = store.shared.puts.acquire_many(PUTS as u32).await.unwrap();
        let scope = CacheScope([0; 16]);
        let (key, custom) = (CacheKey([0; 32]), None);
        let place = CachePlace { key, gateway: scope, provider: scope, model: scope, custom };
        let entry = CacheEntry::new(NewEntry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            frames: Vec::new(),
            times: Vec::new(),
            trailers: None,
            stored_at: SystemTime::now(),
            fresh_for: KEPT,
            stale_for: Duration::ZERO,
        });
        let began = Instant::now();
        let is_kept = store.shared.put(&place, entry, Generation(0), b"").await;
        assert!(matches!(is_kept, Err(Failure::Timeout)), "{is_kept:?}");
        assert_eq!(began.elapsed(), PUT_TIMEOUT);
        // With time left for a failure of the last chunk.
        assert!(2 * PUT_TIMEOUT < UNLISTED);
    }
}
