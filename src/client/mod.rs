//! A ready upstream: hyper-util's pooled client with rustls, tuned for long streams.

mod body;
mod builder;
mod connect;
mod error;
mod shard;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod tls;
mod waiting;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper_util::client::legacy;
use tower::BoxError;
use tower_service::Service;

pub use self::body::ClientBody;
pub use self::builder::HttpClientBuilder;
pub use self::error::ClientError;
pub(crate) use self::error::failure;
use self::shard::{InFlight, Shard};
use self::waiting::Waiting;

/// An HTTP client for the gateway to send with: HTTP/1.1 and HTTP/2 (by ALPN), pooled, with TLS.
///
/// It follows no redirects, reads no proxy settings from the environment, keeps no cookies and
/// never decodes a body. A request that was not written yet when its pooled connection turned out
/// to be closed is sent once more on another; nothing else is ever repeated.
///
/// The body type `B` is inferred where the client is an upstream. Cheap to clone; clones share
/// their connections.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};
///
/// let layer = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let app: axum::Router = axum::Router::new().layer(layer.upstream(HttpClient::new()?));
/// # Ok(()) }
/// ```
pub struct HttpClient<B> {
    shards: Arc<[Shard<B>]>,
    connect_timeout: Duration,
}

impl<B> HttpClient<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// A client with the defaults of [`HttpClientBuilder`].
    ///
    /// # Errors
    ///
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        HttpClientBuilder::default().build()
    }
}

impl HttpClient<()> {
    /// A client to be configured; its body type is that of what is built.
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder::default()
    }
}

impl<B> Service<Request<B>> for HttpClient<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ClientBody>;
    type Error = ClientError;
    type Future = ClientFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> ClientFuture {
        let (client, in_flight) = shard::pick(&self.shards);
        let waiting = Waiting::of(&mut request, self.connect_timeout);
        ClientFuture { response: client.request(request), in_flight: Some(in_flight), waiting }
    }
}

impl<B> Clone for HttpClient<B> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), connect_timeout: self.connect_timeout }
    }
}

impl<B> fmt::Debug for HttpClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("shards", &self.shards).finish()
    }
}

/// The future of [`HttpClient`].
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture {
    response: legacy::ResponseFuture,
    in_flight: Option<InFlight>,
    /// Where the request bounds its wait for a connection, until it has one.
    waiting: Option<Box<Waiting>>,
}

impl Future for ClientFuture {
    type Output = Result<Response<ClientBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(response) = Pin::new(&mut self.response).poll(cx) else {
            let Some(waiting) = &mut self.waiting else { return Poll::Pending };
            let waited = ready!(waiting.poll_end(cx));
            self.waiting = None;
            return waited
                .map_or(Poll::Pending, |error| Poll::Ready(Err(ClientError::connect(error))));
        };
        let response = response.map_err(ClientError::send)?;
        let in_flight = self.in_flight.take();
        Poll::Ready(Ok(response.map(|body| ClientBody::new(body, in_flight))))
    }
}

impl fmt::Debug for ClientFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture").finish_non_exhaustive()
    }
}
