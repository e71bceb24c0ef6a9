//! Counts of what a cache has done: hits, misses, and why answers were not stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::util::macros::named_enum;

named_enum! {
/// Why an answer was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStored {
    /// There was none: the call failed or was refused.
    Failed = "failed",
    /// Its status is none that is kept.
    Status = "status",
    /// Another provider or model than the first has answered.
    Fallback = "fallback",
    /// A guard has put a label on the request.
    Flagged = "flagged",
    /// It is longer than what is kept.
    TooLarge = "too_large",
    /// No memory was left for it.
    NoMemory = "no_memory",
    /// It has broken off.
    Broken = "broken",
    /// Nobody was left who read it.
    Abandoned = "abandoned",
    /// Its end was not there: a marker, the end of the JSON, or some of its length.
    Incomplete = "incomplete",
    /// It tells of an error, whatever its status says.
    Error = "error",
    /// It is encoded in a way that is not read, so that nobody can say whether it is whole.
    Encoded = "encoded",
    /// Its media type is none of an answer, and nothing reads it.
    MediaType = "media_type",
    /// It is made later, and this is none yet; or it says where to fetch what was made.
    Deferred = "deferred",
    /// It varies by what is not in its key (`vary`).
    Varies = "varies",
    /// Too many answers were being written to the store.
    Busy = "busy",
    /// The store has not kept it: it has failed, has no room for it, or something was purged meanwhile.
    Store = "store",
}
/// The name in lower case, as in `too_large`.
pub fn as_str;
/// All of them.
pub(super) const ALL;
}

/// Counted since the layer was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) hits: Count,
    pub(super) stale: Count,
    pub(super) misses: Count,
    pub(super) bypasses: Count,
    pub(super) stored: Count,
    /// How many requests wait for or read what another one gets, now.
    pub(super) followers: Count,
    pub(super) continued: Continued,
    not_stored: [Count; NotStored::ALL.len()],
}

/// What calls have used that went on for others.
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
    /// Counts an answer once it is known whether it was written.
    pub(super) fn on_written(self: Arc<Self>) -> Box<dyn FnOnce(bool) + Send> {
        Box::new(move |is_stored| self.written(is_stored))
    }

    /// Counts an answer that the store was given.
    pub(super) fn written(&self, is_stored: bool) {
        let count = if is_stored { &self.stored } else { self.not_stored(NotStored::Store) };
        count.add();
    }

    pub(super) fn not_stored(&self, why: NotStored) -> &Count {
        &self.not_stored[why as usize]
    }
}
