//! The generation of each place, so that no response from before a purge is stored after it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::key::{CacheKey, CachePlace, CacheScope};
use super::store::{Generation, Purge};

/// The maximum number of purges that are remembered one by one. The next one purges everything.
const MOST: usize = 4096;

/// Numbers purges with one counter. The generation of a place is the number of its last purge.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// The last purge of everything.
    all: AtomicU64,
    /// The last purge of any kind.
    last: AtomicU64,
    parts: RwLock<HashMap<Purged, u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Purged {
    Gateway(CacheScope),
    Part(CacheScope, CacheScope),
    Entry(CacheKey),
}

impl Generations {
    pub(super) fn of(&self, place: &CachePlace) -> Generation {
        let all = self.all.load(Ordering::Acquire);
        if self.last.load(Ordering::Acquire) == all {
            return Generation(all);
        }
        let CachePlace { key, gateway, provider, model, custom } = *place;
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let custom = custom.map(|custom| Purged::Part(gateway, custom));
        let purged = [
            Purged::Gateway(gateway),
            Purged::Part(gateway, provider),
            Purged::Part(gateway, model),
            Purged::Entry(key),
        ];
        let numbers = purged.iter().chain(&custom).filter_map(|purged| parts.get(purged));
        // Read again under the lock: a purge of everything may have cleared the parts since.
        let all = self.all.load(Ordering::Acquire);
        Generation(numbers.copied().fold(all, u64::max))
    }

    pub(super) fn purge(&self, what: &Purge) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.last.load(Ordering::Acquire) + 1;
        let purged = match *what {
            Purge::All => None,
            Purge::Gateway(gateway) => Some(Purged::Gateway(gateway)),
            Purge::Part { gateway, part } => Some(Purged::Part(gateway, part)),
            Purge::Entry { key, .. } => Some(Purged::Entry(key)),
        };
        match purged.filter(|_| parts.len() < MOST) {
            Some(purged) => drop(parts.insert(purged, number)),
            None => {
                parts.clear();
                self.all.store(number, Ordering::Release);
            }
        }
        self.last.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: u8) -> CacheScope {
        CacheScope([id; 16])
    }

    fn place(key: u8, gateway: u8) -> CachePlace {
        CachePlace {
            key: CacheKey([key; 32]),
            gateway: scope(gateway),
            provider: scope(10),
            model: scope(20),
            custom: (key == 1).then(|| scope(30)),
        }
    }

    #[test]
    fn a_purge_changes_only_the_generations_of_its_target() {
        let places = [place(1, 1), place(2, 1), place(3, 2)];
        let gateway = scope(1);
        for (what, changed) in [
            (Purge::All, [true, true, true]),
            (Purge::Gateway(gateway), [true, true, false]),
            (Purge::Part { gateway, part: scope(10) }, [true, true, false]),
            (Purge::Part { gateway, part: scope(20) }, [true, true, false]),
            (Purge::Part { gateway, part: scope(30) }, [true, false, false]),
            (Purge::Entry { gateway, key: CacheKey([2; 32]) }, [false, true, false]),
            (Purge::Gateway(scope(3)), [false, false, false]),
        ] {
            let generations = Generations::default();
            // An earlier purge makes no difference.
            for _ in 0..2 {
                let before = places.map(|place| generations.of(&place));
                generations.purge(&what);
                let after = places.map(|place| generations.of(&place));
                for (at, changed) in changed.into_iter().enumerate() {
                    assert_eq!(before[at] != after[at], changed, "{what:?}, {at}");
                }
            }
        }
    }

    #[test]
    fn one_purge_too_many_purges_everything() {
        let generations = Generations::default();
        let mut seen = vec![generations.of(&place(1, 1))];
        for turn in 0..=MOST {
            let mut key = [9; 32];
            key[..8].copy_from_slice(&(turn as u64).to_be_bytes());
            generations.purge(&Purge::Entry { gateway: scope(1), key: CacheKey(key) });
            let now = generations.of(&place(1, 1));
            if seen.last() != Some(&now) {
                assert!(!seen.contains(&now) && turn == MOST);
                seen.push(now);
            }
        }
        assert_eq!(seen.len(), 2);
    }
}
