//! The pools of a layer, by their keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::{AsGateKey, GateKey};
use super::pool::Pool;

/// Up to this many pools are kept though nobody is in them.
const KEPT: usize = 1024;

#[derive(Default)]
pub(super) struct Pools {
    all: Arc<Pool>,
    keyed: Mutex<Keyed>,
}

struct Keyed {
    pools: HashMap<GateKey<Box<str>>, Arc<Pool>>,
    /// How many there may be before those are dropped that nobody holds.
    room: usize,
}

impl Default for Keyed {
    fn default() -> Self {
        Self { pools: HashMap::new(), room: KEPT }
    }
}

impl Pools {
    /// That of all requests of the layer.
    pub(super) fn all(&self) -> &Arc<Pool> {
        &self.all
    }

    pub(super) fn pool(&self, key: GateKey<&str>) -> Arc<Pool> {
        let mut keyed = self.keyed();
        let borrowed: &dyn AsGateKey = &key;
        if let Some(pool) = keyed.pools.get(borrowed) {
            return pool.clone();
        }
        if keyed.pools.len() >= keyed.room {
            // Who gets a pool gets it under this lock: one that is only here stays so.
            keyed.pools.retain(|_, pool| Arc::strong_count(pool) > 1);
            // Where most are held, it would be in vain to look again at each new key.
            keyed.room = KEPT.max(keyed.pools.len() * 2);
        }
        keyed.pools.entry(key.to_kept()).or_default().clone()
    }

    fn keyed(&self) -> MutexGuard<'_, Keyed> {
        self.keyed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("all", &self.all)
            .field("keyed", &self.keyed().pools.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(pools: &Pools, number: usize) -> Arc<Pool> {
        pools.pool(GateKey::Host(0, &number.to_string()))
    }

    #[test]
    fn pools_that_nobody_holds_are_dropped_beyond_the_bound() {
        let pools = Pools::default();
        let permit = pool(&pools, 0).try_enter(1).unwrap();
        (1..10 * KEPT).for_each(|number| drop(pool(&pools, number)));
        assert!(pools.keyed().pools.len() <= KEPT);
        assert!(pool(&pools, 0).try_enter(1).is_none(), "a held pool is forgotten");
        drop(permit);
        assert!(pool(&pools, 0).try_enter(1).is_some());
    }

    #[test]
    fn pools_that_are_held_live_beyond_the_bound() {
        let pools = Pools::default();
        let take = |number| pool(&pools, number).try_enter(1);
        let permits: Vec<_> = (0..3 * KEPT).map(take).collect();
        assert!(permits.iter().all(Option::is_some));
        assert!((0..3 * KEPT).all(|number| take(number).is_none()));
        drop(permits);
        (0..9 * KEPT).for_each(|number| drop(take(number + 3 * KEPT)));
        assert!(pools.keyed().pools.len() <= 3 * KEPT);
    }
}
