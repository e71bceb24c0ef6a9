//! Settlements on their way to Redis.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::settle::{Gateway, Settle};
use crate::TARGET;

/// What waits to be sent, gateway by gateway: where the node of one does not answer, the others go on.
/// It is bounded: for one more, the oldest of a gateway with more than its share is dropped.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// A gateway waits for a sender, or none ever will again.
    has_work: Notify,
    is_idle: Notify,
    is_closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Of each gateway of which something waits or is under way.
    waiting: HashMap<Gateway, VecDeque<Settle>>,
    /// Gateways that nobody sends for yet.
    unattended: VecDeque<Gateway>,
    /// Of all gateways.
    count: usize,
    /// Taken out, and not yet sent.
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
        let tells = state.make_room(self.capacity, settle.gateway);
        state.add(settle);
        drop(state);
        self.has_work.notify_one();
        tell_full(tells);
    }

    /// The same, if there is room: what is not taken back ends with its lease, while what was used
    /// and is not settled is never counted.
    pub(super) fn push_undo(&self, undo: Settle) {
        let mut state = self.state();
        if state.count >= self.capacity {
            state.dropped += 1;
            return;
        }
        state.add(undo);
        drop(state);
        self.has_work.notify_one();
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

    /// The oldest of a gateway. Where there is none, the gateway needs no sender any more.
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

    /// So many that were taken are done.
    pub(super) fn done(&self, count: usize) {
        let mut state = self.state();
        state.taken -= count;
        if state.count + state.taken == 0 {
            state.was_full = false;
            drop(state);
            self.is_idle.notify_waiters();
        }
    }

    /// What could not be sent, to be sent first of its gateway. What has come meanwhile is newer.
    pub(super) fn put_back(&self, gateway: Gateway, settles: Vec<Settle>) {
        let mut state = self.state();
        let count = settles.len();
        let waiting = state.waiting.entry(gateway).or_default();
        for settle in settles.into_iter().rev() {
            waiting.push_front(settle);
        }
        state.taken -= count;
        state.count += count;
        let mut tells = false;
        while state.count > self.capacity {
            tells |= state.make_room(self.capacity, gateway);
        }
        drop(state);
        tell_full(tells);
    }

    /// Whoever sent for it no longer does.
    pub(super) fn leave(&self, gateway: Gateway) {
        self.state().unattended.push_back(gateway);
        self.has_work.notify_one();
    }

    /// Those that were taken are lost.
    pub(super) fn lose(&self, count: usize) {
        self.state().dropped += count as u64;
        self.done(count);
    }

    /// Until nothing waits, or the time is over. Whether nothing waits.
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

    /// A pause between two attempts. The end of the store makes it a `short` one.
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
    fn add(&mut self, settle: Settle) {
        let gateway = settle.gateway;
        let waiting = self.waiting.entry(gateway).or_insert_with(|| {
            self.unattended.push_back(gateway);
            VecDeque::new()
        });
        waiting.push_back(settle);
        self.count += 1;
    }

    /// Where it is full, drops the oldest of this gateway if it has its share, else that of the one
    /// with the most. Whether the host is to be told.
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

fn tell_full(is_full: bool) {
    if is_full {
        tracing::warn!(
            target: TARGET,
            "too many reservations wait to be settled in Redis; the oldest are left to their leases",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::ReservationId;
    use super::*;

    const A: Gateway = [1; 8];
    const B: Gateway = [2; 8];

    fn settle(gateway: Gateway, id: u128) -> Settle {
        let (id, settlements) = (ReservationId(id), Box::default());
        Settle { id, gateway, settlements, is_repeated: false }
    }

    fn ids(settles: &[Settle]) -> Vec<u128> {
        settles.iter().map(|settle| settle.id.0).collect()
    }

    #[tokio::test]
    async fn the_oldest_is_dropped_and_counted() {
        let queue = Queue::new(3);
        (1..=5).for_each(|id| queue.push(settle(A, id)));
        assert_eq!((queue.len(), queue.dropped()), (3, 2));
        assert_eq!(queue.next().await, Some(A));
        let taken = queue.take(A, 2);
        assert_eq!(ids(&taken), [3, 4]);
        assert_eq!(queue.len(), 3, "those on their way are counted");
        queue.push(settle(A, 6));
        queue.push(settle(A, 7));
        queue.put_back(A, taken);
        assert_eq!((queue.len(), queue.dropped()), (3, 4));
        assert_eq!(ids(&queue.take(A, 9)), [5, 6, 7]);
    }

    #[test]
    fn a_gateway_that_is_not_sent_for_leaves_the_others_their_share() {
        let queue = Queue::new(8);
        (1..=20).for_each(|id| queue.push(settle(A, id)));
        (21..=24).for_each(|id| queue.push(settle(B, id)));
        (25..=40).for_each(|id| queue.push(settle(A, id)));
        assert_eq!(queue.len(), 8);
        assert_eq!(ids(&queue.take(B, 9)), [21, 22, 23, 24]);
        assert_eq!(ids(&queue.take(A, 9)), [37, 38, 39, 40]);
    }

    #[test]
    fn what_would_be_taken_back_drops_nothing_that_was_used() {
        let queue = Queue::new(2);
        queue.push_undo(settle(A, 1));
        queue.push(settle(A, 2));
        queue.push_undo(settle(A, 3));
        assert_eq!(queue.dropped(), 1);
        assert_eq!(ids(&queue.take(A, 9)), [1, 2]);
    }

    #[tokio::test]
    async fn a_gateway_has_one_sender_at_a_time() {
        let queue = Queue::new(9);
        queue.push(settle(A, 1));
        queue.push(settle(A, 2));
        queue.push(settle(B, 3));
        assert_eq!((queue.next().await, queue.next().await), (Some(A), Some(B)));
        queue.push(settle(A, 4));
        assert_eq!(ids(&queue.take(A, 9)), [1, 2, 4]);
        assert!(queue.take(A, 9).is_empty(), "it is left");
        queue.push(settle(A, 5));
        queue.leave(B);
        assert_eq!((queue.next().await, queue.next().await), (Some(A), Some(B)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_gives_what_is_left_and_then_nothing() {
        let queue = Queue::new(3);
        queue.push(settle(A, 1));
        queue.close();
        queue.pause(Duration::from_secs(3600), Duration::ZERO).await;
        assert_eq!(queue.next().await, Some(A));
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.take(A, 9).len(), 1);
        assert!(!queue.idle(Instant::now() + Duration::from_secs(1)).await);
        queue.done(1);
        assert!(queue.idle(Instant::now()).await);
    }
}
