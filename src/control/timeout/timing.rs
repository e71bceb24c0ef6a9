//! The time bounds of a call or request, and the wait for its response head.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Extensions;
use tokio::time::Instant;

use super::kept;
use crate::context::GatewayContext;
use crate::context::acted::Actor;
use crate::control::timer::{Bound, Timer};
use crate::directives::timeouts::Timeouts;
use crate::util::timeout::{ConnectTimeout, TimeoutError, TimeoutPhase};
use crate::util::upload::Upload;

/// The time bounds of a call or request.
#[derive(Default)]
pub(in crate::control) struct Timing {
    head: Head,
    pub(in crate::control) body: BodyBounds,
    /// The future passes it to the body: a timer can be reused.
    pub(in crate::control) timer: Timer,
    /// The exchange, if a layer above reads the response to see whether it is an error.
    pub(in crate::control) classified_for: Option<GatewayContext>,
}

/// The bounds on the wait for the response head.
#[derive(Default)]
enum Head {
    #[default]
    Unbound,
    /// How long to wait for the client's body and for the provider's head, in turn.
    Turns {
        body: Option<Duration>,
        head: Option<Duration>,
        upload: Upload,
    },
    Total(Bound),
}

/// The bounds of a response body.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::control) struct BodyBounds {
    /// How long the next frame may take.
    pub(in crate::control) idle: Option<Duration>,
    pub(in crate::control) total: Option<Bound>,
    /// Whether the client must not leave the body unread for longer than `idle`.
    pub(in crate::control) watches_reader: bool,
}

/// Bounds of the whole exchange, in the extensions of a request, for the layers below.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct HandedDown {
    /// The deadline. The call enforces it in its response body, so that one body has both bounds.
    pub(in crate::control) total: Option<Bound>,
    /// How long the client may be silent while its body is waited for.
    pub(in crate::control) body: Option<Duration>,
}

impl HandedDown {
    /// `None` if there is nothing to hand down.
    pub(in crate::control) fn of(total: Option<Bound>, timeouts: Timeouts) -> Option<Self> {
        let body = timeouts.body;
        (total.is_some() || body.is_some()).then_some(Self { total, body })
    }
}

/// The `idle` of a response that is not watched yet, in its extensions, for a
/// [`DeadlineLayer`](super::DeadlineLayer) above.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct IdleTimeout(pub(in crate::control) Duration);

/// The deadline of a request, starting now.
pub(in crate::control) fn total_of(
    context: Option<&GatewayContext>,
    timeouts: Timeouts,
) -> Option<Bound> {
    if timeouts.total.is_some() {
        kept(context, Actor::Total);
    }
    Bound::from_now(TimeoutPhase::Total, timeouts.total)
}

impl Timing {
    /// The bounds of a whole request.
    pub(super) fn total(timeouts: Timeouts, context: Option<&GatewayContext>) -> Self {
        let total = total_of(context, timeouts);
        let head = total.map_or(Head::Unbound, Head::Total);
        let body = BodyBounds { idle: None, total, watches_reader: true };
        Self { head, body, timer: Timer::default(), classified_for: None }
    }

    /// The timeouts of a call.
    pub(in crate::control) fn per_call(
        extensions: &mut Extensions,
        context: Option<&GatewayContext>,
        timeouts: Timeouts,
    ) -> Self {
        if timeouts.connect.or(timeouts.head).or(timeouts.idle).is_some() {
            kept(context, Actor::Timeouts);
        }
        if let Some(connect) = timeouts.connect {
            extensions.insert(ConnectTimeout(connect));
        }
        let Timeouts { body, head, idle, .. } = timeouts;
        let mut timing = Self::default();
        timing.body.idle = idle;
        if head.is_some() || body.is_some() {
            let upload = Upload::new();
            extensions.insert(upload.clone());
            timing.head = Head::Turns { body, head, upload };
        }
        timing
    }

    /// The timeouts of a call under a [`ControlLayer`](crate::control::ControlLayer), whose
    /// response body also enforces the deadline of the exchange. `None` if there are none.
    pub(in crate::control) fn of_exchange(
        extensions: &mut Extensions,
        context: Option<&GatewayContext>,
        timeouts: Timeouts,
        total: Option<Bound>,
    ) -> Option<Box<Self>> {
        if total.is_none() && (Timeouts { total: None, ..timeouts }) == Timeouts::default() {
            return None;
        }
        let mut timing = Self::per_call(extensions, context, timeouts);
        timing.body.total = total;
        let is_bound =
            total.is_some() || timing.body.idle.is_some() || !matches!(timing.head, Head::Unbound);
        is_bound.then(|| Box::new(timing))
    }

    /// Ready when the response head has timed out.
    pub(in crate::control) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<TimeoutError> {
        match &self.head {
            Head::Unbound => Poll::Pending,
            Head::Total(bound) => self.timer.poll_until(bound.until, cx).map(|()| bound.error),
            Head::Turns { body, head, upload } => loop {
                let turn = upload.turn();
                let (phase, limit, other) = match turn.is_clients {
                    true => (TimeoutPhase::Body, *body, *head),
                    false => (TimeoutPhase::Head, *head, body.filter(|_| !turn.is_sent)),
                };
                let end = limit.and_then(|limit| turn.since.checked_add(limit));
                // Nothing wakes this task when the turn changes, so it checks from time to time.
                let look = other.and_then(|other| Instant::now().checked_add(other));
                let Some(until) = end.into_iter().chain(look).min() else { return Poll::Pending };
                ready!(self.timer.poll_until(until, cx));
                if let Some(limit) = limit.filter(|_| end == Some(until))
                    && turn == upload.turn()
                {
                    return Poll::Ready(TimeoutError::new(phase, limit));
                }
            },
        }
    }
}
