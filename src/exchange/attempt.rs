//! Reports each upstream call to the hooks.
//!
//! Layers below the gateway may make several calls for one exchange. The innermost layer that makes
//! calls reports them; the exchange reports one call if no layer has reported any.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::context::GatewayContext;
use crate::exchange::observation::Observation;
use crate::hook::{AttemptEvent, Failure};

impl GatewayContext {
    /// Reports the end of the active upstream call, if there is one: its response head or failure.
    pub(crate) fn attempt_ended(
        &self,
        now: impl FnOnce() -> Instant,
        result: Result<StatusCode, Failure>,
    ) {
        let Some((number, began)) = self.end_attempt() else { return };
        self.report_attempt(number, result, || now().saturating_duration_since(began));
    }

    /// Reports the only upstream call of an exchange, if no layer has reported it.
    pub(super) fn only_attempt_ended(
        &self,
        result: Result<StatusCode, Failure>,
        duration: impl FnOnce() -> Duration,
    ) {
        let number = self.count_attempt();
        self.report_attempt(number, result, duration);
    }

    fn report_attempt(
        &self,
        number: u32,
        result: Result<StatusCode, Failure>,
        duration: impl FnOnce() -> Duration,
    ) {
        let observation = self.observer().and_then(|observer| observer.downcast_ref());
        let Some(Observation { hooks, .. }) = observation else { return };
        let attempt = AttemptEvent {
            context: self,
            number,
            step: self.step(),
            status: result.ok(),
            failure: result.err(),
            duration: duration(),
        };
        hooks.each(|hook| hook.on_attempt(&attempt));
    }
}
