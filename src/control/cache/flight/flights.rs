//! The calls under way that others can join.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Call, Flight, Joined, Member};
use crate::control::cache::counts::Counts;
use crate::control::cache::key::CacheKey;
use crate::control::cache::store::Generation;

/// Requests with the same key share a call, unless something was purged between them.
pub(super) type Key = (CacheKey, Generation);

const SHARDS: usize = 16;

pub(in crate::control) struct Flights {
    shards: [Shard; SHARDS],
    pub(in crate::control::cache) counts: Arc<Counts>,
}

#[derive(Default)]
struct Shard {
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    /// How many have closed. Who finds nothing in the store, and no flight either, must look into the
    /// store again if one has closed since.
    closed: AtomicU64,
}

impl Shard {
    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights {
    pub(in crate::control::cache) fn new(counts: Arc<Counts>) -> Self {
        Self { shards: Default::default(), counts }
    }

    fn shard(&self, key: CacheKey) -> &Shard {
        &self.shards[usize::from(key.0[31]) % SHARDS]
    }

    /// Another number after each flight of this key that has closed.
    pub(in crate::control::cache) fn closed(&self, key: CacheKey) -> u64 {
        self.shard(key).closed.load(Ordering::Acquire)
    }

    /// Takes part in the call for this key, or makes it. `most`: how many may take part.
    pub(in crate::control::cache) fn join(
        self: &Arc<Self>,
        key: Key,
        most: usize,
        call: Call,
    ) -> Member {
        loop {
            let flight = self.shard(key.0).flights().entry(key).or_insert_with(Flight::new).clone();
            match flight.join(most) {
                Joined::Member { place, is_first } => {
                    let member = Member::new(flight, place, call, self.clone(), Some(key));
                    return if is_first { member } else { member.following() };
                }
                Joined::Full => return Member::alone(call, self.clone()),
                Joined::Closed => self.close(&key, &flight),
            }
        }
    }

    /// Nobody joins this one any more.
    pub(super) fn close(&self, key: &Key, flight: &Arc<Flight>) {
        let shard = self.shard(key.0);
        let mut flights = shard.flights();
        if let Entry::Occupied(entry) = flights.entry(*key)
            && Arc::ptr_eq(entry.get(), flight)
        {
            entry.remove();
            shard.closed.fetch_add(1, Ordering::Release);
        }
    }

    /// How many calls are under way.
    pub(in crate::control::cache) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.flights().len()).sum()
    }
}
