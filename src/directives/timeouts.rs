//! The timeouts of an exchange, by phase.

use std::time::Duration;

use crate::util::macros::setters;
use crate::util::timeout::TimeoutPhase;

/// The timeouts of an exchange with a provider. `None`, the default of each, means no limit.
///
/// The layers of the upstream stack read them from the request's extensions, and otherwise use
/// their own settings.
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
    /// Getting a connection: a pooled one, or name resolution, TCP and TLS. A time that is longer than
    /// the HTTP client's own (of [`HttpClient`](crate::HttpClient), 10 s unless set) changes nothing.
    pub connect: Option<Duration>,
    /// Waiting for the next part of the client's request body.
    ///
    /// If the body is read before sending (for its `model`, or in a universal request) and this is
    /// `None`, the layer's own timeout applies
    /// ([`GatewayLayerBuilder::body_timeout`](crate::GatewayLayerBuilder::body_timeout), 30 s). For
    /// a streamed body only this timeout applies, until the response head, with
    /// [`HttpClient`](crate::HttpClient) below the timeout layer.
    pub body: Option<Duration>,
    /// From an upstream call to its response head, per attempt. With
    /// [`HttpClient`](crate::HttpClient) it starts when the last part of the body has been sent to
    /// the provider, and pauses while waiting for the client; with another client it starts at the
    /// call.
    pub head: Option<Duration>,
    /// Waiting for the next frame of a response body while it is polled, and for the client to
    /// continue reading while it is not.
    pub idle: Option<Duration>,
    /// From the request to the last byte of the response, including all attempts.
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
    /// The timeout of a phase, if the phase has one of its own.
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

    /// Fills the timeouts that are not set from `weaker`.
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
    fn each_timeout_comes_from_the_first_that_sets_it() {
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
