//! The response body of [`Control`](super::Control).

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

#[cfg(feature = "cache")]
use crate::control::cache::CacheBody;
use crate::control::call::CallBody;
use crate::control::verdict::{Classified, ClassifiedBody, ClassifiedKind};
use crate::util::opaque::opaque_debug;

pin_project! {
    /// The response body of [`Control`](super::Control). Its start may have been read ahead.
    ///
    /// A single body in place of those of [`Retry`](crate::control::Retry) and
    /// [`Fallback`](crate::control::Fallback), so that a frame passes one body.
    pub struct ControlBody<R>
    where
        R: Body,
    {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<R>
    where
        R: Body,
    {
        AsItIs { #[pin] body: CallBody<R> },
        Classified { classified: Pin<Box<Classified<CallBody<R>>>> },
        // By a fallback, above a retry.
        ClassifiedAbove { classified: Pin<Box<Classified<ClassifiedBody<CallBody<R>>>>> },
        // From the cache, or on its way into it.
        #[cfg_attr(not(feature = "cache"), allow(dead_code))]
        Cached { body: Cached },
    }
}

/// The lock is never contended: it only makes the body `Sync`.
type Cached = Mutex<Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>>;

impl<R: Body> ControlBody<R> {
    pub(super) fn new(body: CallBody<R>) -> Self {
        Self { kind: Kind::AsItIs { body } }
    }

    #[cfg(feature = "cache")]
    pub(super) fn of_cache(body: CallBody<CacheBody>) -> Self {
        Self { kind: Kind::Cached { body: Mutex::new(Box::pin(body)) } }
    }

    /// The body of a response that has passed a retry.
    pub(super) fn of_retried(body: ClassifiedBody<CallBody<R>>) -> Self {
        let kind = match body.into_kind() {
            ClassifiedKind::Classified { classified } => Kind::Classified { classified },
            ClassifiedKind::AsItIs { body } => Kind::AsItIs { body },
        };
        Self { kind }
    }

    /// The body of a response that has passed a retry and a fallback.
    pub(super) fn of_repeated(body: ClassifiedBody<ClassifiedBody<CallBody<R>>>) -> Self {
        match body.into_kind() {
            ClassifiedKind::Classified { classified } => {
                Self { kind: Kind::ClassifiedAbove { classified } }
            }
            ClassifiedKind::AsItIs { body } => Self::of_retried(body),
        }
    }
}

impl<R> Body for ControlBody<R>
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
            KindProjection::AsItIs { body } => body.poll_frame(cx),
            KindProjection::Classified { classified } => classified.as_mut().poll_frame(cx),
            KindProjection::ClassifiedAbove { classified } => classified.as_mut().poll_frame(cx),
            KindProjection::Cached { body } => {
                body.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll_frame(cx)
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::AsItIs { body } => body.is_end_stream(),
            Kind::Classified { classified } => classified.is_end_stream(),
            Kind::ClassifiedAbove { classified } => classified.is_end_stream(),
            Kind::Cached { body } => {
                body.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::AsItIs { body } => body.size_hint(),
            Kind::Classified { classified } => classified.size_hint(),
            Kind::ClassifiedAbove { classified } => classified.size_hint(),
            Kind::Cached { body } => {
                body.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
            }
        }
    }
}

opaque_debug!(ControlBody<R> where R: Body);
