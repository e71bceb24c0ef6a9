//! [`Drain`]: reads and drops a refused body.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http::Request;
use http::header::EXPECT;
use http_body::Body;

use crate::util::patience::Patience;

/// Reads and drops a refused body, so that the client can read the answer.
///
/// It reads a bounded number of bytes for a bounded time, whatever length the body announces.
pub(crate) struct Drain<B> {
    body: Pin<Box<B>>,
    left: usize,
    patience: Patience,
}

/// How long a refused body is read.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The number of bytes that a client can safely write before it reads.
const HARMLESS: u64 = 64 * 1024;

impl<B: Body> Drain<B> {
    /// `None` unless the body has a known and bearable length. A client that sends `expect` gets
    /// its answer at once.
    pub(crate) fn of(request: Request<B>, limit: usize) -> Option<Self> {
        if !is_bearable(request.body(), limit) || request.headers().contains_key(EXPECT) {
            return None;
        }
        Some(Self::new(Box::pin(request.into_body()), limit))
    }

    /// The same for a body that was partly read.
    pub(crate) fn of_rest(body: Pin<Box<B>>, limit: usize) -> Option<Self> {
        is_bearable(&*body, limit).then(|| Self::new(body, limit))
    }

    fn new(body: Pin<Box<B>>, limit: usize) -> Self {
        Self { body, left: limit, patience: Patience::new(Some(DRAIN_TIME)) }
    }

    /// Ready when all is read, the client has broken off, or a bound is reached.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Buf::remaining);
                    match self.left.checked_sub(length) {
                        Some(left) => self.left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.patience.poll_end(cx),
            }
        }
    }
}

/// Returns true if the client may need to send this body before it reads, and the body is small
/// enough.
fn is_bearable<B: Body>(body: &B, limit: usize) -> bool {
    body.size_hint().upper().is_some_and(|length| (HARMLESS..=limit as u64).contains(&length))
}
