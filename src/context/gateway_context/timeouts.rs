//! The timeouts of an exchange, and whether the client has chosen them.

use super::GatewayContext;
use crate::directives::Directives;
use crate::directives::timeouts::Timeouts;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

impl GatewayContext {
    /// Returns true if a timeout was the client's choice: it asked for less than the host grants,
    /// so the timeout says nothing about the provider.
    pub(crate) fn is_clients(&self, timeout: &TimeoutError) -> bool {
        let (phase, after) = (timeout.phase(), timeout.after());
        let asked = self.directives().and_then(|directives| directives.timeouts().of_phase(phase));
        if asked != Some(after) {
            return false;
        }
        let settings = self.settings();
        let of_settings = settings.zip(self.upstream()).map(|(own, to)| own.timeouts_of(to));
        let of_defaults = settings.and_then(|own| own.defaults()).map(Directives::timeouts);
        let hosts = [of_settings, of_defaults].into_iter().flatten();
        let of_route = || self.current()?.route_timeout.filter(|_| phase == TimeoutPhase::Head);
        let mut granted = hosts.filter_map(|timeouts| timeouts.of_phase(phase)).chain(of_route());
        granted.all(|granted| after < granted)
    }

    /// Returns true if the current step may have a timeout. Cheaper than [`timeouts`](Self::timeouts):
    /// most steps have none.
    pub(crate) fn may_have_timeouts(&self) -> bool {
        let none = Timeouts::default();
        self.directives().is_some_and(|own| own.timeouts() != none)
            || self
                .settings()
                .is_some_and(|own| own.timeouts != none || !own.provider_timeouts.is_empty())
    }

    /// The timeouts of the current step: each is the request's, or else the gateway's.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        let own = self.directives().map(Directives::timeouts);
        let settings = self.settings().zip(self.upstream());
        let weaker = settings.map(|(settings, upstream)| settings.timeouts_of(upstream));
        match (own, weaker) {
            (Some(own), Some(weaker)) => own.or(weaker),
            (own, weaker) => own.or(weaker).unwrap_or_default(),
        }
    }
}
