//! Every answer that has come to its end is stored, in a place with room for one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use loom::sync::Mutex;

use super::counts::NotStored;
use super::entry::{CacheEntry, NewEntry};
use super::metered::Metered;
use crate::util::budget::Held;

/// What is stored.
pub(super) type Place = Arc<Mutex<Option<CacheEntry>>>;

pub(super) struct Storing {
    pub(super) place: Place,
    pub(super) is_whole: bool,
    /// Whether other processes read it.
    pub(super) is_followed: bool,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) frames: Vec<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Storing {
    pub(super) fn push(&mut self, _: &Bytes) {}

    pub(super) fn trailers(&mut self, _: &HeaderMap) {}

    pub(super) fn look(&self, _: &Metered) -> Result<(), NotStored> {
        Ok(())
    }

    pub(super) fn entry(&mut self, whole: Whole, held: Option<Held>) -> CacheEntry {
        let Whole { status, headers, frames, trailers } = whole;
        let entry = NewEntry {
            status,
            headers,
            frames,
            times: Vec::new(),
            trailers,
            stored_at: SystemTime::UNIX_EPOCH,
            fresh_for: Duration::MAX,
            stale_for: Duration::ZERO,
        };
        CacheEntry::with(entry, held)
    }

    pub(super) fn is_broadcast(&self) -> bool {
        self.is_followed
    }

    pub(super) fn is_followed(&self) -> bool {
        self.is_followed
    }

    pub(super) fn broadcasts_on(&mut self) -> bool {
        false
    }

    pub(super) fn make_room(&self) {}

    pub(super) fn commit(self, entry: CacheEntry) {
        *self.place.lock().unwrap() = Some(entry);
    }
}
