//! [`Recent`]: the last ids and their values, for a limited time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At most `capacity` ids, each for `lifetime`. The oldest make room for newer ones.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    entries: Mutex<Entries<V>>,
    capacity: usize,
    lifetime: Duration,
}

#[derive(Debug)]
struct Entries<V> {
    values: HashMap<u64, V>,
    /// In the order of arrival, including ids that were taken.
    order: VecDeque<(u64, Instant)>,
}

impl<V> Recent<V> {
    pub(crate) fn new(capacity: usize, lifetime: Duration) -> Self {
        let entries = Entries { values: HashMap::new(), order: VecDeque::new() };
        Self { entries: Mutex::new(entries), capacity, lifetime }
    }

    /// Adds `id`, or replaces its value and keeps its age. Returns true if it was not there, or had
    /// expired.
    pub(crate) fn insert(&self, id: u64, value: V, now: Instant) -> bool {
        let mut entries = self.entries_at(now);
        if entries.values.insert(id, value).is_some() {
            return false;
        }
        entries.order.push_back((id, now));
        if entries.order.len() > self.capacity {
            entries.remove_oldest();
        }
        true
    }

    /// Returns true if `id` is there and has not expired at `now`.
    pub(crate) fn contains(&self, id: u64, now: Instant) -> bool {
        self.entries_at(now).values.contains_key(&id)
    }

    /// Removes `id` and returns its value if it has not expired at `now`.
    #[cfg(feature = "limits")]
    pub(crate) fn take(&self, id: u64, now: Instant) -> Option<V> {
        self.entries_at(now).values.remove(&id)
    }

    /// The entries that have not expired at `now`.
    fn entries_at(&self, now: Instant) -> MutexGuard<'_, Entries<V>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, since)) = entries.order.front()
            && now.saturating_duration_since(*since) >= self.lifetime
        {
            entries.remove_oldest();
        }
        entries
    }
}

impl<V> Entries<V> {
    fn remove_oldest(&mut self) {
        if let Some((oldest, _)) = self.order.pop_front() {
            self.values.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_id_expires_after_its_lifetime() {
        let recent = Recent::new(10, HOUR);
        let start = Instant::now();
        assert!(recent.insert(1, 'a', start));
        assert!(!recent.insert(1, 'b', start + HOUR / 2));
        assert!(recent.contains(1, start + HOUR - Duration::from_nanos(1)));
        assert!(!recent.contains(1, start + HOUR));
        assert!(recent.insert(1, 'c', start + HOUR));
    }

    #[test]
    fn there_are_never_more_than_the_capacity() {
        let recent = Recent::new(3, HOUR);
        let now = Instant::now();
        for id in 0..10 {
            recent.insert(id, (), now);
        }
        let entries = recent.entries.lock().unwrap();
        assert_eq!((entries.order.len(), entries.values.len()), (3, 3));
        assert!(entries.values.contains_key(&7) && !entries.values.contains_key(&6));
    }
}
