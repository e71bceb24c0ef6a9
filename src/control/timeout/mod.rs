//! Timeouts of one upstream call, and of all calls of a request together.

mod future;
mod layer;
mod service;
mod timing;

use std::time::Duration;

use http::Extensions;

pub use self::future::TimeoutFuture;
pub use self::layer::{DeadlineLayer, TimeoutLayer};
pub use self::service::Timeout;
pub(super) use self::timing::{HandedDown, IdleTimeout, Timing, total_of};
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::directives::timeouts::Timeouts;
use crate::response::failure;

/// Tells the exchange that a layer enforces some of its timeouts.
fn kept(context: Option<&GatewayContext>, actor: Actor) {
    if let Some(context) = context {
        context.acts(actor);
    }
}

/// Returns true if this is the error of a timeout that the client has chosen: it says nothing about
/// the provider.
pub(super) fn is_clients<E: 'static>(error: &E, context: Option<&GatewayContext>) -> bool {
    let timeout = failure::timeout_of_any(error).zip(context);
    timeout.is_some_and(|(timeout, context)| context.is_clients(&timeout))
}

/// The timeouts of a request: those in its extensions, then those of the gateway above, then those
/// of the layer.
#[inline]
pub(super) fn timeouts_of(
    extensions: &Extensions,
    context: Option<&GatewayContext>,
    explicit: Timeouts,
) -> Timeouts {
    let weaker = match context {
        Some(context) if context.may_have_timeouts() => context.timeouts().or(explicit),
        _ => explicit,
    };
    match extensions.get::<Timeouts>() {
        Some(own) => own.or(weaker),
        None => weaker,
    }
}

/// The body timeout of a request that may be sent several times.
pub(super) fn body_timeout(
    extensions: &Extensions,
    context: Option<&GatewayContext>,
) -> Option<Duration> {
    match extensions.get::<HandedDown>() {
        Some(bounds) => bounds.body,
        None => timeouts_of(extensions, context, Timeouts::default()).body,
    }
}
