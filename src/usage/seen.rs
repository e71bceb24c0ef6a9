//! [`SeenIds`]: ids whose usage was counted.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

use crate::util::recent::Recent;

/// The last seen ids, each for a limited time.
///
/// Per process: another process, or this one after a restart, counts them again. Only a hash of
/// each id is kept, keyed per process; the chance that two of 10,000 ids collide is 1 in 10^11.
#[derive(Debug)]
pub(crate) struct SeenIds {
    keys: RandomState,
    hashes: Recent<()>,
}

impl Default for SeenIds {
    /// 10,000 ids, each for a day.
    fn default() -> Self {
        Self::new(10_000, Duration::from_secs(24 * 60 * 60))
    }
}

impl SeenIds {
    pub(crate) fn new(capacity: usize, lifetime: Duration) -> Self {
        Self { keys: RandomState::new(), hashes: Recent::new(capacity, lifetime) }
    }

    /// The number of `id` within this process, known or not.
    pub(crate) fn number(&self, id: &(impl Hash + ?Sized)) -> u64 {
        self.keys.hash_one(id)
    }

    /// Returns true if `id` was seen before and has not expired at `now`.
    pub(crate) fn has_seen(&self, id: &(impl Hash + ?Sized), now: Instant) -> bool {
        self.hashes.contains(self.number(id), now)
    }

    /// Adds `id`. Returns true if it was not there, or had expired.
    pub(crate) fn is_new(&self, id: &(impl Hash + ?Sized), now: Instant) -> bool {
        self.hashes.insert(self.number(id), (), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_a_day() {
        let ids = SeenIds::default();
        let start = Instant::now();
        let hours = |hours: u64| start + Duration::from_secs(hours * 3600);
        assert!(ids.is_new("a", start));
        assert!(!ids.is_new("a", hours(12)));
        assert!(ids.is_new("b", hours(12)));
        assert!(!ids.is_new("a", hours(23)));
        assert!(ids.is_new("a", hours(24)));
        assert!(!ids.is_new("b", hours(24)));
        assert!(ids.has_seen("b", hours(24)) && !ids.has_seen("c", hours(24)));
        assert!(!ids.has_seen("b", hours(36)));
    }

    #[test]
    fn the_oldest_make_room() {
        let ids = SeenIds::default();
        let now = Instant::now();
        for id in 0..25_000 {
            assert!(ids.is_new(id.to_string().as_str(), now));
        }
        assert!(!ids.is_new("15000", now));
        assert!(ids.is_new("14999", now));
    }
}
