//! Making connections: name resolution, TCP and TLS under one timeout.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::BoxError;
use tower_service::Service;

use crate::timeout::{TimeoutError, TimeoutPhase};

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
type Transport = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
type Transport = HttpConnector;

type Stream = <Transport as Service<Uri>>::Response;

#[derive(Clone)]
pub(crate) struct Connector {
    transport: Transport,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(transport: Transport, timeout: Duration) -> Self {
        Self { transport, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    // Boxed once per connection, not per request.
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.transport.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, origin: Uri) -> Self::Future {
        let connecting = self.transport.call(origin);
        let timeout = self.timeout;
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => Ok(connected?),
                Err(_) => Err(TimeoutError::new(TimeoutPhase::Connect, timeout).into()),
            }
        })
    }
}
