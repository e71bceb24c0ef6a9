//! Holds an exchange between polls of its response body, so that a timer can end it even if nobody
//! polls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Exchange;
use crate::hook::Failure;

/// Shared by the response body, which owns the exchange, and a timer in a layer below, which puts
/// this into the extensions of its response.
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

    /// Ends the exchange: the response has broken off, even if nobody reads it.
    pub(crate) fn expire(&self, failure: Failure) {
        let mut exchange = {
            let mut state = self.state();
            state.expired = Some(failure);
            std::mem::take(&mut state.exchange)
        };
        // Hooks run here, so release the lock first. While the body is being polled, the exchange
        // is empty; then `put_back` ends it.
        exchange.broken(failure);
    }
}

/// The response body's handle of a [`SharedExchange`]. If it is dropped, the client has
/// disconnected.
#[derive(Debug)]
pub(crate) struct ExchangeHandle(pub(crate) Arc<SharedExchange>);

impl ExchangeHandle {
    /// Takes the exchange while the body is polled. It is empty if it has ended.
    pub(crate) fn take(&self) -> Exchange {
        std::mem::take(&mut self.0.state().exchange)
    }

    /// Puts the exchange back, or ends it if its time has expired meanwhile.
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
