//! Writes entries to a store in the background, so that no reader waits for it.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::key::CachePlace;
use super::own_store::OwnStore;
use super::store::{CacheStoreError, Generation};
use crate::TARGET;
use crate::util::unwind;

/// The maximum number of entries that wait for the store.
const MOST_WRITES: usize = 64;

/// The minimum time between two requests to the store to free memory.
const BETWEEN_ROOMS: Duration = Duration::from_secs(1);

/// A store, and the writes to it.
pub(in crate::control) struct Writer {
    pub(super) store: OwnStore,
    pub(super) counts: Arc<Counts>,
    writes: AtomicUsize,
    /// When the store was last asked to free memory.
    made_room: Mutex<Option<Instant>>,
}

type Write = Pin<Box<dyn Future<Output = Result<bool, CacheStoreError>> + Send>>;

impl Writer {
    pub(super) fn new(store: OwnStore, counts: Arc<Counts>) -> Self {
        Self { store, counts, writes: AtomicUsize::new(0), made_room: Mutex::default() }
    }

    /// No memory was left for a response. Asks the store to free some, but only once in a while: many such
    /// responses at once must not empty the store.
    pub(super) fn make_room(&self) {
        let now = Instant::now();
        {
            let mut made = self.made_room.lock().unwrap_or_else(PoisonError::into_inner);
            if made.is_some_and(|made| now.saturating_duration_since(made) < BETWEEN_ROOMS) {
                return;
            }
            *made = Some(now);
        }
        let _ = unwind::call(|| self.store.as_dyn().make_room());
    }

    /// Writes an entry: at once, or in a task if the store has to wait.
    pub(super) fn write(
        self: &Arc<Self>,
        place: CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) {
        let store = match &self.store {
            OwnStore::Memory(memory) => {
                return self.counts.written(memory.keep(&place, entry, generation));
            }
            OwnStore::Other(store) => store.clone(),
        };
        let mut write: Write = Box::pin(async move { store.put(&place, entry, generation).await });
        let mut cx = Context::from_waker(Waker::noop());
        match unwind::call(|| write.as_mut().poll(&mut cx)) {
            Ok(Poll::Ready(result)) => self.written(&result),
            Ok(Poll::Pending) => self.write_later(write),
            Err(_) => self.counts.written(false),
        }
    }

    fn write_later(self: &Arc<Self>, write: Write) {
        let slot = Slot(self.clone());
        let is_busy = self.writes.fetch_add(1, Ordering::Relaxed) >= MOST_WRITES;
        match Handle::try_current() {
            Ok(runtime) if !is_busy => {
                runtime.spawn(async move {
                    let result = write.await;
                    slot.0.written(&result);
                });
            }
            _ => self.counts.not_stored(NotStored::Busy).add(),
        }
    }

    fn written(&self, result: &Result<bool, CacheStoreError>) {
        if let Err(error) = result {
            tracing::debug!(target: TARGET, %error, "an answer was not stored");
        }
        self.counts.written(matches!(result, Ok(true)));
    }
}

/// The slot of an entry that waits.
struct Slot(Arc<Writer>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.writes.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cache::store::{CacheFuture, CacheStore, Found, Purge};
    use crate::util::budget::BodyBudget;

    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl CacheStore for Counting {
        fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
            Box::pin(async { Ok(Found::default()) })
        }

        fn put<'a>(
            &'a self,
            _: &'a CachePlace,
            _: CacheEntry,
            _: Generation,
        ) -> CacheFuture<'a, bool> {
            Box::pin(async { Ok(true) })
        }

        fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
            Box::pin(async { Ok(()) })
        }

        fn make_room(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_freed_once_a_second() {
        let store = Arc::<Counting>::default();
        let writer = Writer::new(OwnStore::of(store.clone()), Arc::default());
        for _ in 0..100 {
            writer.make_room();
        }
        assert_eq!(store.0.load(Ordering::Relaxed), 1);
        tokio::time::advance(BETWEEN_ROOMS).await;
        writer.make_room();
        assert_eq!(store.0.load(Ordering::Relaxed), 2);
    }
}
