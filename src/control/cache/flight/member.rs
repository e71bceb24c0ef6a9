//! One of the requests that share a call to the provider.

mod body;
mod head;
mod leaving;

use std::sync::Arc;

use super::state::Flight;
use super::{Call, Flights, Key};
use crate::context::GatewayContext;
use crate::control::cache::asked::Policy;
use crate::control::cache::recording::After;

/// One that takes part. Leaves when it is dropped.
pub(in crate::control) struct Member {
    flight: Arc<Flight>,
    place: usize,
    /// Its own call, until it is made.
    call: Option<Call>,
    /// Of its exchange.
    context: Option<GatewayContext>,
    /// What it takes of others; `None`: all.
    policy: Option<Arc<Policy>>,
    flights: Arc<Flights>,
    /// Where others find it; `None` where it is alone.
    key: Option<Key>,
    follows: bool,
}

impl Member {
    pub(super) fn new(
        flight: Arc<Flight>,
        place: usize,
        call: Call,
        flights: Arc<Flights>,
        key: Option<Key>,
    ) -> Self {
        let (call, context, policy) = (Some(call), None, None);
        Self { flight, place, call, context, policy, flights, key, follows: false }
    }

    /// It takes of others what it would take from the store.
    pub(in crate::control::cache) fn under(mut self, policy: Arc<Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The exchange that it is for, which is billed where its call is made.
    pub(in crate::control) fn of(mut self, context: GatewayContext) -> Self {
        self.context = Some(context);
        self
    }

    /// One that shares with nobody.
    pub(super) fn alone(call: Call, flights: Arc<Flights>) -> Self {
        let flight = Flight::new();
        flight.join(1);
        Self::new(flight, 0, call, flights, None)
    }

    /// It has found others there.
    pub(super) fn following(mut self) -> Self {
        self.follows = true;
        self.flights.counts.followers.add();
        self
    }

    /// Leaves the others, and asks the provider for itself; `None` if its call was made before.
    pub(in crate::control) fn leave(mut self) -> Option<Self> {
        let call = self.call.take()?;
        let mut alone = Self::alone(call, self.flights.clone());
        alone.context = self.context.take();
        Some(alone)
    }

    /// Whether it shares with nobody.
    pub(in crate::control) fn is_alone(&self) -> bool {
        self.key.is_none()
    }

    /// Whether it has found others there, and asks for none itself.
    pub(in crate::control::cache) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether it waits for somebody else's call.
    pub(in crate::control) fn is_waiting_for_others(&self) -> bool {
        self.call.is_some()
    }

    fn finish(&self, after: After) {
        self.flights.finish(after, self.key.as_ref(), &self.flight);
    }
}
