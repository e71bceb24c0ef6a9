//! The store of a layer: the one in memory answers without a future.

use std::any::Any;
use std::sync::Arc;
use std::time::SystemTime;

use super::key::CachePlace;
use super::memory::MemoryCache;
use super::store::{CacheStore, CacheStoreError, Found, Generation, Turn};
use crate::util::budget::BodyBudget;
use crate::util::unwind::{self, Panicked};

/// A store of whatever type.
pub(super) enum OwnStore {
    Memory(MemoryCache),
    /// It may be the host's, and may panic.
    Other(Arc<dyn CacheStore>),
}

/// The result of a store that may panic.
type Tried<T> = Result<Result<T, CacheStoreError>, Panicked>;

impl OwnStore {
    pub(super) fn of(store: impl CacheStore) -> Self {
        match (&store as &dyn Any).downcast_ref::<MemoryCache>() {
            Some(memory) => Self::Memory(memory.clone()),
            None => Self::Other(Arc::new(store)),
        }
    }

    /// For what is not called for each request.
    pub(super) fn as_dyn(&self) -> &dyn CacheStore {
        match self {
            Self::Memory(memory) => memory,
            Self::Other(store) => &**store,
        }
    }

    /// What it finds, and when. `is_observed`: the seal is needed.
    pub(super) async fn get(
        &self,
        place: &CachePlace,
        budget: &BodyBudget,
        is_observed: bool,
    ) -> Tried<(Found, SystemTime)> {
        match self {
            Self::Memory(memory) => {
                let now = SystemTime::now();
                let seal = is_observed.then(|| memory.key_seal());
                Ok(Ok((Found { seal, ..memory.find(place, budget, now) }, now)))
            }
            Self::Other(store) => {
                let found = unwind::run(|| store.get(place, budget)).await?;
                let seen =
                    |found: Found| Found { seal: found.seal.filter(|_| is_observed), ..found };
                Ok(found.map(|found| (seen(found), SystemTime::now())))
            }
        }
    }

    pub(super) async fn turn(
        &self,
        place: &CachePlace,
        generation: Generation,
        budget: &BodyBudget,
    ) -> Tried<Turn> {
        match self {
            Self::Memory(_) => Ok(Ok(Turn::Lead(None))),
            Self::Other(store) => unwind::run(|| store.turn(place, generation, budget)).await,
        }
    }
}
