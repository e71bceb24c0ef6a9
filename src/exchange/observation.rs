//! The hooks, prices and other state that all exchanges of a layer share.

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

/// The observers of a layer and the state they need.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) hooks: Hooks,
    pub(crate) guards: Guards,
    pub(crate) prices: Prices,
    /// The maximum size of a response's usage object in bytes; 0 turns metering off.
    pub(crate) usage_limit: usize,
    /// Ids of responses that were billed and may be fetched again.
    pub(crate) billed: SeenIds,
    /// The warning about an unreadable response was logged.
    pub(crate) has_warned: AtomicBool,
    pub(crate) misuse: Misuse,
    /// Ids of responses that will be fetched later.
    pub(crate) promised: SeenIds,
}

impl GatewayContext {
    /// The observation of this exchange; `None` if there is no hook.
    #[allow(dead_code, reason = "layers below the gateway keep it")]
    pub(crate) fn observation(&self) -> Option<Arc<Observation>> {
        Arc::downcast(self.observer()?.clone()).ok()
    }
}

impl Observation {
    /// Returns true if exchanges must be observed. Costs two branches and one relaxed load.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.hooks.is_empty()
            || !self.guards.is_empty()
            || tracing::enabled!(target: TARGET, Level::WARN)
    }

    /// The maximum size of a response's usage object; 0 if no hook or log needs usage.
    pub(crate) fn metering_limit(&self) -> usize {
        let is_wanted = !self.hooks.is_empty() || tracing::enabled!(target: TARGET, Level::INFO);
        if is_wanted { self.usage_limit } else { 0 }
    }

    /// Returns true for the layer's first response that should have been metered but has an
    /// unsupported compression.
    pub(crate) fn is_first_unread(&self, end: &EndEvent<'_>) -> bool {
        end.metering == Metering::Encoded
            && end.is_answered()
            && end.status.is_some_and(|status| status.is_success())
            && self.metering_limit() > 0
            && tracing::enabled!(target: TARGET, Level::WARN)
            && !self.has_warned.swap(true, Ordering::Relaxed)
    }
}
