//! The bounded queue between exchanges and the thread that writes.
//!
//! Its lock is held for a few moves, never while anything is written, so that an exchange never
//! waits for a disk.

use std::collections::VecDeque;
use std::io;
use std::ops::{AddAssign, SubAssign};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::LogRecord;
use super::losses::{Losses, reason};
use super::report::{FlushReport, LogCounts};
use crate::hook::{CacheStatus, EndEvent, Outcome};

/// The most records that are written at once.
const BATCH: usize = 256;

/// Which part of the queue is open to requests that reached no provider: one in so many.
const REFUSED_SHARE: usize = 4;

const FULL: &str = "the queue was full";
const REFUSED_FULL: &str = "the share of the queue that refused requests have was full";

#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    work: Condvar,
}

/// What may wait to be written, what is being written included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// Whose records share a part of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Served,
    /// It cost the client nothing, so there may be any number of them.
    Refused,
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    Write(Vec<LogRecord>),
    Flush(Vec<Flusher>),
    Stop,
}

/// Who waits for a flush.
pub(super) type Flusher = SyncSender<io::Result<()>>;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// What is held in all, what is being written included.
    held: Held,
    /// What is being written.
    in_flight: Held,
    counts: LogCounts,
    losses: Losses,
    /// Flushes, each with the number of records that must be dealt with before it.
    flushes: Vec<(u64, Flusher)>,
    is_closed: bool,
    is_writer_idle: bool,
}

#[derive(Debug)]
struct Waiting {
    record: Box<LogRecord>,
    weight: usize,
    kind: Kind,
}

/// Records in memory, by kind.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    all: Room,
    refused: Room,
}

#[derive(Clone, Copy, Debug, Default)]
struct Room {
    records: usize,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), work: Condvar::new() }
    }

    /// Queues a record that takes up `weight` bytes, or counts it as dropped where there is no
    /// room for its kind.
    pub(super) fn push(&self, record: Box<LogRecord>, weight: usize, kind: Kind) {
        let mut state = self.lock();
        if !state.held.has_room(self.limits, weight, kind) {
            let is_refused = kind == Kind::Refused;
            state.counts.dropped += 1;
            state.counts.dropped_refused += u64::from(is_refused);
            let why = if is_refused { REFUSED_FULL } else { FULL };
            let begun = state.losses.add(1, why, Instant::now());
            drop(state);
            if let Some(begun) = begun {
                begun.warn();
            }
            return;
        }
        state.held += Held::one(weight, kind);
        state.count_held();
        state.waiting.push_back(Waiting { record, weight, kind });
        if std::mem::take(&mut state.is_writer_idle) {
            drop(state);
            self.work.notify_one();
        }
    }

    pub(super) fn counts(&self) -> LogCounts {
        self.lock().counts
    }

    /// Waits until all that is queued now has been dealt with and every sink was flushed.
    pub(super) fn flush(&self, timeout: Duration) -> FlushReport {
        let (flusher, flushed) = mpsc::sync_channel(1);
        {
            let mut state = self.lock();
            let due = state.dealt_with() + state.counts.queued;
            state.flushes.push((due, flusher));
            state.is_writer_idle = false;
        }
        self.work.notify_one();
        let flushed = flushed.recv_timeout(timeout);
        let in_time = flushed.is_ok();
        FlushReport { counts: self.counts(), in_time, error: flushed.ok().and_then(Result::err) }
    }

    /// No record will come any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.work.notify_one();
    }

    /// For the writer: waits for something to do.
    pub(super) fn next(&self) -> Work {
        let mut state = self.lock();
        loop {
            let flushers = state.due_flushes();
            if !flushers.is_empty() {
                return Work::Flush(flushers);
            }
            if !state.waiting.is_empty() {
                let taken = state.waiting.len().min(BATCH);
                let taken: Vec<_> = state.waiting.drain(..taken).collect();
                for Waiting { weight, kind, .. } in &taken {
                    state.in_flight += Held::one(*weight, *kind);
                }
                drop(state);
                return Work::Write(taken.into_iter().map(|waiting| *waiting.record).collect());
            }
            let now = Instant::now();
            let (is_closed, due) = (state.is_closed, state.losses.due());
            let is_over = is_closed || due.is_some_and(|due| due <= now);
            if let Some(loss) = is_over.then(|| state.losses.end()).flatten() {
                drop(state);
                loss.warn();
                state = self.lock();
                continue;
            }
            if is_closed {
                return Work::Stop;
            }
            state.is_writer_idle = true;
            state = match due {
                Some(due) => {
                    let waited = self.work.wait_timeout(state, due.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.is_writer_idle = false;
        }
    }

    /// For the writer: so many records of the last batch were kept by all sinks. Whatever it has
    /// not settled before counts as not kept; after that there is nothing left to settle.
    pub(super) fn settle(&self, written: usize, error: Option<&io::Error>) {
        // A foreign error's text, so not under the lock.
        let why = error.map(|error| reason(error));
        let mut state = self.lock();
        let batch = std::mem::take(&mut state.in_flight);
        let written = written.min(batch.all.records);
        let failed = (batch.all.records - written) as u64;
        state.held -= batch;
        state.count_held();
        state.counts.written += written as u64;
        state.counts.failed += failed;
        if failed == 0 && written > 0 {
            state.losses.recovered();
        }
        if failed == 0 {
            return;
        }
        let why = why.as_deref().unwrap_or("a sink did not keep them");
        let begun = state.losses.add(failed, why, Instant::now());
        drop(state);
        if let Some(begun) = begun {
            begun.warn();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_held(&mut self) {
        self.counts.queued = self.held.all.records as u64;
        self.counts.queued_bytes = self.held.all.bytes as u64;
    }

    fn dealt_with(&self) -> u64 {
        self.counts.written + self.counts.failed
    }

    fn due_flushes(&mut self) -> Vec<Flusher> {
        let dealt_with = self.dealt_with();
        let due = self.flushes.extract_if(.., |(due, _)| *due <= dealt_with);
        due.map(|(_, flusher)| flusher).collect()
    }
}

impl Kind {
    /// A request that reached no provider is refused, whoever refused it.
    pub(super) fn of(end: &EndEvent<'_>) -> Self {
        let is_cached = end.cache == Some(CacheStatus::Hit);
        if end.outcome == Outcome::Rejected || (end.attempts == 0 && !is_cached) {
            Self::Refused
        } else {
            Self::Served
        }
    }
}

impl Held {
    fn one(bytes: usize, kind: Kind) -> Self {
        let room = Room { records: 1, bytes };
        let refused = if kind == Kind::Refused { room } else { Room::default() };
        Self { all: room, refused }
    }

    fn has_room(&self, limits: Limits, weight: usize, kind: Kind) -> bool {
        let share = Limits {
            records: limits.records.div_ceil(REFUSED_SHARE),
            bytes: limits.bytes.div_ceil(REFUSED_SHARE),
        };
        self.all.has_room(limits, weight)
            && (kind == Kind::Served || self.refused.has_room(share, weight))
    }
}

impl Room {
    fn has_room(&self, limits: Limits, weight: usize) -> bool {
        self.records < limits.records && self.bytes.saturating_add(weight) <= limits.bytes
    }
}

impl AddAssign for Held {
    fn add_assign(&mut self, more: Self) {
        for (room, more) in [(&mut self.all, more.all), (&mut self.refused, more.refused)] {
            room.records += more.records;
            room.bytes += more.bytes;
        }
    }
}

impl SubAssign for Held {
    fn sub_assign(&mut self, less: Self) {
        for (room, less) in [(&mut self.all, less.all), (&mut self.refused, less.refused)] {
            room.records -= less.records;
            room.bytes -= less.bytes;
        }
    }
}
