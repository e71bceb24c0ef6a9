//! The permits and the queue of one limit.
//!
//! All decisions are made under one lock, held for a few instructions. Wakers are woken and dropped
//! outside of it: both may run foreign code.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::control::bounded_map::Neutral;
use crate::control::list::SmallList;
use crate::util::ready::COMPLETED;

/// The requests that share a limit.
#[derive(Default)]
pub(super) struct Pool(Mutex<State>);

#[derive(Default)]
struct State {
    /// From the latest request.
    limit: usize,
    held: usize,
    /// In order of arrival. A ticket that is missing here has been granted a permit.
    waiting: BTreeMap<u64, Option<Waker>>,
    next: u64,
}

/// The result of asking for a permit.
pub(super) enum Turn {
    Now(Permit),
    Later(Ticket),
    QueueFull,
}

impl Pool {
    /// Returns a permit if one is free and no request waits for it. Sets the pool's limit to
    /// `limit`.
    pub(super) fn try_acquire(self: &Arc<Self>, limit: usize) -> Option<Permit> {
        let (woken, is_in) = {
            let mut state = self.state();
            let woken = state.change(limit);
            (woken, state.acquire())
        };
        woken.into_iter().for_each(Waker::wake);
        is_in.then(|| Permit(self.clone()))
    }

    /// Returns a permit, or a place in the queue if fewer than `queue` requests wait.
    pub(super) fn acquire(self: &Arc<Self>, limit: usize, queue: usize) -> Turn {
        let (woken, turn) = {
            let mut state = self.state();
            let woken = state.change(limit);
            let turn = if state.acquire() {
                Turn::Now(Permit(self.clone()))
            } else if state.waiting.len() >= queue {
                Turn::QueueFull
            } else {
                let number = state.next;
                state.next += 1;
                state.waiting.insert(number, None);
                Turn::Later(Ticket { pool: Some(self.clone()), number })
            };
            (woken, turn)
        };
        woken.into_iter().for_each(Waker::wake);
        turn
    }

    /// Returns true if a request would have to wait.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.state().held >= limit
    }

    fn release(&self) {
        let woken = {
            let mut state = self.state();
            state.held = state.held.saturating_sub(1);
            state.grant()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// A poisoned lock is harmless: nothing under the lock panics.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, limit: usize) -> SmallList<Waker> {
        if self.limit == limit {
            return SmallList::default();
        }
        self.limit = limit;
        self.grant()
    }

    fn acquire(&mut self) -> bool {
        // If a permit is free, the queue is empty: freed permits go to the queue first.
        let is_free = self.held < self.limit;
        self.held += usize::from(is_free);
        is_free
    }

    /// Grants free permits to the requests that have waited longest.
    fn grant(&mut self) -> SmallList<Waker> {
        let mut woken = SmallList::default();
        while self.held < self.limit
            && let Some((_, waker)) = self.waiting.pop_first()
        {
            self.held += 1;
            if let Some(waker) = waker {
                woken.push(waker);
            }
        }
        woken
    }
}

impl Neutral for Pool {
    /// A pool that nothing references is empty.
    fn is_neutral(&self, _: Instant) -> bool {
        true
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "{} of {} held, {} waiting", state.held, state.limit, state.waiting.len())
    }
}

/// A permit of a pool, returned on drop.
#[derive(Debug)]
pub(in crate::control) struct Permit(Arc<Pool>);

/// The permits of a request, one per gate.
pub(in crate::control) type Permits = SmallList<Permit, 3>;

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A place in a pool's queue. Leaves the queue on drop.
#[derive(Debug)]
pub(super) struct Ticket {
    /// `None` once it was exchanged for a permit.
    pool: Option<Arc<Pool>>,
    number: u64,
}

/// Resolves to the permit when it is this request's turn.
impl Future for Ticket {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        #[expect(clippy::expect_used, reason = "a future must not be polled after its end")]
        let pool = self.pool.as_ref().expect(COMPLETED);
        let (old, is_granted) = match pool.state().waiting.get_mut(&self.number) {
            None => (None, true),
            Some(Some(waker)) if waker.will_wake(cx.waker()) => (None, false),
            Some(waker) => (waker.replace(cx.waker().clone()), false),
        };
        drop(old);
        if !is_granted {
            return Poll::Pending;
        }
        let permit = Permit(pool.clone());
        self.pool = None;
        Poll::Ready(permit)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        let left = pool.state().waiting.remove(&self.number);
        if left.is_none() {
            // The permit was granted but not yet taken.
            pool.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(pool: &Arc<Pool>, limit: usize) -> Ticket {
        match pool.acquire(limit, usize::MAX) {
            Turn::Later(ticket) => ticket,
            _ => panic!("not queued"),
        }
    }

    fn turn(ticket: &mut Ticket) -> Option<Permit> {
        match Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn shown(pool: &Pool) -> String {
        format!("{pool:?}")
    }

    #[test]
    fn no_request_overtakes_the_queue() {
        let pool = Arc::new(Pool::default());
        let permit = pool.try_acquire(1).unwrap();
        let (mut first, mut second) = (queued(&pool, 1), queued(&pool, 1));
        assert!(turn(&mut second).is_none() && turn(&mut first).is_none());
        drop(permit);
        assert!(pool.try_acquire(1).is_none(), "the permit is the first one's, though unseen");
        assert!(turn(&mut second).is_none());
        let permit = turn(&mut first).unwrap();
        drop((permit, first));
        assert!(turn(&mut second).is_some());
        drop(second);
        assert_eq!(shown(&pool), "0 of 1 held, 0 waiting");
    }

    #[test]
    fn leaving_the_queue_loses_no_permit() {
        let pool = Arc::new(Pool::default());
        let permit = pool.try_acquire(1).unwrap();
        let (first, second, mut third) = (queued(&pool, 1), queued(&pool, 1), queued(&pool, 1));
        drop(second);
        drop(permit);
        // The first was granted a permit that it never took; it goes to the next in the queue.
        drop(first);
        assert!(turn(&mut third).is_some());
    }

    #[test]
    fn a_changed_limit_applies_from_the_next_request_on() {
        let pool = Arc::new(Pool::default());
        let mut held: Vec<_> = (0..4).map(|_| pool.try_acquire(4).unwrap()).collect();
        let mut waiting = queued(&pool, 2);
        held.drain(..2);
        assert!(turn(&mut waiting).is_none(), "two of two are held");
        held.pop();
        let permit = turn(&mut waiting).unwrap();
        assert_eq!(shown(&pool), "2 of 2 held, 0 waiting");
        let mut more = [queued(&pool, 2), queued(&pool, 2)];
        // A request with a higher limit first admits those that wait under the lower one.
        assert!(pool.try_acquire(4).is_none());
        assert!(more.iter_mut().all(|ticket| ticket.pool.is_some() && turn(ticket).is_some()));
        drop((held, permit, waiting));
        assert_eq!(shown(&pool), "0 of 4 held, 0 waiting");
    }

    #[test]
    fn the_queue_is_bounded_and_a_limit_of_0_refuses_everything() {
        let pool = Arc::new(Pool::default());
        assert!(pool.try_acquire(0).is_none());
        let ticket = pool.acquire(0, 1);
        assert!(matches!(ticket, Turn::Later(_)));
        assert!(matches!(pool.acquire(0, 1), Turn::QueueFull));
        drop(ticket);
        assert!(matches!(pool.acquire(0, 1), Turn::Later(_)));
    }
}
