//! The response body of a [`Jwt`](super::Jwt).

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::util::opaque::opaque_debug;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the inner service or of a refusal.
    #[project = JwtBodyProjection]
    pub struct JwtBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Passed { #[pin] body: B },
        Refused { body: Full<Bytes> },
    }
}

impl<B> JwtBody<B> {
    pub(super) fn passed(body: B) -> Self {
        Self { kind: Kind::Passed { body } }
    }

    pub(super) fn refused(text: String) -> Self {
        Self { kind: Kind::Refused { body: Full::from(text) } }
    }
}

impl<B: Body<Data = Bytes>> Body for JwtBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Passed { body } => body.poll_frame(cx),
            KindProjection::Refused { body } => {
                Pin::new(body).poll_frame(cx).map_err(|never| match never {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Refused { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body } => body.size_hint(),
            Kind::Refused { body } => body.size_hint(),
        }
    }
}

// Opaque: a body may hold user data.
opaque_debug!(JwtBody<B>);
