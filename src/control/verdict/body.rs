//! A response body whose start may have been read to classify it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::control::compactor::Compactor;
use crate::util::body_hint::longer;
use crate::util::budget::FRAME_OVERHEAD;
use crate::util::opaque::opaque_debug;

/// How much is read of a response that may be returned later: its bytes, and 64 more for each frame.
const KEPT: usize = 64 * 1024;

pin_project! {
    /// The response body of [`Retry`](super::Retry) and [`Fallback`](super::Fallback): the original
    /// frames.
    pub struct ClassifiedBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    /// How a body is passed on.
    #[project = KindProjection]
    pub(in crate::control) enum Kind<R> {
        AsItIs { #[pin] body: R },
        // Boxed, so that it can be polled before it is pinned in its place.
        Classified { classified: Pin<Box<Classified<R>>> },
    }
}

pin_project! {
    /// A body and the frames read ahead.
    pub(in crate::control) struct Classified<R> {
        // Usually one frame is enough.
        first: Option<Frame<Bytes>>,
        more: VecDeque<Frame<Bytes>>,
        compactor: Compactor,
        // The memory that all of them take.
        kept: usize,
        error: Option<BoxError>,
        // The error was delayed by one poll.
        is_held_back: bool,
        has_ended: bool,
        #[pin]
        rest: R,
    }
}

impl<R> ClassifiedBody<R> {
    pub(in crate::control) fn new(body: R) -> Self {
        Self { kind: Kind::AsItIs { body } }
    }

    /// Wraps a body to be read [ahead](Self::poll_ahead).
    pub(in crate::control) fn classified(rest: R) -> Self {
        let (first, more, error) = (None, VecDeque::new(), None);
        let classified = Box::pin(Classified {
            first,
            more,
            compactor: Compactor::default(),
            kept: 0,
            error,
            is_held_back: false,
            has_ended: false,
            rest,
        });
        Self { kind: Kind::Classified { classified } }
    }

    pub(in crate::control) fn into_kind(self) -> Kind<R> {
        self.kind
    }

    fn of_classified(&self) -> Option<&Classified<R>> {
        match &self.kind {
            Kind::AsItIs { .. } => None,
            Kind::Classified { classified } => Some(classified),
        }
    }

    /// Returns true if everything left has been read ahead.
    pub(super) fn has_ended(&self) -> bool {
        self.of_classified().is_some_and(|classified| classified.has_ended)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.of_classified().is_some_and(|classified| classified.error.is_some())
    }
}

impl<R> ClassifiedBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    /// Reads a frame ahead and returns its data; `None` at the end or at an error.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.kind {
            Kind::AsItIs { .. } => Poll::Ready(None),
            Kind::Classified { classified } => classified.as_mut().poll_ahead(cx),
        }
    }

    /// Reads what has arrived, so that it is not lost with its connection.
    pub(in crate::control) fn read_what_is_there(&mut self, cx: &mut Context<'_>) {
        while self.of_classified().is_some_and(|classified| classified.kept < KEPT)
            && let Poll::Ready(Some(_)) = self.poll_ahead(cx)
        {}
    }
}

impl<R> Classified<R> {
    fn ahead(&self) -> impl Iterator<Item = &Bytes> + Clone {
        self.first.iter().chain(&self.more).filter_map(|frame| frame.data_ref())
    }
}

impl<R> Classified<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    fn poll_ahead(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        if *this.has_ended {
            return Poll::Ready(None);
        }
        this.rest.as_mut().poll_frame(cx).map(|frame| match frame {
            Some(Ok(frame)) => {
                *this.kept += FRAME_OVERHEAD;
                let frame = frame.map_data(|data| {
                    *this.kept += this.compactor.cost(&data);
                    this.compactor.compact(data)
                });
                let data = frame.data_ref().cloned().unwrap_or_default();
                match this.first {
                    None if this.more.is_empty() => *this.first = Some(frame),
                    _ => this.more.push_back(frame),
                }
                *this.has_ended = this.rest.is_end_stream();
                Some(data)
            }
            Some(Err(error)) => {
                *this.error = Some(error.into());
                *this.has_ended = true;
                None
            }
            None => {
                *this.has_ended = true;
                None
            }
        })
    }

    pub(in crate::control) fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if let Some(frame) = this.first.take().or_else(|| this.more.pop_front()) {
            return Poll::Ready(Some(Ok(frame)));
        }
        if *this.has_ended {
            // On an error our server drops what it has not sent yet, even the head: give it time to
            // send.
            if this.error.is_some() && !std::mem::replace(this.is_held_back, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(this.error.take().map(Err));
        }
        this.rest.poll_frame(cx).map_err(Into::into)
    }

    pub(in crate::control) fn is_end_stream(&self) -> bool {
        self.first.is_none()
            && self.more.is_empty()
            && self.error.is_none()
            && (self.has_ended || self.rest.is_end_stream())
    }

    pub(in crate::control) fn size_hint(&self) -> SizeHint {
        let ahead: u64 = self.ahead().map(|data| data.len() as u64).sum();
        let rest = match (&self.error, self.has_ended) {
            // A reader that trusts an exact length would stop before the error.
            (Some(_), _) => SizeHint::default(),
            (None, true) => SizeHint::with_exact(0),
            (None, false) => self.rest.size_hint(),
        };
        longer(&rest, (ahead, ahead))
    }
}

impl<R> Body for ClassifiedBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProjection::AsItIs { body } => body.poll_frame(cx).map_err(Into::into),
            KindProjection::Classified { classified } => classified.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::AsItIs { body } => body.is_end_stream(),
            Kind::Classified { classified } => classified.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::AsItIs { body } => body.size_hint(),
            Kind::Classified { classified } => classified.size_hint(),
        }
    }
}

opaque_debug!(ClassifiedBody<R>);

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::StreamBody;
    use std::io;
    use std::sync::Arc;
    use std::task::Waker;

    #[test]
    fn an_error_that_was_read_ahead_leaves_time_to_send_the_frames_before() {
        let frames = [Ok(Frame::data("begun".into())), Err(io::Error::other("broken off"))];
        let mut body = ClassifiedBody::classified(StreamBody::new(stream::iter(frames)));
        let mut task = tokio_test::task::spawn(());
        task.enter(|cx, _| while let Poll::Ready(Some(_)) = body.poll_ahead(cx) {});
        assert!(body.is_broken());

        let first = task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
        assert!(matches!(first, Poll::Ready(Some(Ok(_)))) && !task.is_woken());
        assert!(task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx)).is_pending());
        assert!(task.is_woken() && !body.is_end_stream());
        let error = task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
        assert!(matches!(error, Poll::Ready(Some(Err(_)))));
        assert!(matches!(
            task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx)),
            Poll::Ready(None)
        ));
    }
    /// Endless bytes, each in a frame that keeps a token alive.
    fn drops(token: &Arc<()>) -> ClassifiedBody<impl Body<Data = Bytes, Error = io::Error>> {
        struct Owned(#[allow(dead_code)] Arc<()>);
        impl AsRef<[u8]> for Owned {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        let token = token.clone();
        let drop = move || Ok(Frame::data(Bytes::from_owner(Owned(token.clone()))));
        ClassifiedBody::classified(StreamBody::new(stream::iter(std::iter::repeat_with(drop))))
    }

    #[test]
    fn frames_that_are_read_ahead_keep_no_buffer_and_are_bounded() {
        let token = Arc::new(());
        let mut body = drops(&token);
        body.read_what_is_there(&mut Context::from_waker(Waker::noop()));
        assert_eq!(Arc::strong_count(&token), 3, "the first frame, and the source of frames");
        let Some(classified) = body.of_classified() else { panic!("it is not read ahead") };
        assert_eq!(classified.ahead().count(), (KEPT - 4096) / 64);
    }
}
