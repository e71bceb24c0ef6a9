//! The parts of an answer under way that wait to be sent to Redis.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

use super::record::{Batch, Part};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::store::Broadcast;

/// So much may wait to be sent.
const MOST_WAITING: usize = 8 << 20;
/// So much is sent at once, and without a pause.
pub(super) const BATCH: usize = 128 << 10;
/// A part of the data has so much at most.
const PART: usize = 64 << 10;

/// The end of the answer's side: what it says is queued, and a task sends it.
pub(super) struct Leading {
    pub(super) queue: Arc<Queue>,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is more to do.
    pub(super) has_work: Notify,
    /// Others read it.
    pub(super) is_followed: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) waiting: VecDeque<Part>,
    pub(super) bytes: usize,
    /// It came faster than Redis takes it: nothing is told any more.
    pub(super) is_cut: bool,
    /// It is told to those alone who read it already.
    pub(super) is_not_kept: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) written: Option<Written>,
}

/// Hears whether the answer was kept.
pub(super) type Written = Box<dyn FnOnce(bool) + Send>;

pub(super) enum Outcome {
    Whole(Option<CacheEntry>),
    Broken,
}

impl State {
    /// The next batch, and whether nothing is in it. Only a head makes it longer than [`BATCH`].
    pub(super) fn batch(&mut self, number: u64) -> (Batch, bool) {
        let (mut batch, mut is_empty) = (Batch::new(number), true);
        while let Some(part) = self.waiting.front() {
            if !is_empty && batch.len() + part.data() > BATCH {
                break;
            }
            self.bytes -= part.data();
            batch.push(part);
            self.waiting.pop_front();
            is_empty = false;
        }
        (batch, is_empty)
    }
}

impl Queue {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, part: Part) {
        let mut state = self.state();
        if state.outcome.is_some() || state.is_cut {
            return;
        }
        let bytes = part.data();
        if state.bytes + bytes > MOST_WAITING {
            state.is_cut = true;
            state.bytes = 0;
            state.waiting = VecDeque::new();
        } else {
            state.bytes += bytes;
            state.waiting.push_back(part);
        }
        drop(state);
        self.has_work.notify_one();
    }

    /// The first word stands.
    pub(super) fn end(&self, outcome: Outcome) {
        let mut state = self.state();
        if state.outcome.is_none() {
            if matches!(outcome, Outcome::Broken) {
                state.waiting.clear();
            }
            state.outcome = Some(outcome);
        }
        drop(state);
        self.has_work.notify_one();
    }
}

impl Broadcast for Leading {
    fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.queue.push(Part::Head(status, headers.clone()));
    }

    fn data(&mut self, data: &Bytes) {
        let mut rest = data.clone();
        while !rest.is_empty() {
            self.queue.push(Part::Data(rest.split_to(rest.len().min(PART))));
        }
    }

    fn is_followed(&self) -> bool {
        self.queue.is_followed.load(Ordering::Relaxed)
    }

    fn not_kept(&mut self) {
        self.queue.state().is_not_kept = true;
        self.queue.has_work.notify_one();
    }

    fn on_written(&mut self, written: Written) {
        let mut state = self.queue.state();
        if state.outcome.is_none() {
            state.written = Some(written);
            return;
        }
        drop(state);
        written(false);
    }

    fn end(self: Box<Self>, entry: Option<CacheEntry>) {
        self.queue.end(Outcome::Whole(entry));
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.queue.end(Outcome::Broken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cache::key::CacheKey;
    use crate::control::cache::redis::record::parts;

    #[test]
    fn no_batch_is_longer_than_a_follower_may_hold() {
        const KEY: CacheKey = CacheKey([1; 32]);
        let queue = Arc::<Queue>::default();
        let mut leading = Leading { queue: queue.clone() };
        leading.head(StatusCode::OK, &HeaderMap::new());
        let frames = [300 << 10, 1, 100 << 10, 60 << 10, 7, 70 << 10, 1 << 20];
        for (at, length) in frames.into_iter().enumerate() {
            leading.data(&Bytes::from(vec![at as u8; length]));
        }
        let mut data = Vec::new();
        for number in 0.. {
            let (batch, is_empty) = queue.state().batch(number);
            if is_empty {
                break;
            }
            let batch = Bytes::from(batch.finish(KEY, b"token"));
            assert!(batch.len() <= BATCH + 64, "{}", batch.len());
            for part in parts(&batch, number, KEY, b"token").unwrap() {
                if let Part::Data(part) = part {
                    data.extend_from_slice(&part);
                }
            }
        }
        let expected = frames.into_iter().enumerate();
        let expected: Vec<_> = expected.flat_map(|(at, length)| vec![at as u8; length]).collect();
        assert!(data == expected, "{} of {}", data.len(), expected.len());
        assert_eq!(queue.state().bytes, 0);
    }
}
