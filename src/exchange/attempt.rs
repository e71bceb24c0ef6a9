//! Reporting each upstream call to the hooks.
//!
//! Layers below the gateway may make several calls for one exchange. The innermost layer that makes
//! calls reports them; the exchange reports one call if no layer has reported any.

use std::time::Instant;

use http::StatusCode;

use crate::context::GatewayContext;
use crate::hook::{AttemptEvent, Failure};

impl GatewayContext {
    /// The upstream call that is under way, if there is one, has ended by its head or by failing.
    pub(crate) fn attempt_ended(
        &self,
        now: impl FnOnce() -> Instant,
        result: Result<StatusCode, Failure>,
    ) {
        let Some((number, began)) = self.end_attempt() else { return };
        let Some(observation) = self.observation() else { return };
        let attempt = AttemptEvent {
            context: self,
            number,
            step: self.step(),
            status: result.ok(),
            failure: result.err(),
            duration: now().saturating_duration_since(began),
        };
        observation.hooks.each(|hook| hook.on_attempt(&attempt));
    }
}
