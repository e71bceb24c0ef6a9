//! Where the response to a request is stored, and until when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Response, StatusCode};

use super::asked::Policy;
use super::fit::is_kept;
use super::key::CachePlace;
use super::sealed::KeySeal;
use super::store::Generation;
use super::wait::Wait;
use super::writer::Writer;
use crate::context::GatewayContext;
use crate::control::timer::Bound;
use crate::hook::CacheEntryShown;
use crate::util::budget::BodyBudget;

/// What a lookup has seen of a place.
pub(in crate::control) struct Seen {
    pub(super) generation: Generation,
    /// Encrypts the key for logs, if an observer gets the exchange.
    pub(in crate::control) seal: Option<KeySeal>,
    /// The number of closed flights before the lookup.
    pub(super) closed: u64,
}

/// Where a response is stored, until when, and how long its request waits for others.
pub(in crate::control) struct Target {
    pub(super) place: CachePlace,
    /// The generation at the lookup.
    pub(super) generation: Generation,
    /// Encrypts the key for logs, if an observer gets the exchange.
    pub(super) seal: Option<KeySeal>,
    /// The number of closed flights before the lookup.
    pub(super) closed: u64,
    pub(super) policy: Arc<Policy>,
    /// The context of this request, which calls the provider if it leads.
    pub(in crate::control) context: GatewayContext,
    pub(super) writer: Arc<Writer>,
    pub(super) wait: Wait,
    /// Counts the memory for responses.
    pub(super) budget: BodyBudget,
    /// Whether the call skips other processes, and whether the request has waited for other requests.
    pub(super) is_alone: AtomicBool,
    pub(super) has_waited: AtomicBool,
}

impl Target {
    /// For a request that has not found a fresh entry. `budget`: counts the memory for responses.
    pub(in crate::control) fn new(
        place: CachePlace,
        seen: Seen,
        policy: Arc<Policy>,
        context: GatewayContext,
        writer: Arc<Writer>,
        wait: Wait,
        budget: BodyBudget,
    ) -> Self {
        let Seen { generation, seal, closed } = seen;
        Self {
            place,
            generation,
            seal,
            closed,
            policy,
            context,
            writer,
            wait,
            budget,
            is_alone: AtomicBool::default(),
            has_waited: AtomicBool::default(),
        }
    }

    /// Skips other processes: the wait for them was too long, the flight was full, or the lookup failed.
    pub(in crate::control) fn set_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// The request waits for another one, and that time counts for its own head timeout.
    pub(super) fn wait_for_others(&self) {
        self.has_waited.store(true, Ordering::Relaxed);
    }

    /// The response that it waited for does not suit it, so its own call has the whole head timeout.
    pub(in crate::control) fn restart_head_timeout(&self) {
        self.has_waited.store(false, Ordering::Relaxed);
    }

    /// When its own call must have a head, if the request has waited before.
    pub(in crate::control) fn head_bound(&self) -> Option<Bound> {
        self.wait.head.filter(|_| self.has_waited.load(Ordering::Relaxed))
    }

    /// Whether a response under way with this status suits the request. Its age does not matter: a
    /// recording is gone seconds after its end, and no TTL is shorter than a minute.
    pub(in crate::control) fn takes(&self, status: StatusCode) -> bool {
        is_kept(status, &self.policy)
    }

    /// Adds the sealed key to the response.
    pub(in crate::control) fn show<B>(&self, response: &mut Response<B>) {
        show(&self.place, self.seal.as_ref(), response);
    }
}

/// Adds the sealed key to the response, if an observer gets the exchange.
pub(in crate::control) fn show<B>(
    place: &CachePlace,
    seal: Option<&KeySeal>,
    response: &mut Response<B>,
) {
    if let Some(seal) = seal {
        let key = seal.seal(place.gateway, place.key);
        response.extensions_mut().insert(CacheEntryShown(key.to_string().into()));
    }
}
