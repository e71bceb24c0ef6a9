//! Settlements on their way to Redis.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::super::{ReservationId, Settlement};
use crate::TARGET;

/// What one reservation has come to.
#[derive(Clone, Debug)]
pub(super) struct Settle {
    pub(super) id: ReservationId,
    /// All of one gateway.
    pub(super) settlements: Box<[Settlement]>,
    /// An earlier attempt may have reached Redis.
    pub(super) is_repeated: bool,
}

impl Settle {
    pub(super) fn gateway(&self) -> Option<[u8; 8]> {
        self.settlements.first().map(|settlement| settlement.claim.counter.gateway)
    }
}

/// What waits to be sent. It is bounded: for one more, the oldest is dropped.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// There is something to do, or never will be again.
    has_work: Notify,
    is_idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Settle>,
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
        }
    }

    pub(super) fn push(&self, settle: Settle) {
        let mut state = self.state();
        state.waiting.push_back(settle);
        let tells = self.drop_oldest(&mut state);
        drop(state);
        self.has_work.notify_one();
        tell_full(tells);
    }

    /// What could not be sent, to be sent first. What has come meanwhile is newer.
    pub(super) fn put_back(&self, settles: Vec<Settle>) {
        let mut state = self.state();
        for settle in settles.into_iter().rev() {
            state.waiting.push_front(settle);
        }
        state.taken = 0;
        let tells = self.drop_oldest(&mut state);
        drop(state);
        tell_full(tells);
    }

    /// The next ones, in their order, once there are any; none when it is closed and empty.
    pub(super) async fn take(&self, count: usize) -> Vec<Settle> {
        loop {
            let has_work = self.has_work.notified();
            if let Some(taken) = self.take_now(count) {
                return taken;
            }
            has_work.await;
        }
    }

    fn take_now(&self, count: usize) -> Option<Vec<Settle>> {
        let mut state = self.state();
        if state.waiting.is_empty() && !state.is_closed {
            return None;
        }
        let count = count.min(state.waiting.len());
        let taken: Vec<_> = state.waiting.drain(..count).collect();
        state.taken = taken.len();
        Some(taken)
    }

    /// Those that were taken are done.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.taken = 0;
        if state.waiting.is_empty() {
            state.was_full = false;
            drop(state);
            self.is_idle.notify_waiters();
        }
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

    /// A pause between two attempts, which the end of the store cuts short.
    pub(super) async fn pause(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        while !self.is_closed() {
            if timeout_at(deadline, self.has_work.notified()).await.is_err() {
                return;
            }
        }
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.has_work.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    pub(super) fn len(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.taken
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn drop_oldest(&self, state: &mut State) -> bool {
        let over = state.waiting.len().saturating_sub(self.capacity);
        state.waiting.drain(..over);
        state.dropped += over as u64;
        over > 0 && !std::mem::replace(&mut state.was_full, true)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    use super::*;

    fn settle(id: u128) -> Settle {
        Settle { id: ReservationId(id), settlements: Box::new([]), is_repeated: false }
    }

    fn ids(settles: &[Settle]) -> Vec<u128> {
        settles.iter().map(|settle| settle.id.0).collect()
    }

    #[tokio::test]
    async fn the_oldest_is_dropped_and_counted() {
        let queue = Queue::new(3);
        (1..=5).for_each(|id| queue.push(settle(id)));
        assert_eq!((queue.len(), queue.dropped()), (3, 2));
        assert_eq!(ids(&queue.take(2).await), [3, 4]);
        assert_eq!(queue.len(), 3, "those on their way are counted");
        queue.push(settle(6));
        queue.push(settle(7));
        queue.put_back(vec![settle(3), settle(4)]);
        assert_eq!((queue.len(), queue.dropped()), (3, 4));
        assert_eq!(ids(&queue.take(9).await), [5, 6, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_gives_what_is_left_and_then_nothing() {
        let queue = Queue::new(3);
        queue.push(settle(1));
        queue.close();
        queue.pause(Duration::from_secs(3600)).await;
        assert_eq!(ids(&queue.take(9).await), [1]);
        assert!(!queue.idle(Instant::now() + Duration::from_secs(1)).await);
        queue.done();
        assert!(queue.idle(Instant::now()).await);
        assert!(queue.take(9).await.is_empty());
    }
}
