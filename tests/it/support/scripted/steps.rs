//! A body that takes one step per poll.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use tower::BoxError;

/// What happens at one poll.
#[derive(Clone, Debug)]
pub enum Step {
    /// Wakes the task at once.
    Pending,
    Data(&'static str),
    Text(String),
    Trailers,
    /// The connection is reset.
    Error,
    /// Nothing more comes.
    Hang,
}

/// A body with these steps, whose length and end show only when they are polled.
#[derive(Clone, Debug)]
pub struct Steps(VecDeque<Step>);

impl Steps {
    pub fn new(steps: &[Step]) -> Self {
        Self(steps.iter().cloned().collect())
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match self.0.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            Some(Step::Text(data)) => Some(Ok(Frame::data(data.into()))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Error) => Some(Err(io::Error::from(io::ErrorKind::ConnectionReset).into())),
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Hang) => {
                self.0.push_front(Step::Hang);
                return Poll::Pending;
            }
        })
    }
}

/// One pending poll.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
