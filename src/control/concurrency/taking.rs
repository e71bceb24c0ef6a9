//! A request on its way through its gates.

use tokio::time::Instant;

use super::error::ConcurrencyError;
use super::gate::{Gate, Gates};
use super::pool::{Entry, Permit, Permits, Ticket};

/// The gates that a request has before it, and the permits of those behind it.
pub(super) struct Taking {
    gates: <Gates as IntoIterator>::IntoIter,
    permits: Permits,
    queue: usize,
    /// When the request came to the first gate that did not let it in at once.
    since: Option<Instant>,
}

/// A place in the queue before a gate.
pub(super) struct Place {
    pub(super) ticket: Ticket,
    /// When the request gives up; `None` where no clock counts as far.
    pub(super) until: Option<Instant>,
}

impl Taking {
    pub(super) fn new(gates: Gates, queue: usize) -> Self {
        Self { gates: gates.into_iter(), permits: Permits::default(), queue, since: None }
    }

    /// Goes on until a gate makes the request wait, which gives the place in its queue, or until
    /// there are no more.
    pub(super) fn advance(&mut self) -> Result<Option<Place>, ConcurrencyError> {
        for Gate { pool, limit, wait } in self.gates.by_ref() {
            if let Some(permit) = pool.try_enter(limit) {
                self.permits.push(permit);
                continue;
            }
            let now = Instant::now();
            let until = self.since.get_or_insert(now).checked_add(wait);
            if until.is_some_and(|until| until <= now) {
                return Err(ConcurrencyError::WAITED);
            }
            match pool.enter(limit, self.queue) {
                Entry::Admitted(permit) => self.permits.push(permit),
                Entry::Queued(ticket) => return Ok(Some(Place { ticket, until })),
                Entry::Full => return Err(ConcurrencyError::QUEUE_FULL),
            }
        }
        Ok(None)
    }

    /// The turn at the gate has come.
    pub(super) fn admitted(&mut self, permit: Permit) {
        self.permits.push(permit);
    }

    /// The permits of all gates.
    pub(super) fn done(self) -> Permits {
        self.permits
    }
}
