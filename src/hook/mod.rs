//! Observing exchanges: the trait [`MetricsHook`] and its events.
//!
//! The crate's own hooks are in `log`, `metrics` and `otel`, each a feature.

mod event;
#[cfg(any(feature = "metrics", feature = "otel"))]
pub(crate) mod genai;
pub mod guard;
pub(crate) mod health;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "otel")]
pub mod otel;
mod outcome;

use std::sync::Arc;

pub(crate) use self::event::CacheEntryShown;
pub use self::event::{
    AttemptEvent, CacheStatus, EndEvent, HeadEvent, LimitReport, RequestEvent, Saved, Timings,
};
pub use self::health::{ChangeReason, HealthChange, HealthState};
pub use self::outcome::{Failure, Outcome};
use crate::context::GatewayContext;
pub use crate::util::payload::Payload;
pub use crate::util::redact::redacted;
use crate::util::unwind;

/// Observes every request on a gateway path.
///
/// Each request causes one [`on_request`](Self::on_request) and exactly one
/// [`on_end`](Self::on_end), whether it is answered, refused, failed, broken off by the provider,
/// or abandoned by the client. The methods are called on the task that drives the request, some of
/// them from `Drop`, or on the task that watches over its timeouts, so they must not block. A hook that panics loses that event; the response and
/// the other hooks are not affected.
///
/// A closure is a hook for `on_end`:
///
/// ```
/// use tower_ai_gateway::{EndEvent, GatewayLayer, Provider};
///
/// let layer = GatewayLayer::builder()
///     .provider(Provider::xai())
///     .metrics_hook(|end: &EndEvent<'_>| println!("{} {:?}", end.context.log_id(), end.outcome))
///     .build()?;
/// # Ok::<(), tower_ai_gateway::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `MetricsHook`",
    note = "implement the trait, or pass a closure `|end: &EndEvent<'_>| …`"
)]
pub trait MetricsHook: Send + Sync + 'static {
    /// A request on a gateway path has arrived. It may still be refused.
    fn on_request(&self, request: &RequestEvent<'_>) {
        let _ = request;
    }

    /// One upstream call has ended: its response head is there, or it failed. Calls that go on for
    /// other requests after [`on_end`](Self::on_end) are not reported.
    fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
        let _ = attempt;
    }

    /// The head of the response that will be relayed has arrived.
    fn on_head(&self, head: &HeadEvent<'_>) {
        let _ = head;
    }

    /// The exchange has ended.
    fn on_end(&self, end: &EndEvent<'_>) {
        let _ = end;
    }

    /// The health of an upstream has changed, reported by a
    /// `control::health::HealthLayer` below the gateway (feature `control`).
    fn on_health(&self, change: &HealthChange<'_>) {
        let _ = change;
    }

    /// The number of bytes of each body that this hook needs in its
    /// [`EndEvent`](EndEvent::request_payload). Called when the request arrives, and for a universal
    /// request again once an entry is sent, whose control headers may ask for more.
    ///
    /// Default: 0, which means that the gateway keeps no bodies.
    fn payload_limit(&self, context: &GatewayContext) -> usize {
        let _ = context;
        0
    }
}

impl MetricsHook for () {}

impl<F: Fn(&EndEvent<'_>) + Send + Sync + 'static> MetricsHook for F {
    fn on_end(&self, end: &EndEvent<'_>) {
        self(end);
    }
}

impl<T: MetricsHook + ?Sized> MetricsHook for Arc<T> {
    fn on_request(&self, request: &RequestEvent<'_>) {
        (**self).on_request(request);
    }

    fn on_attempt(&self, attempt: &AttemptEvent<'_>) {
        (**self).on_attempt(attempt);
    }

    fn on_head(&self, head: &HeadEvent<'_>) {
        (**self).on_head(head);
    }

    fn on_end(&self, end: &EndEvent<'_>) {
        (**self).on_end(end);
    }

    fn on_health(&self, change: &HealthChange<'_>) {
        (**self).on_health(change);
    }

    fn payload_limit(&self, context: &GatewayContext) -> usize {
        (**self).payload_limit(context)
    }
}

/// The hooks of a layer, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Hooks(Vec<Box<dyn MetricsHook>>);

impl Hooks {
    pub(crate) fn new(hooks: Vec<Box<dyn MetricsHook>>) -> Self {
        Self(hooks)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn each(&self, call: impl Fn(&dyn MetricsHook)) {
        for hook in &self.0 {
            if unwind::call(|| call(&**hook)).is_err() {
                tracing::error!(target: crate::TARGET, "a metrics hook panicked; its event is lost");
            }
        }
    }

    /// The largest payload limit of all hooks.
    pub(crate) fn payload_limit(&self, context: &GatewayContext) -> usize {
        let most = std::cell::Cell::new(0);
        self.each(|hook| most.set(most.get().max(hook.payload_limit(context))));
        most.get()
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} metrics hooks", self.0.len())
    }
}
