//! The response body of [`Concurrency`](super::Concurrency).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::pool::Permits;
use crate::control::held::{Handle, Held};
use crate::control::judge::is_failure;
use crate::util::body_hint::is_over;

pin_project! {
    /// A response body that counts as in flight until it has ended or is dropped.
    pub struct ConcurrencyBody<B> {
        #[pin]
        inner: B,
        permits: Places,
    }
}

/// The places of a response.
enum Places {
    Own {
        _held: Permits,
    },
    /// Something else may be tried in its stead, which must not wait for them.
    Shared {
        _held: Held<Permits>,
    },
}

impl Places {
    fn none() -> Self {
        Self::Own { _held: Permits::default() }
    }
}

/// Gives back the places of a response that is put aside.
pub(in crate::control) fn let_go<B>(response: &mut Response<B>) {
    if let Some(handle) = response.extensions_mut().remove::<Handle<Permits>>() {
        handle.let_go();
    }
}

impl<B: Body> ConcurrencyBody<B> {
    /// The response with its places. `judged`: its body is going to be read to see whether it is an
    /// answer.
    pub(super) fn of(response: Response<B>, permits: Permits, judged: bool) -> Response<Self> {
        let (mut head, inner) = response.into_parts();
        let permits = if is_over(&inner) {
            Places::none()
        } else if (judged || is_failure(head.status)) && !permits.is_empty() {
            let held = Held::new(permits);
            head.extensions.insert(held.handle());
            Places::Shared { _held: held }
        } else {
            Places::Own { _held: permits }
        };
        Response::from_parts(head, Self { inner, permits })
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
            *this.permits = Places::none();
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
