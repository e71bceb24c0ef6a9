//! Reading a whole request body, for the one route that cannot do with less.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::body::watch::RequestWatch;
use crate::refusal;
use crate::rejection::{Code, Rejection};

/// A body that is read to its end.
pub(crate) struct Collect<B> {
    body: Pin<Box<B>>,
    watch: Arc<RequestWatch>,
    first: Bytes,
    /// What came behind the first frame, and that: most bodies are one frame and need no copy.
    joined: BytesMut,
    limit: usize,
}

impl<B: Body<Data = Bytes>> Collect<B> {
    /// `limit`: how many bytes it may have.
    pub(crate) fn new(body: B, watch: Arc<RequestWatch>, limit: usize) -> Self {
        let (first, joined) = (Bytes::new(), BytesMut::new());
        Self { body: Box::pin(body), watch, first, joined, limit }
    }

    pub(crate) fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Rejection>> {
        if self.body.size_hint().lower() > self.limit as u64 {
            return Poll::Ready(Err(self.too_large()));
        }
        loop {
            match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(Ok(self.take())),
                Some(Err(_)) => return Poll::Ready(Err(refusal::broken_body())),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.watch.saw(&data);
                    if self.held() + data.len() > self.limit {
                        return Poll::Ready(Err(self.too_large()));
                    }
                    self.keep(data);
                }
            }
        }
    }

    fn held(&self) -> usize {
        if self.joined.is_empty() { self.first.len() } else { self.joined.len() }
    }

    fn keep(&mut self, data: Bytes) {
        if self.held() == 0 {
            self.first = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&data);
    }

    fn take(&mut self) -> Bytes {
        if self.joined.is_empty() {
            return std::mem::take(&mut self.first);
        }
        std::mem::take(&mut self.joined).freeze()
    }

    fn too_large(&self) -> Rejection {
        let limit = self.limit;
        let message =
            format!("The request body is larger than {limit} bytes, which is the limit here.");
        Rejection::of_request(Code::BodyTooLarge, message)
    }
}
