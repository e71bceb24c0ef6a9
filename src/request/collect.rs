//! Reads a whole request body, for the one route that needs it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tower::BoxError;

use crate::exchange::request_state::RequestState;
use crate::rejection::Rejection;
use crate::request::peek::Drain;
use crate::response::messages;
use crate::util::budget::{FRAME_OVERHEAD, Held};

/// A body that is read to its end.
pub(crate) struct Collect<B> {
    body: Pin<Box<B>>,
    watch: Arc<RequestState>,
    first: Bytes,
    /// The frames joined, once there are several: most bodies are one frame and need no copy.
    joined: BytesMut,
    share: Held,
    limit: usize,
    /// The body must not be polled any more.
    is_over: bool,
}

impl<B> Collect<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// `limit` is the maximum size in bytes.
    pub(crate) fn new(body: B, watch: Arc<RequestState>, limit: usize, share: Held) -> Self {
        let (first, joined) = (Bytes::new(), BytesMut::new());
        Self { body: Box::pin(body), watch, first, joined, share, limit, is_over: false }
    }

    pub(crate) fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Rejection>> {
        if self.body.size_hint().lower() > self.limit as u64 {
            return Poll::Ready(Err(messages::body_too_large(self.limit)));
        }
        loop {
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => {
                    self.is_over = true;
                    return Poll::Ready(Ok(self.take()));
                }
                Some(Err(error)) => {
                    self.is_over = true;
                    return Poll::Ready(Err(messages::failed_body(&*error.into())));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.watch.saw(&data);
                    if self.held() + data.len() > self.limit {
                        return Poll::Ready(Err(messages::body_too_large(self.limit)));
                    }
                    self.keep(data)?;
                }
            }
        }
    }

    fn held(&self) -> usize {
        if self.joined.is_empty() { self.first.len() } else { self.joined.len() }
    }

    fn keep(&mut self, data: Bytes) -> Result<(), Rejection> {
        if self.held() == 0 {
            self.take_of_budget(data.len() + FRAME_OVERHEAD)?;
            self.first = data;
            return Ok(());
        }
        let (needed, room) = (self.held() + data.len(), self.joined.capacity());
        if needed > room {
            // Reserve the budget before allocating.
            let room = needed.max(room.saturating_mul(2)).min(self.limit);
            self.take_of_budget(room - self.joined.capacity())?;
            self.joined.reserve(room - self.joined.len());
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&data);
        Ok(())
    }

    fn take_of_budget(&mut self, bytes: usize) -> Result<(), Rejection> {
        self.share.grow(bytes).then_some(()).ok_or_else(messages::no_memory)
    }

    /// Hands over the body's share of the budget.
    pub(crate) fn take_share(&mut self) -> Held {
        self.share.take()
    }

    /// The rest of a refused body, if it must be read.
    pub(crate) fn into_rest(self) -> Option<Drain<B>> {
        if self.is_over { None } else { Drain::of_rest(self.body, self.limit) }
    }

    fn take(&mut self) -> Bytes {
        if self.joined.is_empty() {
            return std::mem::take(&mut self.first);
        }
        std::mem::take(&mut self.joined).freeze()
    }
}
