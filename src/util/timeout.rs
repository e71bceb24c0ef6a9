//! The error of a timeout, and the connect timeout of a single request.

use crate::util::macros::named_enum;
use std::time::Duration;

/// A timeout has expired.
///
/// The gateway reports the [`phase`](Self::phase) in its answer and to its hooks. Your own layers
/// may fail with this error too.
///
/// ```
/// use std::time::Duration;
/// use tower_ai_gateway::timeout::{TimeoutError, TimeoutPhase};
///
/// let error = TimeoutError::new(TimeoutPhase::Head, Duration::from_secs(60));
/// assert_eq!((error.phase(), error.after()), (TimeoutPhase::Head, Duration::from_secs(60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {} timeout of {after:?} has passed", .phase.as_str())]
#[non_exhaustive]
pub struct TimeoutError {
    phase: TimeoutPhase,
    after: Duration,
}

impl TimeoutError {
    /// The timeout of `phase` was `after`, and has expired.
    #[must_use]
    pub const fn new(phase: TimeoutPhase, after: Duration) -> Self {
        Self { phase, after }
    }

    /// The phase that took too long.
    #[must_use]
    pub const fn phase(&self) -> TimeoutPhase {
        self.phase
    }

    /// The timeout's duration.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.after
    }
}

named_enum! {
/// What a timeout bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Connecting. Nothing was sent.
    Connect = "connect",
    /// Waiting for more of the request body, if it is read before it is sent.
    Body = "body",
    /// Waiting for the response head.
    Head = "head",
    /// Waiting for the next frame of the response body.
    Idle = "idle",
    /// Waiting for the client to read the next part of the response body.
    Unread = "unread",
    /// The whole exchange, from the request to the last byte of the response.
    Total = "total",
}
/// The name in lower case, as in `connect`.
pub const fn as_str;
}

/// The connect timeout of one request: a request extension, which `HttpClient` obeys if it is
/// shorter than the client's own connect timeout.
///
/// A layer cannot see how a connection is made, so the timeout layer asks for it with this
/// extension.
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use tower_ai_gateway::timeout::ConnectTimeout;
///
/// let mut request = Request::get("https://api.x.ai/v1/models").body(())?;
/// request.extensions_mut().insert(ConnectTimeout(Duration::from_secs(1)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTimeout(pub Duration);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_phase_and_the_time() {
        let error = TimeoutError::new(TimeoutPhase::Head, Duration::from_millis(1500));
        assert_eq!(error.to_string(), "the head timeout of 1.5s has passed");
        assert_eq!((error.phase().as_str(), error.after().as_millis()), ("head", 1500));
    }
}
