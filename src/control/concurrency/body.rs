//! The response body of [`Concurrency`](super::Concurrency).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::list::SmallList;
use super::pool::Permit;
use crate::body::is_over;

pin_project! {
    /// A response body that counts as in flight until it has ended or is dropped.
    pub struct ConcurrencyBody<B> {
        #[pin]
        inner: B,
        permits: SmallList<Permit>,
    }
}

impl<B: Body> ConcurrencyBody<B> {
    pub(super) fn new(inner: B, permits: SmallList<Permit>) -> Self {
        let permits = if is_over(&inner) { SmallList::default() } else { permits };
        Self { inner, permits }
    }
}

impl<B: Body> Body for ConcurrencyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let is_last = match &frame {
            Some(Ok(frame)) => frame.is_trailers() || is_over(&*this.inner),
            Some(Err(_)) | None => true,
        };
        if is_last {
            *this.permits = SmallList::default();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

// What bodies hold is for those who read them, not for logs.
impl<B> fmt::Debug for ConcurrencyBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyBody").finish_non_exhaustive()
    }
}
