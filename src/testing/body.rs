//! The body of a scripted answer.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A step of a body.
pub(super) enum Part {
    Data(Bytes),
    Wait(Duration),
    Break,
}

// A body may hold user data: show its length only.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => write!(f, "{} bytes", data.len()),
            Self::Wait(delay) => write!(f, "wait {delay:?}"),
            Self::Break => f.write_str("break"),
        }
    }
}

/// The body of an [`Answer`](super::Answer).
#[derive(Debug)]
pub struct AnswerBody {
    parts: VecDeque<Part>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl AnswerBody {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self { parts: parts.into(), waiting: None }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.parts.pop_front() {
                None => return Poll::Ready(None),
                Some(Part::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Part::Wait(delay)) => self.waiting = Some(Box::pin(sleep(delay))),
                Some(Part::Break) => {
                    let error = io::Error::from(io::ErrorKind::ConnectionReset);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // A stream's length is unknown.
        match self.parts.as_slices() {
            ([], []) => SizeHint::with_exact(0),
            ([Part::Data(data)], []) => SizeHint::with_exact(data.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
