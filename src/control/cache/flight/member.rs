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

/// A member of a flight. It leaves when it is dropped.
pub(in crate::control) struct Member {
    flight: Arc<Flight>,
    place: usize,
    /// Its own call, until it makes it.
    call: Option<Call>,
    /// The context of its exchange.
    context: Option<GatewayContext>,
    /// Which responses it accepts from others; `None`: all.
    policy: Option<Arc<Policy>>,
    flights: Arc<Flights>,
    /// The flight's key in the map; `None` if it shares with nobody.
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

    /// Accepts from others only what it would accept from the store.
    pub(in crate::control::cache) fn under(mut self, policy: Arc<Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The exchange of its request, which pays for the call if it leads.
    pub(in crate::control) fn of(mut self, context: GatewayContext) -> Self {
        self.context = Some(context);
        self
    }

    /// A member that shares with nobody.
    pub(in crate::control::cache) fn alone(call: Call, flights: Arc<Flights>) -> Self {
        let flight = Flight::new();
        flight.join(1);
        Self::new(flight, 0, call, flights, None)
    }

    /// Makes it a follower.
    pub(super) fn following(mut self) -> Self {
        self.follows = true;
        self.flights.counts.followers.add();
        self
    }

    /// Leaves the flight to make its own call; `None` if that was made before.
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

    /// Whether it is a follower.
    pub(in crate::control::cache) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether it waits for another member's call.
    pub(in crate::control) fn is_waiting_for_others(&self) -> bool {
        self.call.is_some()
    }

    fn finish(&self, after: After) {
        self.flights.finish(after, self.key.as_ref(), &self.flight);
    }
}
