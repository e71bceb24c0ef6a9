//! An entry: the head of a stored response, and its frames with their times.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::util::budget::Held;
use crate::util::opaque::opaque_debug;

/// A stored response: its head, and its frames as they arrived. Cheap to clone.
#[derive(Clone)]
pub struct CacheEntry(Arc<Counted>);

struct Counted {
    entry: NewEntry,
    /// The entry's share of the body budget.
    held: Option<Held>,
}

/// The contents of an entry.
pub struct NewEntry {
    /// The status.
    pub status: StatusCode,
    /// The headers that are stored.
    pub headers: HeaderMap,
    /// The data, frame by frame.
    pub frames: Vec<Bytes>,
    /// The arrival time of each frame, in milliseconds after the head: one for each frame, or none at all.
    pub times: Vec<u32>,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
    /// When the response ended.
    pub stored_at: SystemTime,
    /// How long the entry is fresh, from `stored_at`.
    pub fresh_for: Duration,
    /// How much longer the entry may be served if the provider fails.
    pub stale_for: Duration,
}

impl CacheEntry {
    /// An entry with these contents.
    #[must_use]
    pub fn new(entry: NewEntry) -> Self {
        Self::with(entry, None)
    }

    /// An entry with these contents. `held`: its share of the body budget.
    pub(super) fn with(entry: NewEntry, held: Option<Held>) -> Self {
        Self(Arc::new(Counted { entry, held }))
    }

    /// The same new entry, counted in a budget.
    #[cfg(feature = "redis")]
    pub(super) fn counted(mut self, held: Held) -> Self {
        let own = Arc::get_mut(&mut self.0);
        debug_assert!(own.is_some(), "an entry that others have is not new");
        if let Some(own) = own {
            own.held = Some(held);
        }
        self
    }

    /// An empty share of the budget that counts the entry, if one does.
    #[cfg(feature = "redis")]
    pub(super) fn share(&self) -> Option<Held> {
        self.0.held.as_ref().map(Held::sibling)
    }

    /// The same for clones only, as long as one of them lives.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The contents of the entry.
    #[must_use]
    pub fn parts(&self) -> &NewEntry {
        &self.0.entry
    }
}

// A response may hold user data.
opaque_debug!(NewEntry { status, headers.len(), frames.len(), stored_at, fresh_for, stale_for });

/// Opaque: a response may hold user data.
impl fmt::Debug for CacheEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewEntry { status, frames, fresh_for, .. } = self.parts();
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        f.debug_struct("CacheEntry")
            .field("status", status)
            .field("bytes", &bytes)
            .field("fresh_for", fresh_for)
            .field("is_counted", &self.0.held.is_some())
            .finish_non_exhaustive()
    }
}
