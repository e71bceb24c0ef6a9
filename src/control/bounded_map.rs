//! A map of shared state with bounded memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::wide_hash::{Hashed, Seeds, WideHasher};

/// The minimum time between two sweeps of a full map.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// State that can be dropped when it equals a new one.
pub(super) trait Neutral {
    /// Returns true if dropping it loses nothing.
    fn is_neutral(&self, now: Instant) -> bool;
}

/// State by key. At the limit, neutral entries that nothing else holds are dropped.
///
/// Stores [hashes](Seeds) of keys, as keys may be secrets.
pub(super) struct BoundedMap<V> {
    seeds: Seeds,
    limit: usize,
    /// If the map is full and no entry can be dropped, new state is not stored.
    is_strict: bool,
    entries: Mutex<Entries<V>>,
}

struct Entries<V> {
    map: HashMap<u128, Arc<V>, Hashed>,
    /// The number of entries that triggers the next sweep.
    room: usize,
    next_sweep: Option<Instant>,
}

impl<V: Neutral> BoundedMap<V> {
    /// A map that never stores more than `limit` entries.
    pub(super) fn strict(limit: usize) -> Self {
        Self::new(limit, true)
    }

    /// A map that stores more than `limit` entries if they are in use.
    pub(super) fn growing(limit: usize) -> Self {
        Self::new(limit, false)
    }

    fn new(limit: usize, is_strict: bool) -> Self {
        let entries = Entries { map: HashMap::default(), room: limit, next_sweep: None };
        Self { seeds: Seeds::new(), limit, is_strict, entries: Mutex::new(entries) }
    }

    /// The state of the key, created if there is none.
    pub(super) fn get(&self, key: &impl Hash, make: impl FnOnce() -> V) -> Arc<V> {
        self.get_by(|hasher| key.hash(hasher), make)
    }

    /// Like [`get`](Self::get), for a key of several parts.
    pub(super) fn get_by(
        &self,
        hash: impl FnOnce(&mut WideHasher),
        make: impl FnOnce() -> V,
    ) -> Arc<V> {
        let key = self.seeds.hash(hash);
        let mut entries = self.entries();
        if let Some(known) = entries.map.get(&key) {
            return known.clone();
        }
        let value = Arc::new(make());
        if self.has_room(&mut entries) {
            entries.map.insert(key, value.clone());
        }
        value
    }

    fn has_room(&self, entries: &mut Entries<V>) -> bool {
        if entries.map.len() < entries.room {
            return true;
        }
        let now = Instant::now();
        if self.is_strict && entries.next_sweep.is_some_and(|next| now < next) {
            return false;
        }
        // Values are cloned under this lock only, so a count of 1 cannot change here.
        entries.map.retain(|_, value| Arc::strong_count(value) > 1 || !value.is_neutral(now));
        entries.next_sweep = Some(now + SWEEP_PAUSE);
        if !self.is_strict {
            // If most entries are in use, do not sweep again at every new key.
            entries.room = self.limit.max(entries.map.len() * 2);
        }
        entries.map.len() < entries.room
    }
}

impl<V> BoundedMap<V> {
    pub(super) fn into_values(self) -> impl Iterator<Item = Arc<V>> {
        let entries = self.entries.into_inner().unwrap_or_else(PoisonError::into_inner);
        entries.map.into_values()
    }

    fn entries(&self) -> MutexGuard<'_, Entries<V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> fmt::Debug for BoundedMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.entries().map.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LIMIT: usize = 1024;

    #[derive(Default)]
    struct Toy {
        busy: AtomicBool,
    }

    impl Neutral for Toy {
        fn is_neutral(&self, _: Instant) -> bool {
            !self.busy.load(Ordering::Relaxed)
        }
    }

    type Toys = BoundedMap<Toy>;

    fn get(toys: &Toys, key: usize) -> Arc<Toy> {
        toys.get(&key, Toy::default)
    }

    fn set_busy(toys: &Toys, key: usize, busy: bool) {
        get(toys, key).busy.store(busy, Ordering::Relaxed);
    }

    fn len(toys: &Toys) -> usize {
        toys.entries().map.len()
    }

    #[test]
    fn one_key_has_one_state() {
        let toys = Toys::strict(LIMIT);
        let first = get(&toys, 1);
        assert!(Arc::ptr_eq(&first, &get(&toys, 1)));
        assert!(!Arc::ptr_eq(&first, &get(&toys, 2)));
    }

    #[test]
    fn keys_differ_if_any_part_differs() {
        let toys = Toys::strict(LIMIT);
        let of = |place: (&str, &str), keys: &[&str]| {
            let hash = |hasher: &mut WideHasher| {
                place.hash(hasher);
                keys.iter().for_each(|key| key.as_bytes().hash(hasher));
            };
            toys.get_by(hash, Toy::default)
        };
        let all = [
            of(("https", "a"), &[]),
            of(("http", "a"), &[]),
            of(("https", "a"), &[""]),
            of(("https", "a"), &["xy"]),
            of(("https", "a"), &["x", "y"]),
            of(("https", "ax"), &["y"]),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(Arc::ptr_eq(a, b), i == j, "{i} {j}");
            }
        }
        assert_eq!(format!("{toys:?}"), "6 entries", "no key is shown");
    }

    #[test]
    fn neutral_unused_entries_are_dropped_at_the_limit() {
        let toys = Toys::strict(LIMIT);
        let held = get(&toys, 0);
        set_busy(&toys, 1, true);
        (2..LIMIT).for_each(|key| drop(get(&toys, key)));
        assert_eq!(len(&toys), LIMIT);
        get(&toys, LIMIT);
        assert_eq!(len(&toys), 3, "the held, the busy and the new one");
        assert!(Arc::ptr_eq(&held, &get(&toys, 0)));
        assert!(get(&toys, 1).busy.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_strict_map_full_of_entries_in_use_does_not_grow() {
        let toys = Toys::strict(LIMIT);
        (0..LIMIT).for_each(|key| set_busy(&toys, key, true));
        let loose = get(&toys, LIMIT);
        assert_eq!(len(&toys), LIMIT);
        assert!(!Arc::ptr_eq(&loose, &get(&toys, LIMIT)));
        set_busy(&toys, 0, false);
        assert!(!Arc::ptr_eq(&get(&toys, LIMIT), &get(&toys, LIMIT)), "not searched each time");
        tokio::time::advance(SWEEP_PAUSE).await;
        assert!(Arc::ptr_eq(&get(&toys, LIMIT), &get(&toys, LIMIT)));
    }

    #[test]
    fn a_growing_map_keeps_entries_in_use_and_drops_the_rest() {
        let toys = Toys::growing(LIMIT);
        let held: Vec<_> = (0..3 * LIMIT).map(|key| get(&toys, key)).collect();
        assert!(held.iter().enumerate().all(|(key, toy)| Arc::ptr_eq(toy, &get(&toys, key))));
        drop(held);
        (0..9 * LIMIT).for_each(|key| drop(get(&toys, 3 * LIMIT + key)));
        assert!(len(&toys) <= 3 * LIMIT);
        let toys = Toys::growing(LIMIT);
        let held = get(&toys, 0);
        (1..10 * LIMIT).for_each(|key| drop(get(&toys, key)));
        assert!(len(&toys) <= LIMIT);
        assert!(Arc::ptr_eq(&held, &get(&toys, 0)), "a held one is forgotten");
    }
}
