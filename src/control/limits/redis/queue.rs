//! Settlements on their way to Redis.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::settle::{Gateway, Settle};
use crate::TARGET;

/// Settlements that wait to be sent, by gateway: if the node of one does not answer, the others go
/// on. The queue is bounded: if one more comes, the oldest of a gateway with more than its share is
/// dropped.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// Notified when a gateway needs a sender, and when the queue is closed.
    has_work: Notify,
    is_idle: Notify,
    is_closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By gateway; those being sent keep their gateway here.
    waiting: HashMap<Gateway, VecDeque<Settle>>,
    /// Gateways without a sender.
    unattended: VecDeque<Gateway>,
    /// How many wait, of all gateways.
    count: usize,
    /// How many are being sent.
    taken: usize,
    dropped: u64,
    is_closed: bool,
    /// It has been full since it was last empty.
    was_full: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            state: Mutex::default(),
            has_work: Notify::new(),
            is_idle: Notify::new(),
            is_closing: Notify::new(),
        }
    }

    pub(super) fn push(&self, settle: Settle) {
        let mut state = self.state();
        let is_news = state.make_room(self.capacity, settle.gateway);
        let needs_sender = state.add(settle);
        drop(state);
        if needs_sender {
            self.has_work.notify_one();
        }
        warn_if_full(is_news);
    }

    /// Like [`push`](Self::push), but drops nothing for it: a reservation that is not taken back
    /// ends with its lease, but usage that is not settled is never counted.
    pub(super) fn push_undo(&self, undo: Settle) {
        let mut state = self.state();
        if state.count >= self.capacity {
            state.dropped += 1;
            return;
        }
        let needs_sender = state.add(undo);
        drop(state);
        if needs_sender {
            self.has_work.notify_one();
        }
    }

    /// The next gateway that needs a sender; none when the queue is closed and each has one.
    pub(super) async fn next(&self) -> Option<Gateway> {
        loop {
            let has_work = self.has_work.notified();
            {
                let mut state = self.state();
                let gateway = state.unattended.pop_front();
                if gateway.is_some() || state.is_closed {
                    return gateway;
                }
            }
            has_work.await;
        }
    }

    /// Takes the oldest of a gateway. If there is none, the gateway no longer has a sender.
    pub(super) fn take(&self, gateway: Gateway, count: usize) -> Vec<Settle> {
        let mut state = self.state();
        let Some(waiting) = state.waiting.get_mut(&gateway) else { return Vec::new() };
        let count = count.min(waiting.len());
        let taken: Vec<_> = waiting.drain(..count).collect();
        if taken.is_empty() {
            state.waiting.remove(&gateway);
        }
        state.count -= taken.len();
        state.taken += taken.len();
        taken
    }

    /// Records that so many of those taken are done.
    pub(super) fn done(&self, count: usize) {
        let mut state = self.state();
        state.taken -= count;
        if state.count + state.taken == 0 {
            state.was_full = false;
            drop(state);
            self.is_idle.notify_waiters();
        }
    }

    /// Puts back what could not be sent, before what has come in the meantime.
    pub(super) fn put_back(&self, gateway: Gateway, settles: Vec<Settle>) {
        let mut state = self.state();
        let count = settles.len();
        let waiting = state.waiting.entry(gateway).or_default();
        for settle in settles.into_iter().rev() {
            waiting.push_front(settle);
        }
        state.taken -= count;
        state.count += count;
        let mut is_news = false;
        while state.count > self.capacity {
            is_news |= state.make_room(self.capacity, gateway);
        }
        drop(state);
        warn_if_full(is_news);
    }

    /// Records that a gateway has lost its sender.
    pub(super) fn leave(&self, gateway: Gateway) {
        self.state().unattended.push_back(gateway);
        self.has_work.notify_one();
    }

    /// Records that so many of those taken are lost.
    pub(super) fn lose(&self, count: usize) {
        self.state().dropped += count as u64;
        self.done(count);
    }

    /// Waits until the queue is empty, or until the deadline. Returns whether it is empty.
    pub(super) async fn idle(&self, deadline: Instant) -> bool {
        loop {
            let is_idle = self.is_idle.notified();
            if self.len() == 0 {
                return true;
            }
            if timeout_at(deadline, is_idle).await.is_err() {
                return self.len() == 0;
            }
        }
    }

    /// Pauses between two attempts; only for `short` once the queue is closed.
    pub(super) async fn pause(&self, duration: Duration, short: Duration) {
        let is_closing = self.is_closing.notified();
        if !self.state().is_closed && timeout(duration, is_closing).await.is_err() {
            return;
        }
        tokio::time::sleep(short).await;
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.has_work.notify_one();
        self.is_closing.notify_waiters();
    }

    pub(super) fn len(&self) -> usize {
        let state = self.state();
        state.count + state.taken
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns true if nobody sends for its gateway yet.
    fn add(&mut self, settle: Settle) -> bool {
        let gateway = settle.gateway;
        let mut needs_sender = false;
        let waiting = self.waiting.entry(gateway).or_insert_with(|| {
            needs_sender = true;
            VecDeque::new()
        });
        waiting.push_back(settle);
        self.count += 1;
        if needs_sender {
            self.unattended.push_back(gateway);
        }
        needs_sender
    }

    /// If the queue is full, drops the oldest of this gateway if it has its share, else of the
    /// gateway with the most. Returns true if this must be logged.
    fn make_room(&mut self, capacity: usize, gateway: Gateway) -> bool {
        if self.count < capacity {
            return false;
        }
        let share = self.count / self.waiting.len().max(1);
        let own = self.waiting.get(&gateway).map_or(0, VecDeque::len);
        let from = match own >= share.max(1) {
            true => self.waiting.get_mut(&gateway),
            false => self.waiting.values_mut().max_by_key(|waiting| waiting.len()),
        };
        if from.and_then(VecDeque::pop_front).is_some() {
            self.count -= 1;
            self.dropped += 1;
        }
        !std::mem::replace(&mut self.was_full, true)
    }
}

fn warn_if_full(is_newly_full: bool) {
    if is_newly_full {
        tracing::warn!(
            target: TARGET,
            "too many reservations wait to be settled in Redis; the oldest are left to their leases",
        );
    }
}

#[cfg(test)]
mod tests;
