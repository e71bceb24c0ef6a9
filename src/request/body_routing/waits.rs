//! How long the gateway waits for the client's body.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tower::BoxError;

use super::{BodyRouting, Reading};
use crate::context::GatewayContext;
use crate::rejection::Rejection;
use crate::request::peek::DRAIN_TIME;
use crate::request::stages::Shared;
use crate::response::messages;
use crate::util::patience::Patience;
use crate::util::timeout::TimeoutPhase;

/// Timeouts of the client's body.
pub(super) struct Waits {
    /// The number of bytes that the client had sent at the last wait.
    seen: u64,
    /// Until the client's next bytes.
    body: Patience,
    /// For the whole exchange.
    total: Patience,
    /// For the rest of a refused body.
    drain: Patience,
}

impl Waits {
    fn new(shared: &Shared, context: &GatewayContext) -> Self {
        // The provider's own timeouts apply only once the provider is known.
        let general = context.settings().map(|settings| settings.timeouts);
        let timeouts = context.timeouts().or(general.unwrap_or_default());
        Self {
            seen: 0,
            body: Patience::new(timeouts.body.or(shared.body_timeout)),
            total: Patience::new(timeouts.total),
            drain: Patience::new(Some(DRAIN_TIME)),
        }
    }
}

impl<B> BodyRouting<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(super) fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<Rejection> {
        let Self { shared, reading, waits, relay, .. } = self;
        let waits = waits.get_or_insert_with(|| Box::new(Waits::new(shared, &relay.context)));
        if let Reading::Model(peek) = reading
            && peek.is_refused()
        {
            return waits.drain.poll_end(cx).map(|()| peek.give_up());
        }
        let seen = relay.watch.as_ref().map_or(0, |watch| watch.bytes.load(Ordering::Relaxed));
        if seen != waits.seen {
            waits.seen = seen;
            waits.body.restart();
        }
        if waits.body.poll_end(cx).is_ready() {
            return Poll::Ready(messages::slow_body(TimeoutPhase::Body, waits.body.limit()));
        }
        let total = waits.total.limit();
        waits.total.poll_end(cx).map(|()| messages::slow_body(TimeoutPhase::Total, total))
    }
}
