//! The store of a layer: the one in memory answers without a future.

use std::any::Any;
use std::sync::Arc;

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

    pub(super) async fn get(&self, place: &CachePlace, budget: &BodyBudget) -> Tried<Found> {
        match self {
            Self::Memory(memory) => Ok(Ok(memory.find(place, budget))),
            Self::Other(store) => unwind::run(|| store.get(place, budget)).await,
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
