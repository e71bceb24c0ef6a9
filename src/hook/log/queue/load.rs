//! What the queue holds in memory, and whether more has room.

use std::ops::{AddAssign, SubAssign};

use crate::hook::{CacheStatus, EndEvent, Outcome};

/// Requests that reached no provider may use this fraction (1/4) of the queue.
const REFUSED_SHARE: usize = 4;

/// The bounds of the queue, including records that are being written.
#[derive(Clone, Copy, Debug)]
pub(in crate::hook::log) struct Limits {
    pub(in crate::hook::log) records: usize,
    pub(in crate::hook::log) bytes: usize,
}

/// The kind of request that a record is about. Each kind has its own share of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hook::log) enum Kind {
    Served,
    /// Refused requests cost the client nothing, so they may come in any number.
    Refused,
}

/// Records in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// How many of these are of refused requests.
    refused_records: usize,
    refused_bytes: usize,
}

impl Kind {
    /// A request that reached no provider counts as refused, whether by the gateway or the host.
    pub(in crate::hook::log) fn of(end: &EndEvent<'_>) -> Self {
        let is_cached = end.cache.is_some_and(CacheStatus::is_hit);
        if end.outcome == Outcome::Rejected || (end.attempts == 0 && !is_cached) {
            Self::Refused
        } else {
            Self::Served
        }
    }
}

impl Load {
    pub(super) fn one(bytes: usize, kind: Kind) -> Self {
        let is_refused = kind == Kind::Refused;
        Self {
            records: 1,
            bytes,
            refused_records: usize::from(is_refused),
            refused_bytes: if is_refused { bytes } else { 0 },
        }
    }

    pub(super) fn has_room(&self, limits: Limits, size: usize, kind: Kind) -> bool {
        let fits = |records: usize, bytes: usize, share: usize| {
            records < limits.records.div_ceil(share)
                && bytes.saturating_add(size) <= limits.bytes.div_ceil(share)
        };
        fits(self.records, self.bytes, 1)
            && (kind == Kind::Served
                || fits(self.refused_records, self.refused_bytes, REFUSED_SHARE))
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.bytes += more.bytes;
        self.refused_records += more.refused_records;
        self.refused_bytes += more.refused_bytes;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, less: Self) {
        self.records -= less.records;
        self.bytes -= less.bytes;
        self.refused_records -= less.refused_records;
        self.refused_bytes -= less.refused_bytes;
    }
}
