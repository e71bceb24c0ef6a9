//! How long an exchange may take, phase by phase.

use std::time::Duration;

use crate::util::macros::setters;
use crate::util::timeout::TimeoutPhase;

/// How long an exchange with a provider may take. `None`, the default of each, means no bound.
///
/// The layers of the upstream stack read them from the request's extensions, and fall back to their
/// own settings.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::Timeouts;
///
/// let timeouts = Timeouts::default().head(Duration::from_secs(60)).idle(Duration::from_secs(30));
/// assert_eq!(timeouts.total, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// To get a connection: a pooled one, or name resolution, TCP and TLS.
    pub connect: Option<Duration>,
    /// From one part of a request body to the next, while waiting for the client.
    ///
    /// If the body is read before anything is sent, for its `model` or all of a universal
    /// request, the layer's own ([`GatewayLayerBuilder::body_timeout`](crate::GatewayLayerBuilder::body_timeout), 30 s)
    /// applies if this is `None`. A body that is streamed is bounded by this alone, until the
    /// response head, with [`HttpClient`](crate::HttpClient) below the layer of timeouts.
    pub body: Option<Duration>,
    /// From an upstream call to its response head, for each attempt. With
    /// [`HttpClient`](crate::HttpClient) it starts when the last part of the body was sent to the
    /// provider, and stops while waiting for the client; with another client it starts at the call.
    pub head: Option<Duration>,
    /// To the next frame of a response body, while it is polled; and for a client to go on reading,
    /// while a frame is not polled.
    pub idle: Option<Duration>,
    /// From the request to the last byte of the response, all attempts included.
    pub total: Option<Duration>,
}

setters! { impl Timeouts {
    /// Sets [`connect`](field@Self::connect).
    pub const fn connect(self, timeout: Duration) => self.connect = Some(timeout);

    /// Sets [`body`](field@Self::body).
    pub const fn body(self, timeout: Duration) => self.body = Some(timeout);

    /// Sets [`head`](field@Self::head).
    pub const fn head(self, timeout: Duration) => self.head = Some(timeout);

    /// Sets [`idle`](field@Self::idle).
    pub const fn idle(self, timeout: Duration) => self.idle = Some(timeout);

    /// Sets [`total`](field@Self::total).
    pub const fn total(self, timeout: Duration) => self.total = Some(timeout);
}}

impl Timeouts {
    /// The timeout of a phase that has one of its own.
    pub(crate) fn of_phase(&self, phase: TimeoutPhase) -> Option<Duration> {
        match phase {
            TimeoutPhase::Connect => self.connect,
            TimeoutPhase::Head => self.head,
            TimeoutPhase::Idle => self.idle,
            TimeoutPhase::Total => self.total,
            TimeoutPhase::Body => self.body,
            TimeoutPhase::Unread => None,
        }
    }

    /// These; one that is not set is that of `weaker`.
    #[must_use]
    pub fn or(self, weaker: Timeouts) -> Timeouts {
        Self {
            connect: self.connect.or(weaker.connect),
            body: self.body.or(weaker.body),
            head: self.head.or(weaker.head),
            idle: self.idle.or(weaker.idle),
            total: self.total.or(weaker.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_taken_from_the_first_that_has_it() {
        let second = Duration::from_secs;
        let strong = Timeouts::default().connect(second(1)).total(second(2)).body(second(6));
        let weak = Timeouts::default().connect(second(3)).head(second(4)).idle(second(5));
        let both = strong.or(weak);
        let expected = strong.head(second(4)).idle(second(5));
        assert_eq!(both, expected);
        assert_eq!(Timeouts::default().or(weak), weak);
        assert_eq!(strong.or(Timeouts::default()), strong);
    }
}
