//! What the clients and the provider have seen.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one run. Those of clients are by what they know for sure.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Requests whose response head came back: the gateway has seen them.
    pub(crate) answered: AtomicU64,
    /// Requests that were given up, or broke off, before there was a head: it may have seen them.
    pub(crate) given_up: AtomicU64,
    /// Answers with usage that a client has read to their end.
    pub(crate) read_whole: AtomicU64,
    /// Answers that broke off as they should.
    pub(crate) cut: AtomicU64,
    /// Requests that the gateway refused by itself.
    pub(crate) refused: AtomicU64,
    /// Answers that a provider's reset has cost: one that answers early closes with unread data, and
    /// the next request may be on its way on that connection.
    pub(crate) reset: AtomicU64,
    /// Answers of another status than the course of the request promises.
    pub(crate) unexpected: AtomicU64,
    /// Calls that arrived at a provider.
    pub(crate) called: AtomicU64,
    /// Answers with usage that a provider has written to their end.
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
