//! The counts of the clients and the provider.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a run. Clients count only what they know for sure.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Requests whose response head came back: the gateway has seen them.
    pub(crate) answered: AtomicU64,
    /// Requests that were abandoned or broke off before a head: the gateway may have seen them.
    pub(crate) given_up: AtomicU64,
    /// Answers with usage that a client has read to their end.
    pub(crate) read_whole: AtomicU64,
    /// Answers that broke off as planned.
    pub(crate) cut: AtomicU64,
    /// Requests that the gateway refused by itself.
    pub(crate) refused: AtomicU64,
    /// Answers lost by a provider's reset: a provider that answers early closes with unread data,
    /// and the next request may already be on that connection.
    pub(crate) reset: AtomicU64,
    /// Answers with an unexpected status.
    pub(crate) unexpected: AtomicU64,
    /// Calls that arrived at a provider.
    pub(crate) called: AtomicU64,
    /// Answers with usage that a provider has sent to their end.
    pub(crate) written: AtomicU64,
    /// Calls with a key that belongs to another host.
    pub(crate) foreign_keys: AtomicU64,
}

impl Books {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
