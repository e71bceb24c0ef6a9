//! The response body of [`HttpClient`](super::HttpClient).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::shard::InFlight;

/// A response body that counts as in flight until it has ended or is dropped.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Incoming,
    in_flight: Option<InFlight>,
}

impl ClientBody {
    pub(crate) fn new(incoming: Incoming, in_flight: Option<InFlight>) -> Self {
        Self { incoming, in_flight }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.in_flight = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
