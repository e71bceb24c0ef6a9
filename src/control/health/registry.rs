//! State by key, in bounded memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many entries there may be.
const LIMIT: usize = 4096;
/// How soon a full map is searched again for what can go.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// State that may be forgotten where it says nothing.
pub(crate) trait Neutral {
    /// Whether a new one would do as well.
    fn is_neutral(&self, now: Instant) -> bool;
}

/// State by key. Beyond 4096 entries those go that are neutral and that nobody holds; where all
/// others must stay, new ones are not kept.
pub(crate) struct Registry<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    map: HashMap<K, Arc<V>>,
    next_sweep: Option<Instant>,
}

impl<K, V> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries { map: HashMap::new(), next_sweep: None }))
    }
}

impl<K: Hash + Eq, V: Neutral> Registry<K, V> {
    /// What is there for the key, or else what is made for it.
    pub(crate) fn get<Q>(&self, key: &Q, now: Instant, make: impl FnOnce() -> (K, V)) -> Arc<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut entries = self.entries();
        if let Some(known) = entries.map.get(key) {
            return known.clone();
        }
        let (key, value) = make();
        let value = Arc::new(value);
        if entries.has_room(now) {
            entries.map.insert(key, value.clone());
        }
        value
    }
}

impl<K, V> Registry<K, V> {
    fn entries(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V: Neutral> Entries<K, V> {
    fn has_room(&mut self, now: Instant) -> bool {
        if self.map.len() >= LIMIT && self.next_sweep.is_none_or(|next| now >= next) {
            // Whoever holds one got it under this lock.
            self.map.retain(|_, value| Arc::strong_count(value) > 1 || !value.is_neutral(now));
            self.next_sweep = Some(now + SWEEP_PAUSE);
        }
        self.map.len() < LIMIT
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.entries().map.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Default)]
    struct Toy {
        busy: AtomicBool,
    }

    impl Neutral for Toy {
        fn is_neutral(&self, _: Instant) -> bool {
            !self.busy.load(Ordering::Relaxed)
        }
    }

    fn get(registry: &Registry<usize, Toy>, key: usize, now: Instant) -> Arc<Toy> {
        registry.get(&key, now, || (key, Toy::default()))
    }

    fn len(registry: &Registry<usize, Toy>) -> usize {
        registry.entries().map.len()
    }

    #[test]
    fn one_key_has_one_state() {
        let (registry, now) = (Registry::default(), Instant::now());
        let first = get(&registry, 1, now);
        assert!(Arc::ptr_eq(&first, &get(&registry, 1, now)));
        assert!(!Arc::ptr_eq(&first, &get(&registry, 2, now)));
    }

    #[test]
    fn what_is_neutral_and_free_goes_at_the_limit() {
        let (registry, now) = (Registry::default(), Instant::now());
        let held = get(&registry, 0, now);
        get(&registry, 1, now).busy.store(true, Ordering::Relaxed);
        for key in 2..LIMIT {
            get(&registry, key, now);
        }
        assert_eq!(len(&registry), LIMIT);
        get(&registry, LIMIT, now);
        assert_eq!(len(&registry), 3, "the held, the busy and the new one");
        assert!(Arc::ptr_eq(&held, &get(&registry, 0, now)));
        assert!(get(&registry, 1, now).busy.load(Ordering::Relaxed));
    }

    #[test]
    fn a_map_full_of_what_must_stay_does_not_grow() {
        let (registry, now) = (Registry::default(), Instant::now());
        for key in 0..LIMIT {
            get(&registry, key, now).busy.store(true, Ordering::Relaxed);
        }
        let loose = get(&registry, LIMIT, now);
        assert_eq!(len(&registry), LIMIT);
        assert!(!Arc::ptr_eq(&loose, &get(&registry, LIMIT, now)));
        get(&registry, 0, now).busy.store(false, Ordering::Relaxed);
        get(&registry, LIMIT, now);
        assert!(get(&registry, 0, now + SWEEP_PAUSE).is_neutral(now), "not searched each time");
        get(&registry, LIMIT, now + SWEEP_PAUSE);
        assert!(Arc::ptr_eq(
            &get(&registry, LIMIT, now + SWEEP_PAUSE),
            &get(&registry, LIMIT, now + SWEEP_PAUSE)
        ));
    }
}
