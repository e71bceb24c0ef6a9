//! Server-sent events, slow enough to watch.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
    vec,
};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep};

const PACE: Duration = Duration::from_millis(30);

/// The end of a chat stream.
pub(super) const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// An event without a name.
pub(super) fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

/// An event whose name is its type.
pub(super) fn event(name: &str, value: &Value) -> Bytes {
    format!("event: {name}\ndata: {value}\n\n").into()
}

/// A body that sends its frames one at a time, at a pace.
pub(super) struct Paced {
    frames: vec::IntoIter<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(frames: Vec<Bytes>) -> Self {
        Self { frames: frames.into_iter(), pause: Box::pin(sleep(Duration::ZERO)) }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.pause.as_mut().poll(cx));
        self.pause.as_mut().reset(Instant::now() + PACE);
        Poll::Ready(self.frames.next().map(Frame::data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.as_slice().is_empty()
    }
}
