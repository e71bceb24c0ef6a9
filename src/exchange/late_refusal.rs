//! Whether a request is refused after its beginning was sent.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::exchange::request_state::RequestState;
use crate::json::object::ScanError;

/// The refusal of a request by the rest of its body, while that is still being sent. It is asked for
/// until the response head is there, and then with each frame of the response.
#[derive(Debug, Default)]
pub(crate) struct LateRefusal(Option<Arc<RequestState>>);

impl LateRefusal {
    pub(crate) fn of(request: &Arc<RequestState>) -> Self {
        Self(Some(request.clone()))
    }

    /// Why the request must not reach the provider completely; `None` if nothing is known against it.
    /// Wakes the task when that changes.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Option<ScanError> {
        match self.0.as_ref()?.poll_refusal(cx) {
            Poll::Ready(None) => {
                self.0 = None;
                None
            }
            Poll::Ready(refused) => refused,
            Poll::Pending => None,
        }
    }
}
