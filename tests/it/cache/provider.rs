//! A provider whose responses the test sends frame by frame.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::sync::{mpsc, oneshot};
use tower::BoxError;

use super::Answer;
use crate::support::guard;

type Frames = mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>;

struct Receiving(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

impl Body for Receiving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx)
    }
}

/// A call that has reached the provider.
pub struct Asked {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub(super) answer: oneshot::Sender<io::Result<Answer>>,
}

impl Asked {
    /// Sends the head.
    pub fn answer(self, status: u16, headers: &[(&str, &str)]) -> Feed {
        let (frames, receiver) = mpsc::unbounded_channel();
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let body = Receiving(receiver).boxed_unsync();
        let _ = self.answer.send(Ok(response.body(body).unwrap()));
        Feed(frames)
    }

    /// Sends a whole response with its length.
    pub fn answer_whole(self, headers: &[(&str, &str)], body: &str) {
        let mut response = Response::builder().header("content-length", body.len());
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {});
        let _ = self.answer.send(Ok(response.body(body.boxed_unsync()).unwrap()));
    }

    pub fn fail(self) {
        self.fail_with(io::ErrorKind::ConnectionReset);
    }

    pub fn fail_with(self, error: impl Into<io::Error>) {
        let _ = self.answer.send(Err(error.into()));
    }

    /// Waits until nobody waits for a response.
    pub async fn cancelled(&mut self) {
        guard("the call is given up", self.answer.closed()).await;
    }
}

/// The body of a response. Ends when it is dropped.
#[derive(Clone)]
pub struct Feed(Frames);

impl Feed {
    pub fn send(&self, data: impl Into<Bytes>) {
        let _ = self.0.send(Ok(Frame::data(data.into())));
    }

    pub fn reset(&self) {
        let _ = self.0.send(Err(io::Error::from(io::ErrorKind::ConnectionReset).into()));
    }

    /// Waits until nobody reads the body.
    pub async fn cancelled(&self) {
        guard("the answer is given up", self.0.closed()).await;
    }
}
