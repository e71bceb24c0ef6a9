//! The layer of [`Timeout`].

use tower_layer::Layer;

use super::Timeout;
use crate::directives::timeouts::Timeouts;

/// Bounds the time of each upstream call.
///
/// See [the module](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeoutLayer {
    timeouts: Timeouts,
}

impl TimeoutLayer {
    /// Bounds calls by `connect`, `body`, `head` and `idle` of `timeouts`; a [`Timeouts`] in the
    /// extensions of a request goes before them, field by field.
    #[must_use]
    pub const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::new(inner, self.timeouts)
    }
}
