//! Writing answers to a store, out of the way of those that read them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::counts::{Counts, NotStored};
use super::entry::CacheEntry;
use super::key::CachePlace;
use super::store::{CacheStore, CacheStoreError, Generation};
use crate::TARGET;
use crate::util::unwind;

/// How many answers may wait for the store.
const MOST_WRITES: usize = 64;

/// A store, and what is being written to it.
pub(in crate::control) struct Writer {
    pub(super) store: Arc<dyn CacheStore>,
    pub(super) counts: Arc<Counts>,
    writes: AtomicUsize,
}

type Write = Pin<Box<dyn Future<Output = Result<(), CacheStoreError>> + Send>>;

impl Writer {
    pub(super) fn new(store: Arc<dyn CacheStore>, counts: Arc<Counts>) -> Self {
        Self { store, counts, writes: AtomicUsize::new(0) }
    }

    /// Writes an answer: at once, or in a task where the store has to wait.
    pub(super) fn write(
        self: &Arc<Self>,
        place: CachePlace,
        entry: CacheEntry,
        generation: Generation,
    ) {
        let writer = self.clone();
        let mut write: Write =
            Box::pin(async move { writer.store.put(&place, entry, generation).await });
        let mut cx = Context::from_waker(Waker::noop());
        match unwind::call(|| write.as_mut().poll(&mut cx)) {
            Ok(Poll::Ready(result)) => self.written(&result),
            Ok(Poll::Pending) => self.write_later(write),
            Err(_) => self.counts.not_stored(NotStored::Store).add(),
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

    fn written(&self, result: &Result<(), CacheStoreError>) {
        match result {
            Ok(()) => self.counts.stored.add(),
            Err(error) => {
                tracing::debug!(target: TARGET, %error, "an answer was not stored");
                self.counts.not_stored(NotStored::Store).add();
            }
        }
    }
}

/// One of the answers that wait.
struct Slot(Arc<Writer>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.writes.fetch_sub(1, Ordering::Relaxed);
    }
}
