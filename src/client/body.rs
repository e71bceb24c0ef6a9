//! The response body of [`HttpClient`](super::HttpClient).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::in_flight::InFlight;
use crate::util::opaque::opaque_debug;

/// A response body that keeps its connection in use until it ends or is dropped.
pub struct ClientBody {
    /// Over HTTP/2, `None` once the body has ended. Dropped before `lease`.
    incoming: Option<Incoming>,
    lease: Lease,
    /// Returned one poll later: on an error our server drops what it has not sent yet, so the
    /// frames before the error get time to go out.
    error: Option<hyper::Error>,
}

/// A connection that a response body drives. Hides the type of the request body.
pub(super) trait Driven: Send {
    fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>>;

    /// The response body has ended or was dropped.
    fn release(self: Box<Self>);
}

/// What a response body holds of its connection.
enum Lease {
    /// Nothing: the body has ended.
    Ended,
    /// The whole connection. The mutex is never locked: it makes the body `Sync`.
    Http1(Mutex<Box<dyn Driven>>),
    /// A separate task drives the connection. Dropping the sender tells it that the body is done.
    Task(#[allow(dead_code)] oneshot::Sender<Infallible>),
    /// One stream of the connection.
    Http2(#[allow(dead_code)] InFlight),
}

impl ClientBody {
    /// A body that reads nothing more from the connection.
    pub(super) fn ended(incoming: Incoming) -> Self {
        Self::new(incoming, Lease::Ended)
    }

    /// A body whose connection a task drives. Dropping `response` tells that task that the body is
    /// done.
    pub(super) fn driven_elsewhere(
        incoming: Incoming,
        response: oneshot::Sender<Infallible>,
    ) -> Self {
        let lease = if incoming.is_end_stream() { Lease::Ended } else { Lease::Task(response) };
        Self::new(incoming, lease)
    }

    pub(super) fn http1(incoming: Incoming, connection: Box<dyn Driven>) -> Self {
        Self::new(incoming, Lease::Http1(Mutex::new(connection)))
    }

    pub(super) fn http2(incoming: Incoming, stream: InFlight) -> Self {
        let is_ended = incoming.is_end_stream();
        let mut body = Self::new(incoming, Lease::Http2(stream));
        if is_ended {
            body.release();
        }
        body
    }

    fn new(incoming: Incoming, lease: Lease) -> Self {
        Self { incoming: Some(incoming), lease, error: None }
    }

    fn release(&mut self) {
        match std::mem::replace(&mut self.lease, Lease::Ended) {
            Lease::Http1(connection) => {
                connection.into_inner().unwrap_or_else(PoisonError::into_inner).release();
            }
            // h2 resets an unfinished stream only when its last handle is dropped. A body without
            // data is kept: after HEAD its size hint can still be read.
            Lease::Http2(_) => {
                self.incoming.take_if(|incoming| incoming.size_hint().lower() == 0);
            }
            Lease::Task(_) | Lease::Ended => {}
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Self { incoming: Some(incoming), lease, .. } = &mut *self else {
            return Poll::Ready(None);
        };
        let frame = ready!(match lease {
            Lease::Http1(connection) => {
                let connection = connection.get_mut().unwrap_or_else(PoisonError::into_inner);
                connection.poll_frame(incoming, cx)
            }
            Lease::Task(_) | Lease::Http2(_) | Lease::Ended =>
                Pin::new(&mut *incoming).poll_frame(cx),
        });
        if !matches!(frame, Some(Ok(_))) || incoming.is_end_stream() {
            self.release();
        }
        if let Some(Err(error)) = frame {
            self.error = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None if self.error.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        // Drop it first: the connection is reusable only once nothing waits for it.
        self.incoming = None;
        self.release();
    }
}

opaque_debug!(ClientBody { incoming });
