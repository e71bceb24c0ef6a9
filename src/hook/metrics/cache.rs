//! A grow-only map for metric handles and the ids of names.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rapidhash::fast::RandomState;

/// The number of lists. Usually there are dozens of entries, and at most 10,000 of those that grow
/// with traffic.
const LISTS: usize = 256;

/// A map that only grows, so a look-up takes no lock and returns a reference. It is not bounded, so
/// the number of keys must be.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    hasher: RandomState,
    lists: Box<[List<K, V>]>,
    length: AtomicUsize,
}

/// The rest of a list. Entries never move.
type List<K, V> = OnceLock<Box<Entry<K, V>>>;

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    next: List<K, V>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        let lists = (0..LISTS).map(|_| List::new()).collect();
        Self { hasher: RandomState::new(), lists, length: AtomicUsize::new(0) }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    fn list(&self, key: &(impl Hash + ?Sized)) -> &List<K, V> {
        &self.lists[self.hasher.hash_one(key) as usize % LISTS]
    }

    pub(super) fn find<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut list = self.list(key);
        loop {
            let entry = list.get()?;
            if entry.key.borrow() == key {
                return Some(&entry.value);
            }
            list = &entry.next;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    /// The value of `key`; calls `make` if there is none. Two threads may make one at once; one of
    /// them is kept.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> V) -> &V
    where
        K: Clone,
        V: Clone,
    {
        if let Some(value) = self.find(key) {
            return value;
        }
        let value = make();
        let mut list = self.list(key);
        loop {
            let entry = list.get_or_init(|| {
                self.length.fetch_add(1, Ordering::Relaxed);
                Box::new(Entry { key: key.clone(), value: value.clone(), next: List::new() })
            });
            if entry.key == *key {
                return &entry.value;
            }
            list = &entry.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn concurrent_inserts_are_found_by_all_threads() {
        // Several entries per list, added by several threads at once.
        let cache = Cache::<usize, usize>::default();
        let add = |first: usize| {
            for key in 0..3 * LISTS {
                let key = (key + first) % (3 * LISTS);
                assert_eq!(*cache.get(&key, || key + 1), key + 1);
            }
        };
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || add(thread * 100));
            }
        });
        assert_eq!(cache.len(), 3 * LISTS);
        assert!((0..3 * LISTS).all(|key| cache.find(&key) == Some(&(key + 1))));
        assert_eq!(cache.find(&(3 * LISTS)), None);
        assert_eq!(*cache.get(&7, || unreachable!("it is there")), 8);
    }
}
