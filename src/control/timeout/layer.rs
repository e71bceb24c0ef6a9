//! The layers of [`Timeout`].

use tower_layer::Layer;

use super::Timeout;
use crate::directives::timeouts::Timeouts;

/// Bounds the time of each upstream call: of its connection, of its response head, and between the
/// frames of its response body.
///
/// It needs a tokio runtime with time enabled.
///
/// tower's own `Timeout` ends at the response head. Here, a healthy stream may last as long as it
/// likes, but a silent one may not. To bound all attempts of a request together, see
/// [`DeadlineLayer`].
///
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use std::time::Duration;
/// use tower::Layer;
/// use tower_ai_gateway::control::TimeoutLayer;
/// use tower_ai_gateway::settings::Timeouts;
///
/// let timeouts = Timeouts::default().head(Duration::from_secs(60)).idle(Duration::from_secs(30));
/// let service = TimeoutLayer::new(timeouts).layer(client);
/// # let _ = service;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeoutLayer {
    timeouts: Timeouts,
}

impl TimeoutLayer {
    /// Bounds calls by `connect`, `body`, `head` and `idle` of `timeouts`. A [`Timeouts`] in a
    /// request's extensions overrides them, field by field.
    #[must_use]
    pub const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::per_call(inner, self.timeouts)
    }
}

/// Bounds the time from a request to the last byte of its response, including everything below:
/// retries, fallbacks and the waits between them.
///
/// A healthy stream that lasts longer is cut. Without a `total`, there is no bound.
///
/// The bound also holds for clients that do not read: when it expires, everything below is dropped,
/// including the provider's connection and the permits of the exchange, even if the body is not
/// polled. Above a [`TimeoutLayer`], the same holds for its `idle`: a client that leaves part of
/// the response unread for that long is cut off.
///
/// Both need a tokio runtime around [`call`](tower_service::Service::call)'s future.
///
/// ```
/// # let client = tower::service_fn(|_: http::Request<String>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
/// # });
/// use std::time::Duration;
/// use tower::Layer;
/// use tower_ai_gateway::control::DeadlineLayer;
/// use tower_ai_gateway::settings::Timeouts;
///
/// let service = DeadlineLayer::new(Timeouts::default().total(Duration::from_secs(600))).layer(client);
/// # let _ = service;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer {
    timeouts: Timeouts,
}

impl DeadlineLayer {
    /// Bounds requests by `total` of `timeouts`. The `total` of a [`Timeouts`] in a request's
    /// extensions overrides it.
    #[must_use]
    pub const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::total(inner, self.timeouts)
    }
}
