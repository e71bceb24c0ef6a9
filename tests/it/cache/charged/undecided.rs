//! Leaders that wait before their limits are asked: for their turn, or for the client.

use tokio::sync::OwnedSemaphorePermit;
use tower_ai_gateway::control::cache::{
    CacheEntry, CacheFuture, CachePlace, CacheStore, Found, Generation, MemoryCache, Purge, Turn,
};

use super::*;

/// A store that decides who leads when there is a permit.
#[derive(Clone, Debug)]
pub(super) struct Undecided {
    store: MemoryCache,
    permits: Arc<Semaphore>,
}

impl Undecided {
    pub(super) fn new() -> Self {
        Self { store: MemoryCache::new(), permits: Arc::new(Semaphore::new(1)) }
    }

    /// Sends a request, which leads and waits for its turn.
    pub(super) async fn leader(
        &self,
        stage: &Stage,
        request: Request<Full<Bytes>>,
    ) -> (JoinHandle<Answer>, OwnedSemaphorePermit) {
        let turn = self.permits.clone().acquire_owned().await.unwrap();
        let answer = stage.spawn_patiently(request);
        stage.until("it leads", |stage| stage.cache.stats().flights == 1).await;
        (answer, turn)
    }
}

/// Lets a leader go on to its call, for which the client is not ready.
pub(super) async fn unready(stage: &Stage, turn: OwnedSemaphorePermit) -> OwnedSemaphorePermit {
    let ready = stage.ready.clone().acquire_many_owned(READY_FOR).await.unwrap();
    drop(turn);
    ready
}

impl CacheStore for Undecided {
    fn get<'a>(&'a self, place: &'a CachePlace, budget: &'a BodyBudget) -> CacheFuture<'a, Found> {
        self.store.get(place, budget)
    }

    fn put<'a>(
        &'a self,
        place: &'a CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) -> CacheFuture<'a, bool> {
        self.store.put(place, entry, generation)
    }

    fn purge<'a>(&'a self, what: &'a Purge) -> CacheFuture<'a, ()> {
        self.store.purge(what)
    }

    fn turn<'a>(
        &'a self,
        _: &'a CachePlace,
        _: Generation,
        _: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        Box::pin(async {
            let _permit = self.permits.acquire().await;
            Ok(Turn::Lead(None))
        })
    }
}
