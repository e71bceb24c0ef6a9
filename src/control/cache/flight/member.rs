//! One of the requests that share a call to the provider.

mod body;
mod head;
mod leaving;

use std::sync::Arc;

use super::state::Flight;
use super::{Call, Flights};
use crate::context::GatewayContext;
use crate::control::cache::recording::After;

/// A member of a flight. It leaves when it is dropped.
pub(in crate::control) struct Member {
    flight: Arc<Flight>,
    place: usize,
    /// Its own call, until it makes it.
    call: Option<Call>,
    /// The context of its exchange.
    context: Option<GatewayContext>,
    flights: Arc<Flights>,
    follows: bool,
    /// Its response has no body.
    is_empty: bool,
}

impl Member {
    pub(super) fn new(
        flight: Arc<Flight>,
        place: usize,
        call: Call,
        flights: Arc<Flights>,
    ) -> Self {
        let (call, context) = (Some(call), None);
        Self { flight, place, call, context, flights, follows: false, is_empty: false }
    }

    /// The exchange of its request, which pays for the call if it leads.
    pub(in crate::control) fn of(mut self, context: GatewayContext) -> Self {
        self.context = Some(context);
        self
    }

    /// A member that shares with nobody.
    pub(in crate::control::cache) fn alone(call: Call, flights: Arc<Flights>) -> Self {
        let flight = Flight::of(None);
        flight.join(1);
        Self::new(flight, 0, call, flights)
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
        self.flight.key.is_none()
    }

    /// Whether it is a follower.
    pub(in crate::control::cache) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether it waits for another member's call.
    pub(in crate::control) fn is_waiting_for_others(&self) -> bool {
        self.call.is_some()
    }

    /// Whether its response has no body, once it has the head.
    pub(in crate::control::cache) fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn finish(&self, after: &mut After) {
        self.flights.finish(after, &self.flight);
    }
}
