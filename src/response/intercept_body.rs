//! The response body of a gateway beside an app.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::response::body::ResponseBody;
use crate::util::opaque::opaque_debug;

pin_project! {
    /// The body of a response that came from the host's app or through the gateway.
    #[project = InterceptProjection]
    pub struct InterceptBody<A, U> {
        #[pin]
        from: From<A, U>,
    }
}

pin_project! {
    #[project = FromProjection]
    enum From<A, U> {
        App { #[pin] body: A },
        Gateway { #[pin] body: ResponseBody<U> },
    }
}

impl<A, U> InterceptBody<A, U> {
    pub(crate) fn app(body: A) -> Self {
        Self { from: From::App { body } }
    }

    pub(crate) fn gateway(body: ResponseBody<U>) -> Self {
        Self { from: From::Gateway { body } }
    }
}

impl<A, U> Body for InterceptBody<A, U>
where
    A: Body<Data = Bytes>,
    A::Error: Into<BoxError>,
    U: Body<Data = Bytes>,
    U::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().from.project() {
            FromProjection::App { body } => body.poll_frame(cx).map_err(Into::into),
            FromProjection::Gateway { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::App { body } => body.is_end_stream(),
            From::Gateway { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            From::App { body } => body.size_hint(),
            From::Gateway { body } => body.size_hint(),
        }
    }
}

opaque_debug!(InterceptBody<A, U>);
