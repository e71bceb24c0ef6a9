//! A response body of which something was read to judge it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::body::longer;

/// How much is read of a response that may be handed on later.
const KEPT: usize = 64 * 1024;

pin_project! {
    /// The body of a response that has passed a [`Fallback`](super::Fallback): its frames as they
    /// came.
    pub struct FallbackBody<R> {
        ahead: VecDeque<Frame<Bytes>>,
        error: Option<BoxError>,
        has_ended: bool,
        #[pin]
        rest: Rest<R>,
    }
}

pin_project! {
    #[project = RestProjection]
    enum Rest<R> {
        AsItIs { #[pin] body: R },
        // Boxed, to be read before it is in its place.
        Judged { body: Pin<Box<R>> },
    }
}

impl<R> FallbackBody<R> {
    pub(super) fn new(body: R) -> Self {
        Self::of(Rest::AsItIs { body })
    }

    /// One of which something will be read [ahead](Self::poll_ahead).
    pub(super) fn judged(body: R) -> Self {
        Self::of(Rest::Judged { body: Box::pin(body) })
    }

    fn of(rest: Rest<R>) -> Self {
        Self { ahead: VecDeque::new(), error: None, has_ended: false, rest }
    }
}

impl<R> FallbackBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// Reads a frame ahead and gives its data; `None` at the end or at an error.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Rest::Judged { body } = &mut self.rest else { return Poll::Ready(None) };
        if self.has_ended {
            return Poll::Ready(None);
        }
        body.as_mut().poll_frame(cx).map(|frame| match frame {
            Some(Ok(frame)) => {
                let data = frame.data_ref().cloned().unwrap_or_default();
                self.ahead.push_back(frame);
                Some(data)
            }
            Some(Err(error)) => {
                self.error = Some(error.into());
                self.has_ended = true;
                None
            }
            None => {
                self.has_ended = true;
                None
            }
        })
    }

    /// Reads what is there already, so that it is not lost with its connection.
    pub(super) fn read_what_is_there(&mut self, cx: &mut Context<'_>) {
        let of = |frame: &Frame<Bytes>| frame.data_ref().map_or(1, |data| data.len().max(1));
        let mut kept: usize = self.ahead.iter().map(of).sum();
        while kept < KEPT
            && let Poll::Ready(Some(data)) = self.poll_ahead(cx)
        {
            kept += data.len().max(1);
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.error.is_some()
    }
}

impl<R> Body for FallbackBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if let Some(frame) = this.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if *this.has_ended {
            return Poll::Ready(this.error.take().map(Err));
        }
        let frame = match this.rest.project() {
            RestProjection::AsItIs { body } => body.poll_frame(cx),
            RestProjection::Judged { body } => body.as_mut().poll_frame(cx),
        };
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty()
            && self.error.is_none()
            && (self.has_ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.iter().filter_map(|frame| frame.data_ref());
        let ahead: u64 = ahead.map(|data| data.len() as u64).sum();
        let rest = match (&self.error, self.has_ended) {
            // Whoever trusts an exact length never comes to see the error behind it.
            (Some(_), _) => SizeHint::default(),
            (None, true) => SizeHint::with_exact(0),
            (None, false) => self.rest.size_hint(),
        };
        longer(&rest, (ahead, ahead))
    }
}

impl<R: Body> Rest<R> {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::AsItIs { body } => body.is_end_stream(),
            Self::Judged { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::AsItIs { body } => body.size_hint(),
            Self::Judged { body } => body.size_hint(),
        }
    }
}

// What bodies hold is for those who read them, not for logs.
impl<R> fmt::Debug for FallbackBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackBody").finish_non_exhaustive()
    }
}
