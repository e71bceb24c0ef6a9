//! What the exchanges of a layer are observed with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Level;

use crate::TARGET;
use crate::context::GatewayContext;
use crate::exchange::misuse::Misuse;
use crate::hook::guard::Guards;
use crate::hook::{EndEvent, Hooks};
use crate::usage::metering::Metering;
use crate::usage::{Prices, SeenIds};

/// Shared by all exchanges of a layer.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) hooks: Hooks,
    pub(crate) guards: Guards,
    pub(crate) prices: Prices,
    /// How many bytes of a response's usage may be kept; 0 turns metering off.
    pub(crate) usage_limit: usize,
    /// Requests whose usage was billed and that may be asked for again.
    pub(crate) billed: SeenIds,
    /// The host has been warned of an answer that could not be read.
    pub(crate) has_warned: AtomicBool,
    pub(crate) misuse: Misuse,
    /// Responses that were promised, to be fetched later.
    pub(crate) promised: SeenIds,
}

impl GatewayContext {
    /// What observes this exchange; `None` where there is no hook.
    #[allow(dead_code, reason = "layers below the gateway keep it")]
    pub(crate) fn observation(&self) -> Option<Arc<Observation>> {
        Arc::downcast(self.observer()?.clone()).ok()
    }
}

impl Observation {
    /// Whether anybody wants to know of exchanges; two branches and one relaxed load.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.hooks.is_empty()
            || !self.guards.is_empty()
            || tracing::enabled!(target: TARGET, Level::WARN)
    }

    /// The limit of what is kept of a response's usage, where anybody wants to know it.
    pub(crate) fn metering_limit(&self) -> usize {
        let is_wanted = !self.hooks.is_empty() || tracing::enabled!(target: TARGET, Level::INFO);
        if is_wanted { self.usage_limit } else { 0 }
    }

    /// Whether this is the first answer of the layer that should have been metered and is compressed
    /// in a way that is not read.
    pub(crate) fn is_first_unread(&self, end: &EndEvent<'_>) -> bool {
        end.metering == Metering::Encoded
            && end.is_answered()
            && end.status.is_some_and(|status| status.is_success())
            && self.metering_limit() > 0
            && tracing::enabled!(target: TARGET, Level::WARN)
            && !self.has_warned.swap(true, Ordering::Relaxed)
    }
}
