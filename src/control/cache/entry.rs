//! One stored answer: its head, and its frames with their times.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::util::budget::Held;
use crate::util::opaque::opaque_debug;

/// An answer that is kept: its head and its frames as they came. Cheap to clone.
#[derive(Clone)]
pub struct CacheEntry(Arc<Counted>);

struct Counted {
    entry: NewEntry,
    /// What it takes of the budget that all bodies share.
    held: OnceLock<Held>,
}

/// What an entry is made of.
pub struct NewEntry {
    /// The status.
    pub status: StatusCode,
    /// What is kept of the headers.
    pub headers: HeaderMap,
    /// The data, frame by frame.
    pub frames: Vec<Bytes>,
    /// When each frame came, in milliseconds after the head. As many as frames, or none.
    pub times: Vec<u32>,
    /// The trailers, where there were some.
    pub trailers: Option<HeaderMap>,
    /// When the answer was whole.
    pub stored_at: SystemTime,
    /// For how long it may be given from then on.
    pub fresh_for: Duration,
    /// For how much longer where the provider fails.
    pub stale_for: Duration,
}

impl CacheEntry {
    /// An entry of these parts.
    #[must_use]
    pub fn new(entry: NewEntry) -> Self {
        Self(Arc::new(Counted { entry, held: OnceLock::new() }))
    }

    /// The same, whose memory is counted.
    pub(super) fn counted(self, held: Held) -> Self {
        let _ = self.0.held.set(held);
        self
    }

    /// Whether both are the same one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> &NewEntry {
        &self.0.entry
    }
}

// An answer may hold user data.
opaque_debug!(NewEntry { status, headers.len(), frames.len(), stored_at, fresh_for, stale_for });

/// Opaque: an answer may hold user data.
impl fmt::Debug for CacheEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewEntry { status, frames, fresh_for, .. } = self.parts();
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        f.debug_struct("CacheEntry")
            .field("status", status)
            .field("bytes", &bytes)
            .field("fresh_for", fresh_for)
            .field("is_counted", &self.0.held.get().is_some())
            .finish_non_exhaustive()
    }
}
