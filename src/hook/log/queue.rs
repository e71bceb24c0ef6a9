//! The bounded queue between exchanges and the thread that writes.
//!
//! The lock is never held while records are written, so an exchange never waits for a disk.

mod load;

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::load::Load;
pub(super) use self::load::{Kind, Limits};
use super::LogRecord;
use super::loss_warnings::{LossWarnings, reason};
use super::report::{FlushReport, LogCounts};

/// The maximum number of records per write.
const BATCH: usize = 512;

/// How long the writer collects records before it writes them. Under load, one wake-up and one
/// transaction then serve hundreds of records.
const GATHER: Duration = Duration::from_millis(20);

/// The writer stops waiting when this fraction (1/8) of the queue is in use.
const PRESSING: usize = 8;

/// The maximum number of written records that are kept for reuse.
const MOST_SPARES: usize = BATCH;

const FULL: &str = "the queue was full";
const REFUSED_FULL: &str = "the share of the queue that refused requests have was full";

#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    work: Condvar,
}

/// The next task of the writer.
#[derive(Debug)]
pub(super) enum Work {
    /// Write the records that [`Queue::next`] returned.
    Write,
    Flush(Vec<Flusher>),
    Stop,
}

/// Wakes the caller of a flush.
pub(super) type Flusher = SyncSender<io::Result<()>>;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// All records in memory, including those that are being written.
    held: Load,
    /// The records being written.
    in_flight: Load,
    counts: LogCounts,
    loss_warnings: LossWarnings,
    /// Each pending flush, with the number of records that must be written or lost before it.
    flushes: Vec<(u64, Flusher)>,
    is_closed: bool,
    writer: Activity,
    /// Written records, kept for reuse.
    #[allow(clippy::vec_box, reason = "they come and go in their boxes")]
    spares: Vec<Box<LogRecord>>,
}

/// What the writer is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Activity {
    /// Waits for the first record.
    Idle,
    /// Waits for more records.
    Gathering,
    #[default]
    Busy,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) record: Box<LogRecord>,
    size: usize,
    kind: Kind,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), work: Condvar::new() }
    }

    /// Returns a record to fill, reusing a written one if possible. If its kind has no room even
    /// for the smallest record, counts it as dropped and returns `None`.
    pub(super) fn spare(&self, kind: Kind) -> Option<Box<LogRecord>> {
        let mut state = self.lock();
        if !state.held.has_room(self.limits, size_of::<LogRecord>(), kind) {
            Self::drop_one(state, kind);
            return None;
        }
        let spare = state.spares.pop();
        drop(state);
        Some(spare.unwrap_or_default())
    }

    /// Queues a record of `size` bytes, or counts it as dropped if its kind has no room.
    pub(super) fn push(&self, record: Box<LogRecord>, size: usize, kind: Kind) {
        let mut state = self.lock();
        if !state.held.has_room(self.limits, size, kind) {
            return Self::drop_one(state, kind);
        }
        state.held += Load::one(size, kind);
        state.count_held();
        state.waiting.push_back(Waiting { record, size, kind });
        let is_awaited = match state.writer {
            Activity::Idle => true,
            Activity::Gathering => state.is_pressing(self.limits),
            Activity::Busy => false,
        };
        if is_awaited {
            // Wake the writer only once.
            state.writer = Activity::Busy;
            drop(state);
            self.work.notify_one();
        }
    }

    fn drop_one(mut state: MutexGuard<'_, State>, kind: Kind) {
        let is_refused = kind == Kind::Refused;
        state.counts.dropped += 1;
        state.counts.dropped_refused += u64::from(is_refused);
        Self::lose(state, 1, if is_refused { REFUSED_FULL } else { FULL });
    }

    pub(super) fn counts(&self) -> LogCounts {
        self.lock().counts
    }

    /// Waits until everything queued now is written or lost and every sink is flushed.
    pub(super) fn flush(&self, timeout: Duration) -> FlushReport {
        let (flusher, flushed) = mpsc::sync_channel(1);
        {
            let mut state = self.lock();
            let due = state.dealt_with() + state.counts.queued;
            state.flushes.push((due, flusher));
        }
        self.work.notify_one();
        let flushed = flushed.recv_timeout(timeout);
        let in_time = flushed.is_ok();
        FlushReport { counts: self.counts(), in_time, error: flushed.ok().and_then(Result::err) }
    }

    /// Marks the end: no more records will come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.work.notify_one();
    }

    /// Waits for this long, or until no more records will come. Returns whether that is so.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let wait = self.work.wait_timeout_while(self.lock(), time, |state| !state.is_closed);
        wait.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Waits for the next task. Moves the records to write into `batch`, which must be empty. Only
    /// the writer calls this.
    pub(super) fn next(&self, batch: &mut Vec<Waiting>) -> Work {
        let mut state = self.lock();
        let mut has_gathered = false;
        loop {
            let flushers = state.due_flushes();
            if !flushers.is_empty() {
                return Work::Flush(flushers);
            }
            if !state.waiting.is_empty() {
                let is_awaited = state.is_closed || !state.flushes.is_empty();
                if !has_gathered && !is_awaited && !state.is_pressing(self.limits) {
                    state.writer = Activity::Gathering;
                    let waited = self.work.wait_timeout(state, GATHER);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    state.writer = Activity::Busy;
                    has_gathered = true;
                    continue;
                }
                let length = state.waiting.len().min(BATCH);
                batch.extend(state.waiting.drain(..length));
                for Waiting { size, kind, .. } in batch {
                    state.in_flight += Load::one(*size, *kind);
                }
                return Work::Write;
            }
            let now = Instant::now();
            let (is_closed, due) = (state.is_closed, state.loss_warnings.due());
            let is_over = is_closed || due.is_some_and(|due| due <= now);
            if let Some(loss) = is_over.then(|| state.loss_warnings.end()).flatten() {
                drop(state);
                loss.warn();
                state = self.lock();
                continue;
            }
            if is_closed {
                return Work::Stop;
            }
            state.writer = Activity::Idle;
            state = match due {
                Some(due) => {
                    let waited = self.work.wait_timeout(state, due.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.writer = Activity::Busy;
        }
    }

    /// Returns written records for reuse. Their contents no longer matter.
    pub(super) fn reuse(&self, records: impl Iterator<Item = Box<LogRecord>>) {
        let mut state = self.lock();
        let room = MOST_SPARES.saturating_sub(state.spares.len());
        state.spares.extend(records.take(room));
    }

    /// Records how many of the last batch all sinks kept; the rest failed. Only the writer calls
    /// this. A second call for the same batch changes nothing.
    pub(super) fn finish_batch(&self, written: usize, error: Option<&io::Error>) {
        // Formatting runs host code, so do it before locking.
        let why = error.map(|error| reason(error));
        let mut state = self.lock();
        let batch = std::mem::take(&mut state.in_flight);
        let written = written.min(batch.records);
        let failed = (batch.records - written) as u64;
        state.held -= batch;
        state.count_held();
        state.counts.written += written as u64;
        state.counts.failed += failed;
        if failed == 0 && written > 0 {
            state.loss_warnings.recovered();
        }
        if failed == 0 {
            return;
        }
        Self::lose(state, failed, why.as_deref().unwrap_or("a sink did not keep them"));
    }

    /// Counts lost records, and warns if it is time to. Unlocks before warning.
    fn lose(mut state: MutexGuard<'_, State>, records: u64, why: &str) {
        let lost = state.loss_warnings.add(records, why, Instant::now());
        drop(state);
        if let Some(lost) = lost {
            tracing::warn!(target: crate::TARGET, lost, reason = why, "the log is losing records");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns true if the queue is filling up, so that the writer should not wait for more
    /// records.
    fn is_pressing(&self, limits: Limits) -> bool {
        self.waiting.len() >= BATCH.min(limits.records / PRESSING)
            || self.held.bytes >= limits.bytes / PRESSING
    }

    fn count_held(&mut self) {
        self.counts.queued = self.held.records as u64;
        self.counts.queued_bytes = self.held.bytes as u64;
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

#[cfg(test)]
mod tests;
