//! A request body that reports when it has been sent or dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use tower::BoxError;

use crate::util::upload::Upload;

/// The bodies that a connection can send.
pub(in crate::client) trait SendBody:
    Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static
{
}

impl<B> SendBody for B where B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

/// Why there is no response; with the request, if nothing of it was sent.
pub(in crate::client) type Failed<B> = (hyper::Error, Option<Request<B>>);

/// hyper drops a request body as soon as it has read all of it.
struct Marks(Arc<AtomicBool>);

impl Drop for Marks {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Boxed: for each connection, hyper keeps room for 32 requests.
pub(super) struct TrackedBody<B>(Box<Inner<B>>);

struct Inner<B> {
    body: B,
    _marks: Option<Marks>,
    timed: Option<Timed>,
}

/// When the body is dropped, the timeout of the response head starts.
struct Timed(Upload);

impl Drop for Timed {
    fn drop(&mut self) {
        self.0.is_sent();
    }
}

impl<B> TrackedBody<B> {
    /// `is_sent` is set when the body was read to its end or dropped.
    pub(super) fn request(request: Request<B>, is_sent: Option<Arc<AtomicBool>>) -> Request<Self> {
        let timed = request.extensions().get::<Upload>().cloned().map(Timed);
        if let Some(Timed(upload)) = &timed {
            upload.begins();
        }
        request.map(|body| Self(Box::new(Inner { body, _marks: is_sent.map(Marks), timed })))
    }

    pub(super) fn into_inner(self) -> B {
        self.0.body
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.0.body).poll_frame(cx);
        if let Some(Timed(upload)) = &self.0.timed {
            match polled {
                Poll::Pending => upload.waits_for_client(),
                Poll::Ready(_) => upload.waits_for_provider(),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.size_hint()
    }
}
