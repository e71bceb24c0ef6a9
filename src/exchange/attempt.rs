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

    /// Reports the end of the exchange's upstream call, unless a layer below has reported it. That layer
    /// cannot if a layer above it has dropped the call.
    pub(super) fn upstream_ended(
        &self,
        dispatched: Option<Instant>,
        now: Instant,
        result: Result<StatusCode, Failure>,
    ) {
        if self.attempts() > 0 {
            return self.attempt_ended(|| now, result);
        }
        let since = |began| now.saturating_duration_since(began);
        let number = self.count_attempt();
        self.report_attempt(number, result, || dispatched.map(since).unwrap_or_default());
    }

    fn report_attempt(
        &self,
        number: u32,
        result: Result<StatusCode, Failure>,
        duration: impl FnOnce() -> Duration,
    ) {
        let observation = self.observer().and_then(|observer| observer.downcast_ref());
        let Some(Observation { hooks, .. }) = observation else { return };
        if self.has_ended() {
            return;
        }
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
