//! Telling the hooks of each upstream call.
//!
//! Layers below the gateway may make several calls for one exchange. Whoever makes the calls tells
//! of them; whoever is above tells only of a call that nobody below has told of.

use std::time::Duration;

use http::StatusCode;

use crate::context::GatewayContext;
use crate::hook::{AttemptEvent, Failure};

impl GatewayContext {
    /// An upstream call has ended, by its head or by failing.
    pub(crate) fn attempt_ended(
        &self,
        number: u32,
        result: Result<StatusCode, Failure>,
        duration: Duration,
    ) {
        self.close_attempt(number);
        let Some(observation) = self.observation() else { return };
        let attempt = AttemptEvent {
            context: self,
            number,
            step: self.step(),
            status: result.ok(),
            failure: result.err(),
            duration,
        };
        observation.hooks.each(|hook| hook.on_attempt(&attempt));
    }
}
