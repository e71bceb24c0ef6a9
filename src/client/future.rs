//! The future of [`HttpClient`](super::HttpClient).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use super::body::ClientBody;
use super::error::ClientError;
use crate::util::opaque::opaque_debug;

/// The future of [`HttpClient`](super::HttpClient).
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture {
    // Boxed: hyper's futures cannot be named.
    exchange: Pin<Box<dyn Future<Output = Result<Response<ClientBody>, ClientError>> + Send>>,
}

impl ClientFuture {
    pub(super) fn new(
        exchange: impl Future<Output = Result<Response<ClientBody>, ClientError>> + Send + 'static,
    ) -> Self {
        Self { exchange: Box::pin(exchange) }
    }
}

impl Future for ClientFuture {
    type Output = Result<Response<ClientBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.exchange.as_mut().poll(cx)
    }
}

opaque_debug!(ClientFuture);
