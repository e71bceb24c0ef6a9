//! The response body of [`Timeout`](super::Timeout).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use crate::control::timer::Timer;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

pin_project! {
    /// A response body that fails where the next frame takes too long.
    ///
    /// The time runs while somebody waits for a frame, from the first poll on: a reader that takes
    /// its time is not the provider's fault, and is cut off by a
    /// [`DeadlineLayer`](crate::control::DeadlineLayer) above. When it has passed, the body within is dropped, which
    /// tells the provider to stop.
    pub struct TimeoutBody<B> {
        // `None` once it took too long.
        #[pin]
        inner: Option<B>,
        idle: Option<Duration>,
        // Since when the frame that is due is waited for.
        waiting_since: Option<Instant>,
        // Left alone by the frames; where it fires for nothing, it is set to when it should.
        timer: Timer,
    }
}

/// How long this part of a response may be left unread: for a
/// [`DeadlineLayer`](crate::control::DeadlineLayer) above, in the extensions of the response.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct IdleTimeout(pub(in crate::control) Duration);

impl<B> TimeoutBody<B> {
    /// The response with its body. `timer`: that of the call, which may be used again.
    pub(super) fn of(
        mut response: Response<B>,
        idle: Option<Duration>,
        timer: Timer,
    ) -> Response<Self> {
        if let Some(idle) = idle {
            response.extensions_mut().insert(IdleTimeout(idle));
        }
        response.map(|body| Self { inner: Some(body), idle, waiting_since: None, timer })
    }
}

impl<B> Body for TimeoutBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = inner.poll_frame(cx) {
            *this.waiting_since = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(idle) = *this.idle else { return Poll::Pending };
        let since = *this.waiting_since.get_or_insert_with(Instant::now);
        let Some(until) = since.checked_add(idle) else { return Poll::Pending };
        ready!(this.timer.poll_until(until, cx));
        this.inner.set(None);
        Poll::Ready(Some(Err(TimeoutError::new(TimeoutPhase::Idle, idle).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

// What bodies hold is for those who read them, not for logs.
impl<B> fmt::Debug for TimeoutBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutBody").finish_non_exhaustive()
    }
}
