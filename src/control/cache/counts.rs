//! Counters of a cache: hits, misses, and why responses were not stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::util::macros::named_enum;

named_enum! {
/// Why a response was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// There was no response: the call failed or was refused.
    Failed = "failed",
    /// Its status is not one that is stored.
    Status = "status",
    /// A fallback answered, not the first provider and model.
    Fallback = "fallback",
    /// A guard labelled the request.
    Flagged = "flagged",
    /// It is longer than the maximum.
    TooLarge = "too_large",
    /// No memory was left for it.
    NoMemory = "no_memory",
    /// It broke off.
    Broken = "broken",
    /// All readers left before its end.
    Abandoned = "abandoned",
    /// Its end is missing: a marker, the end of the JSON, or part of the declared length.
    Incomplete = "incomplete",
    /// Its body reports an error, whatever the status.
    Error = "error",
    /// Its encoding cannot be decoded, so nothing shows whether it is complete.
    Encoded = "encoded",
    /// No parser reads its media type, and the type is not that of a result.
    MediaType = "media_type",
    /// The result comes later, or the response only links to it.
    Deferred = "deferred",
    /// `vary` names something that is not in its key.
    Varies = "varies",
    /// Too many entries were being written to the store.
    Busy = "busy",
    /// The store did not store it: the store failed, had no room, or a purge came between.
    Store = "store",
}
/// The name in lower case, as in `too_large`.
pub fn as_str;
/// All of them.
pub(super) const ALL;
}

/// Counters since the layer was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) hits: Count,
    pub(super) stale: Count,
    pub(super) misses: Count,
    pub(super) bypasses: Count,
    pub(super) stored: Count,
    /// The followers now.
    pub(super) followers: Count,
    pub(super) continued: Continued,
    not_stored: [Count; NotStored::ALL.len()],
}

/// The usage of calls that went on for followers.
#[derive(Debug, Default)]
pub(super) struct Continued {
    pub(super) calls: Count,
    pub(super) input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) cost_ticks: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_many(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// Counts a response once the result of the write is known.
    pub(super) fn on_written(self: Arc<Self>) -> Box<dyn FnOnce(bool) + Send> {
        Box::new(move |is_stored| self.written(is_stored))
    }

    /// Counts the result of a write.
    pub(super) fn written(&self, is_stored: bool) {
        let count = if is_stored { &self.stored } else { self.not_stored(NotStored::Store) };
        count.add();
    }

    pub(super) fn not_stored(&self, why: NotStored) -> &Count {
        &self.not_stored[why as usize]
    }
}
