//! The parts of a response that wait to be sent to Redis.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

use super::record::{Batch, Part};
use crate::control::cache::entry::CacheEntry;
use crate::control::cache::store::Broadcast;
use crate::util::budget::{FRAME_OVERHEAD, Held};

/// How many bytes of a response that is not stored may wait …
const MOST_WAITING: usize = 32 << 20;
/// … and how many of them are not counted.
const UNCOUNTED: usize = BATCH;
/// The length of a batch in bytes. So much is sent without a pause.
pub(super) const BATCH: usize = 128 << 10;
/// The maximum data of a part, in bytes.
const PART: usize = 64 << 10;

/// Queues the parts of a response for the task that sends them.
pub(super) struct Leading {
    pub(super) queue: Arc<Queue>,
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// Wakes the task.
    pub(super) has_work: Notify,
    /// Whether other processes read the response.
    pub(super) is_followed: AtomicBool,
}

pub(super) struct State {
    pub(super) waiting: VecDeque<Part>,
    /// The memory of the waiting parts, in bytes.
    pub(super) bytes: usize,
    /// Counts that memory. Zero while the response may be stored, because its recording counts it then.
    held: Held,
    /// The response is not stored, and only its present followers get the rest.
    pub(super) is_not_kept: bool,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) outcome: Option<Outcome>,
    pub(super) written: Option<Written>,
}

/// Learns whether the response was stored.
pub(super) type Written = Box<dyn FnOnce(bool) + Send>;

pub(super) enum Outcome {
    Whole(Option<CacheEntry>),
    /// There is no head, because the response is not shared.
    Unshared,
    Broken,
}

impl State {
    /// The next batch, and whether it is empty. Only a head makes it longer than [`BATCH`].
    pub(super) fn batch(&mut self, number: u64) -> (Batch, bool) {
        let (mut batch, mut is_empty) = (Batch::new(number), true);
        while let Some(part) = self.waiting.front() {
            if !is_empty && batch.len() + part.data() > BATCH {
                break;
            }
            self.bytes -= weight(part);
            batch.push(part);
            self.waiting.pop_front();
            is_empty = false;
        }
        self.held.shrink(self.held.bytes().saturating_sub(self.counted()));
        (batch, is_empty)
    }

    fn counted(&self) -> usize {
        self.bytes.saturating_sub(UNCOUNTED)
    }

    /// Counts the waiting parts that nothing else holds. False if they are more than may wait.
    #[must_use]
    fn fits(&mut self) -> bool {
        let more = self.counted().saturating_sub(self.held.bytes());
        self.bytes <= MOST_WAITING && (more == 0 || self.held.grow_modestly(more))
    }

    /// Ends a response that is not stored if too much of it waits.
    fn bound(&mut self) {
        if self.is_not_kept && !self.fits() {
            self.end(Outcome::Broken);
        }
    }

    /// The first outcome counts.
    fn end(&mut self, outcome: Outcome) {
        if self.outcome.is_some() {
            return;
        }
        let is_broken = match &outcome {
            Outcome::Broken => true,
            Outcome::Whole(None) => !self.fits(),
            Outcome::Whole(Some(_)) | Outcome::Unshared => false,
        };
        if is_broken {
            self.waiting = VecDeque::new();
            self.held.release();
        }
        self.outcome = Some(if is_broken { Outcome::Broken } else { outcome });
    }
}

/// The memory of a part, in bytes.
fn weight(part: &Part) -> usize {
    part.data() + FRAME_OVERHEAD
}

impl Queue {
    /// `held`: a share of the body budget.
    pub(super) fn new(held: Held) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            held,
            is_not_kept: false,
            trailers: None,
            outcome: None,
            written: None,
        };
        Self {
            state: Mutex::new(state),
            has_work: Notify::new(),
            is_followed: AtomicBool::new(false),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, part: Part) {
        let mut state = self.state();
        if state.outcome.is_some() {
            return;
        }
        state.bytes += weight(&part);
        state.waiting.push_back(part);
        state.bound();
        drop(state);
        self.has_work.notify_one();
    }

    /// Sets the outcome, unless there is one.
    pub(super) fn end(&self, outcome: Outcome) {
        self.state().end(outcome);
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
        let mut state = self.queue.state();
        state.is_not_kept = true;
        state.bound();
        drop(state);
        self.queue.has_work.notify_one();
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.queue.state().trailers = Some(trailers.clone());
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

    fn unshared(self: Box<Self>) {
        self.queue.end(Outcome::Unshared);
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
    use crate::util::budget::BodyBudget;

    #[test]
    fn no_batch_is_longer_than_a_follower_may_hold() {
        const KEY: CacheKey = CacheKey([1; 32]);
        let queue = Arc::new(Queue::new(BodyBudget::default().share()));
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
