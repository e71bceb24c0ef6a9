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
use crate::util::budget::{FRAME_OVERHEAD, Held};

/// So much may wait to be sent of an answer that is not kept …
const MOST_WAITING: usize = 32 << 20;
/// … of which so much is counted nowhere.
const UNCOUNTED: usize = BATCH;
/// So much is sent at once, and without a pause.
pub(super) const BATCH: usize = 128 << 10;
/// A part of the data has so much at most.
const PART: usize = 64 << 10;

/// The end of the answer's side: what it says is queued, and a task sends it.
pub(super) struct Leading {
    pub(super) queue: Arc<Queue>,
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// There is more to do.
    pub(super) has_work: Notify,
    /// Others read it.
    pub(super) is_followed: AtomicBool,
}

pub(super) struct State {
    pub(super) waiting: VecDeque<Part>,
    /// What they take.
    pub(super) bytes: usize,
    /// What is counted of that: nothing as long as the answer may be kept, for then its recording holds and
    /// counts it.
    held: Held,
    /// It is told to those alone who read it already.
    pub(super) is_not_kept: bool,
    pub(super) trailers: Option<HeaderMap>,
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

    /// Counts what waits, which is held for nothing else. False where it is more than may wait.
    #[must_use]
    fn fits(&mut self) -> bool {
        let more = self.counted().saturating_sub(self.held.bytes());
        self.bytes <= MOST_WAITING && (more == 0 || self.held.grow_modestly(more))
    }

    /// Gives up what is not kept where more of it waits than may.
    fn bound(&mut self) {
        if self.is_not_kept && !self.fits() {
            self.end(Outcome::Broken);
        }
    }

    /// The first word stands.
    fn end(&mut self, outcome: Outcome) {
        if self.outcome.is_some() {
            return;
        }
        let is_broken = match &outcome {
            Outcome::Broken => true,
            Outcome::Whole(None) => !self.fits(),
            Outcome::Whole(Some(_)) => false,
        };
        if is_broken {
            self.waiting = VecDeque::new();
            self.held.release();
        }
        self.outcome = Some(if is_broken { Outcome::Broken } else { outcome });
    }
}

/// What a part takes.
fn weight(part: &Part) -> usize {
    part.data() + FRAME_OVERHEAD
}

impl Queue {
    /// `held`: the share of the memory for bodies.
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

    /// There is no more to say.
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
