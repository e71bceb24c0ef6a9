//! A request that acquires the permits of its limits.

use tokio::time::{Instant, timeout_at};

use super::error::ConcurrencyError;
use super::gate::{Gate, Gates};
use super::pool::{Permit, Permits, Ticket, Turn};

/// The gates still to pass, and the permits of those passed.
pub(super) struct Acquiring {
    gates: <Gates as IntoIterator>::IntoIter,
    permits: Permits,
    queue: usize,
    /// When the first gate made the request wait.
    since: Option<Instant>,
}

/// A request with all its permits, or one that waits for a permit.
pub(in crate::control) enum Entry {
    Permitted(Permits),
    Waiting(Box<Waiting>),
}

/// A request in the queue of a gate.
pub(in crate::control) struct Waiting {
    acquiring: Acquiring,
    ticket: Ticket,
    /// When to give up; `None` if it is too far in the future for the clock.
    until: Option<Instant>,
}

impl Acquiring {
    /// `permits` are those that the request has already.
    pub(super) fn new(gates: Gates, permits: Permits, queue: usize) -> Self {
        Self { gates: gates.into_iter(), permits, queue, since: None }
    }

    /// Acquires permits until a gate makes the request wait or no gate is left.
    pub(super) fn advance(mut self) -> Result<Entry, ConcurrencyError> {
        while let Some(gate) = self.gates.next() {
            if let Some(permit) = gate.try_acquire() {
                self.permits.push(permit);
                continue;
            }
            let Gate { pool, limit, wait } = gate;
            let now = Instant::now();
            let until = self.since.get_or_insert(now).checked_add(wait);
            if until.is_some_and(|until| until <= now) {
                return Err(ConcurrencyError::WAITED);
            }
            match pool.acquire(limit, self.queue) {
                Turn::Now(permit) => self.permits.push(permit),
                Turn::Later(ticket) => {
                    return Ok(Entry::Waiting(Box::new(Waiting {
                        acquiring: self,
                        ticket,
                        until,
                    })));
                }
                Turn::QueueFull => return Err(ConcurrencyError::QUEUE_FULL),
            }
        }
        Ok(Entry::Permitted(self.permits))
    }
}

impl Waiting {
    /// Waits for the permits of all remaining gates.
    pub(in crate::control) async fn permits(self: Box<Self>) -> Result<Permits, ConcurrencyError> {
        let mut next = self;
        loop {
            let Waiting { mut acquiring, ticket, until } = *next;
            let permit: Permit = match until {
                Some(until) => match timeout_at(until, ticket).await {
                    Ok(permit) => permit,
                    Err(_) => return Err(ConcurrencyError::WAITED),
                },
                None => ticket.await,
            };
            acquiring.permits.push(permit);
            match acquiring.advance()? {
                Entry::Permitted(permits) => return Ok(permits),
                Entry::Waiting(waiting) => next = waiting,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::control::concurrency::pool::Pool;
    use tokio::time::sleep;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// When a request gives up that waits 50 ms at its first gate and then at its second.
    async fn gives_up_at(first: u64, second: u64) -> Duration {
        let pools = [(); 2].map(|()| Arc::new(Pool::default()));
        let first_permit = pools[0].try_acquire(1);
        let _second_permit = pools[1].try_acquire(1);
        let mut gates = Gates::default();
        for (pool, wait) in pools.into_iter().zip([first, second]) {
            gates.push(Gate { pool, limit: 1, wait: ms(wait) });
        }
        let start = Instant::now();
        let entry = Acquiring::new(gates, Permits::default(), usize::MAX).advance().unwrap();
        let Entry::Waiting(waiting) = entry else { panic!("not queued") };
        let release = async {
            sleep(ms(50)).await;
            drop(first_permit);
        };
        let ((), turn) = tokio::join!(release, waiting.permits());
        assert_eq!(turn.err(), Some(ConcurrencyError::WAITED));
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_gates_wait_counts_from_the_call() {
        assert_eq!(gives_up_at(100, 70).await, ms(70));
        assert_eq!(gives_up_at(100, 200).await, ms(200));
        assert_eq!(gives_up_at(100, 40).await, ms(50));
    }
}
