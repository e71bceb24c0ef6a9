//! Where the answer to a request is stored, and until when.

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

/// Where an answer is to be kept, and until when.
pub(in crate::control) struct Target {
    pub(super) place: CachePlace,
    /// As it was when the store was looked into.
    pub(super) generation: Generation,
    /// By what its key is shown.
    pub(super) seal: Option<KeySeal>,
    /// How many flights had closed before the store was looked into.
    pub(super) closed: u64,
    pub(super) policy: Arc<Policy>,
    /// Of the one that asks the provider.
    pub(in crate::control) context: GatewayContext,
    pub(super) writer: Arc<Writer>,
    pub(super) wait: Wait,
    /// Counts what is held of answers, its own and others'.
    pub(super) budget: BodyBudget,
    /// Whether its call is for nobody else, and whether it waited for others before.
    pub(super) is_alone: AtomicBool,
    pub(super) has_waited: AtomicBool,
}

impl Target {
    /// Its call is for nobody else: it waited too long for others, or there were too many of them.
    pub(in crate::control) fn set_alone(&self) {
        self.is_alone.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// It waits for others, whose time is its provider's, too.
    pub(super) fn wait_for_others(&self) {
        self.has_waited.store(true, Ordering::Relaxed);
    }

    /// What it has waited for is there, and not for it: its own call has the whole of its time.
    pub(in crate::control) fn restart_head_timeout(&self) {
        self.has_waited.store(false, Ordering::Relaxed);
    }

    /// Until when its own call must have a head, where it has waited for others before that.
    pub(in crate::control) fn head_bound(&self) -> Option<Bound> {
        self.wait.head.filter(|_| self.has_waited.load(Ordering::Relaxed))
    }

    /// Whether an answer under way with this status is one that is kept here, too. It is not old: a recording
    /// is there for seconds behind its end, and nothing is kept for less than a minute.
    pub(in crate::control) fn takes(&self, status: StatusCode) -> bool {
        is_kept(status, &self.policy)
    }

    /// Says which entry it is, if anybody is told of the exchange.
    pub(in crate::control) fn show<B>(&self, response: &mut Response<B>) {
        if let Some(seal) = self.seal.as_ref().filter(|_| self.context.observer().is_some()) {
            let key = seal.seal(self.place.gateway, self.place.key);
            response.extensions_mut().insert(CacheEntryShown(key.to_string().into()));
        }
    }
}
