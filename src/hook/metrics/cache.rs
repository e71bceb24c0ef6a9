//! A map of metric handles.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use rapidhash::fast::RandomState;

/// A read-mostly map of handles. It is not bounded, so its keys must be.
#[derive(Debug)]
pub(super) struct Cache<K, V>(RwLock<HashMap<K, V, RandomState>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn find(&self, key: &K) -> Option<V> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The value of `key`; calls `make` if there is none. No lock is held during the call, so two
    /// may be made at once, of which one is kept.
    pub(super) fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        self.find(&key).unwrap_or_else(|| {
            let made = make();
            let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
            map.entry(key).or_insert(made).clone()
        })
    }
}
