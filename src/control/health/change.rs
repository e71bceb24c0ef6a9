//! How observers learn about health changes.

use std::fmt;
use std::sync::Arc;

use crate::exchange::observation::Observation;
use crate::hook::health::{ChangeReason, HealthChange, HealthState};
use crate::util::unwind;

/// A state change, without its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: HealthState,
    pub(super) to: HealthState,
    pub(super) reason: ChangeReason,
}

/// What changed, and the host's observer.
#[derive(Clone, Default)]
pub(crate) struct Subject {
    pub(super) provider: Option<Box<str>>,
    pub(super) upstream: Box<str>,
    pub(super) observer: Option<Observer>,
}

/// The gateway above, if it has hooks.
pub(crate) type Listener = Option<Arc<Observation>>;

pub(crate) type Observer = Arc<dyn Fn(&HealthChange<'_>) + Send + Sync>;

impl Subject {
    /// Calls the hooks of the gateway that the call came through, then the host's observer.
    pub(super) fn tell(&self, Change { from, to, reason }: Change, gateway: &Listener) {
        let (provider, upstream) = (self.provider.as_deref(), &*self.upstream);
        let change = HealthChange { provider, upstream, from, to, reason };
        if let Some(observation) = gateway {
            observation.hooks.each(|hook| hook.on_health(&change));
        }
        let Some(observer) = &self.observer else { return };
        if unwind::call(|| observer(&change)).is_err() {
            tracing::error!(target: crate::TARGET, "an observer of health panicked");
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.upstream)
    }
}
