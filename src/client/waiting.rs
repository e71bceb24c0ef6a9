//! The wait of one request for its connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::timeout::{ConnectTimeout, TimeoutError, TimeoutPhase};

/// Made where a request asks for less than the client's own connect timeout.
pub(crate) struct Waiting {
    connection: CaptureConnection,
    until: Instant,
    error: TimeoutError,
    /// Set once a connection was not there at once.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) fn of<B>(request: &mut Request<B>, longest: Duration) -> Option<Box<Self>> {
        let ConnectTimeout(timeout) = *request.extensions().get()?;
        if timeout >= longest {
            return None;
        }
        let until = Instant::now().checked_add(timeout)?;
        let error = TimeoutError::new(TimeoutPhase::Connect, timeout);
        let connection = capture_connection(request);
        Some(Box::new(Self { connection, until, error, sleep: None }))
    }

    /// Ready when there is a connection, or with the error when it took too long. To be asked
    /// after the response future was polled, which is what gets the connection.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<TimeoutError>> {
        if self.connection.connection_metadata().is_some() {
            return Poll::Ready(None);
        }
        let until = self.until;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(self.error))
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("until", &self.until).finish_non_exhaustive()
    }
}
