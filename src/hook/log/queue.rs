//! The bounded queue between exchanges and the thread that writes.
//!
//! Its lock is held for a few moves, never while anything is written, so that an exchange never
//! waits for a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::LogRecord;
use super::losses::Losses;
use super::report::{FlushReport, LogCounts};

/// The most records that are written at once.
const BATCH: usize = 256;

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

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    Write(Batch),
    Flush(Vec<Flusher>),
    Stop,
}

/// Records that are being written.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<LogRecord>,
    count: usize,
    weight: usize,
}

/// Who waits for a flush.
pub(super) type Flusher = SyncSender<io::Result<()>>;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Box<LogRecord>, usize)>,
    bytes: usize,
    counts: LogCounts,
    losses: Losses,
    /// Flushes, each with the number of records that must be dealt with before it.
    flushes: Vec<(u64, Flusher)>,
    is_closed: bool,
    is_writer_idle: bool,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), work: Condvar::new() }
    }

    /// Queues a record that takes up `weight` bytes, or counts it as dropped where there is no
    /// room for it.
    pub(super) fn push(&self, record: Box<LogRecord>, weight: usize) {
        let mut state = self.lock();
        let is_full = state.counts.queued >= self.limits.records as u64
            || state.bytes.saturating_add(weight) > self.limits.bytes;
        if is_full {
            state.counts.dropped += 1;
            let lost = state.counts.lost();
            let loss = state.losses.warning(lost, Instant::now());
            drop(state);
            if let Some(loss) = loss {
                loss.warn(None);
            }
            return;
        }
        state.bytes += weight;
        state.counts.queued += 1;
        state.waiting.push_back((record, weight));
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
                drop(state);
                return Work::Write(Batch::new(taken));
            }
            if state.is_closed {
                return Work::Stop;
            }
            state.is_writer_idle = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the writer: `written` records of a batch were kept by all sinks.
    pub(super) fn settle(&self, batch: &Batch, written: usize, error: Option<&io::Error>) {
        let mut state = self.lock();
        let written = written.min(batch.count);
        state.counts.queued -= batch.count as u64;
        state.counts.written += written as u64;
        state.counts.failed += (batch.count - written) as u64;
        state.bytes -= batch.weight;
        let lost = state.counts.lost();
        let loss = state.losses.warning(lost, Instant::now());
        drop(state);
        if let Some(loss) = loss {
            loss.warn(error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn dealt_with(&self) -> u64 {
        self.counts.written + self.counts.failed
    }

    fn due_flushes(&mut self) -> Vec<Flusher> {
        let dealt_with = self.dealt_with();
        let due = self.flushes.extract_if(.., |(due, _)| *due <= dealt_with);
        due.map(|(_, flusher)| flusher).collect()
    }
}

impl Batch {
    fn new(taken: Vec<(Box<LogRecord>, usize)>) -> Self {
        let weight = taken.iter().map(|(_, weight)| weight).sum();
        let count = taken.len();
        Self { records: taken.into_iter().map(|(record, _)| *record).collect(), count, weight }
    }
}
