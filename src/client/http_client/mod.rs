//! The client: it finds or makes a connection for each request.

mod builder;
mod exchange;
mod reuse;

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

pub use self::builder::HttpClientBuilder;
use self::exchange::exchange;
use self::reuse::Reuse;
use crate::client::body::ClientBody;
use crate::client::error::ClientError;
use crate::client::future::ClientFuture;
use crate::client::pool::Pool;

/// An HTTP client for the gateway: HTTP/1.1 and HTTP/2 (by ALPN), pooled, with TLS.
///
/// It follows no redirects, ignores proxy variables unless told otherwise, keeps no cookies and
/// never decodes a body. If a pooled connection turns out to be closed before the request is
/// written, the request is sent once more on another connection. Nothing else is ever retried.
///
/// The body type `B` is inferred when the client is used as an upstream. Cheap to clone; clones
/// share their connections.
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
    pool: Arc<Pool<B>>,
    connect_timeout: Duration,
}

impl<B> HttpClient<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    /// Creates a client with the defaults of [`HttpClientBuilder`].
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        HttpClientBuilder::default().build()
    }
}

impl HttpClient<()> {
    /// Configures a client. `build` chooses the body type.
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
        let origin = match self.pool.origin(request.uri()) {
            Ok(origin) => origin,
            Err(error) => return ClientFuture::new(ready(Err(error))),
        };
        let client = self.clone();
        let Some(mut connection) = origin.idle() else {
            return ClientFuture::new(exchange(client, origin, request));
        };
        origin.origin_form(&mut request);
        let answer = connection.send(request);
        let connection = Some(connection);
        ClientFuture::new(Reuse { client, origin, connection, answer, again: None })
    }
}

impl<B> Clone for HttpClient<B> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), connect_timeout: self.connect_timeout }
    }
}

impl<B> fmt::Debug for HttpClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("origins", &self.pool.origins()).finish_non_exhaustive()
    }
}
