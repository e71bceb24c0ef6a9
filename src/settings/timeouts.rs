//! How long things may take.

use std::time::Duration;

/// The four bounds in time of an exchange; `None` where there is none.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::settings::Timeouts;
///
/// let timeouts = Timeouts::default().head(Duration::from_secs(30)).idle(Duration::from_secs(60));
/// assert_eq!(timeouts.total, None); // a healthy stream is never cut
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until there is a connection: name resolution, TCP and TLS. `HttpClient` has 10 s by itself.
    pub connect: Option<Duration>,
    /// From a call to its response head, for each attempt.
    pub head: Option<Duration>,
    /// Between two frames of a response body, and before the first.
    pub idle: Option<Duration>,
    /// From the first call to the last byte of the response body, over all attempts.
    pub total: Option<Duration>,
}

impl Timeouts {
    /// Bounds the time until there is a connection.
    #[must_use]
    pub fn connect(mut self, time: Duration) -> Self {
        self.connect = Some(time);
        self
    }

    /// Bounds the time from a call to its response head.
    #[must_use]
    pub fn head(mut self, time: Duration) -> Self {
        self.head = Some(time);
        self
    }

    /// Bounds the time between two frames of a response body.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// Bounds all of an exchange. It cuts healthy streams too: set it where that is wanted.
    #[must_use]
    pub fn total(mut self, time: Duration) -> Self {
        self.total = Some(time);
        self
    }

    /// What `weaker` says where this says nothing.
    #[must_use]
    pub fn or(self, weaker: Self) -> Self {
        Self {
            connect: self.connect.or(weaker.connect),
            head: self.head.or(weaker.head),
            idle: self.idle.or(weaker.idle),
            total: self.total.or(weaker.total),
        }
    }
}
