//! The request body that the upstream stack gets.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::is_over;
use super::watch::Watcher;
use crate::headers;

pin_project! {
    /// The client's request body on its way to a provider: the client's own frames, untouched.
    ///
    /// A body is passed on as it is, or watched by the metrics hook, or was read up to its `model`
    /// and goes on from there. Its error is boxed, for it may be the gateway's own.
    pub struct RequestBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Untouched { #[pin] body: B },
        Passed { #[pin] body: B },
        Watched { #[pin] body: B, watcher: Box<Watcher> },
        Peeked { peeked: Box<Peeked<B>> },
    }
}

/// Frames that were read to find the model, then the rest.
struct Peeked<B> {
    frames: VecDeque<Bytes>,
    rest: Pin<Box<B>>,
    watcher: Watcher,
    is_refused: bool,
}

/// The rest of a model-routed body contradicts its beginning.
#[derive(Debug)]
struct RequestRefused;

impl fmt::Display for RequestRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gateway refused the rest of the request body")
    }
}

impl Error for RequestRefused {}

impl<B> RequestBody<B> {
    /// A body that is passed on as it is.
    pub fn new(body: B) -> Self {
        Self { kind: Kind::Untouched { body } }
    }

    /// A body whose trailers are looked at.
    pub(crate) fn passed(body: B) -> Self {
        Self { kind: Kind::Passed { body } }
    }

    pub(crate) fn watched(body: B, watcher: Watcher) -> Self {
        Self { kind: Kind::Watched { body, watcher: Box::new(watcher) } }
    }

    pub(crate) fn peeked(frames: VecDeque<Bytes>, rest: Pin<Box<B>>, watcher: Watcher) -> Self {
        Self {
            kind: Kind::Peeked {
                peeked: Box::new(Peeked { frames, rest, watcher, is_refused: false }),
            },
        }
    }
}

// What bodies hold is for those who read them, not for logs.
impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut frame = match self.project().kind.project() {
            KindProjection::Untouched { body } => {
                return body
                    .poll_frame(cx)
                    .map(|frame| frame.map(|frame| frame.map_err(Into::into)));
            }
            KindProjection::Passed { body } => ready!(body.poll_frame(cx)),
            KindProjection::Watched { body, watcher } => {
                let frame = ready!(body.poll_frame(cx));
                if let Some(Ok(frame)) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    watcher.see(data);
                }
                frame
            }
            KindProjection::Peeked { peeked } => {
                if let Some(data) = peeked.frames.pop_front() {
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                if peeked.is_refused {
                    return Poll::Ready(None);
                }
                let frame = ready!(peeked.rest.as_mut().poll_frame(cx));
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                let is_last = frame.is_none() || is_over(&*peeked.rest);
                if peeked.watcher.check(data.map_or(&[], |data| data), is_last).is_err() {
                    peeked.is_refused = true;
                    return Poll::Ready(Some(Err(Box::new(RequestRefused))));
                }
                frame
            }
        };
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            headers::strip_trailers(trailers);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Untouched { body } | Kind::Passed { body } | Kind::Watched { body, .. } => {
                body.is_end_stream()
            }
            // A body cut short must be polled for its end, where that is found out.
            Kind::Peeked { peeked } => {
                peeked.frames.is_empty() && peeked.watcher.has_all() && peeked.rest.is_end_stream()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Untouched { body } | Kind::Passed { body } | Kind::Watched { body, .. } => {
                body.size_hint()
            }
            Kind::Peeked { peeked } => {
                let ahead: u64 = peeked.frames.iter().map(|frame| frame.len() as u64).sum();
                let rest = peeked.rest.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower().saturating_add(ahead));
                if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(ahead)) {
                    hint.set_upper(upper);
                }
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http_body_util::{BodyExt, Full, StreamBody};

    #[test]
    fn passing_a_body_on_hides_nothing_of_its_size() {
        let body = RequestBody::new(Full::new(Bytes::from_static(b"abc")));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(!body.is_end_stream());
        assert!(RequestBody::new(Full::new(Bytes::new())).is_end_stream());
    }

    #[tokio::test]
    async fn trailers_pass_without_what_they_may_not_carry() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        trailers.insert("cf-aig-metadata", "{}".parse().unwrap());
        let frames = [
            Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"a"))),
            Ok(Frame::trailers(trailers)),
        ];
        let body = RequestBody::passed(StreamBody::new(futures_util::stream::iter(frames)));
        let collected = body.collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap().len(), 1);
    }
}
