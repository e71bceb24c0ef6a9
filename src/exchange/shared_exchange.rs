//! Where an exchange waits between two polls of its response body, so that it can be ended though
//! nobody polls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Exchange;
use crate::hook::Failure;

/// Shared by the response body, whose exchange it is, and by what may end it: a timer below, which
/// puts this into the extensions of its response.
#[derive(Debug, Default)]
pub(crate) struct SharedExchange(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    exchange: Exchange,
    expired: Option<Failure>,
}

impl SharedExchange {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response has broken off, whether anybody reads it or not.
    pub(crate) fn expire(&self, failure: Failure) {
        let mut exchange = {
            let mut state = self.state();
            state.expired = Some(failure);
            std::mem::take(&mut state.exchange)
        };
        // Hooks are told: not under the lock. Nothing happens where the body is being polled.
        exchange.broken(failure);
    }
}

/// The response body's hold on a [`SharedExchange`]. Where it is dropped, the client has gone away.
#[derive(Debug)]
pub(crate) struct ExchangeHandle(Arc<SharedExchange>);

impl ExchangeHandle {
    pub(crate) fn new(shared_exchange: Arc<SharedExchange>) -> Self {
        Self(shared_exchange)
    }

    /// The exchange, for as long as the body is polled; an empty one where it is over.
    pub(crate) fn take(&self) -> Exchange {
        std::mem::take(&mut self.0.state().exchange)
    }

    /// The exchange waits again, or ends where its time has passed meanwhile.
    pub(crate) fn put_back(&self, mut exchange: Exchange) {
        let expired = {
            let mut state = self.0.state();
            if state.expired.is_none() {
                std::mem::swap(&mut state.exchange, &mut exchange);
            }
            state.expired
        };
        if let Some(failure) = expired {
            exchange.broken(failure);
        }
    }
}

impl Drop for ExchangeHandle {
    fn drop(&mut self) {
        drop(self.take());
    }
}
