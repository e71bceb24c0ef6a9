//! A ready upstream: hyper's connections, pooled, with rustls, tuned for long streams.

mod body;
mod builder;
mod connect;
mod error;
mod http1;
mod http2;
mod pool;
mod sent;
mod signal;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod tls;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::timeout;
use tower::BoxError;
use tower_service::Service;

pub use self::body::ClientBody;
pub use self::builder::HttpClientBuilder;
pub use self::error::ClientError;
pub(crate) use self::error::failure;
use self::pool::{Connection, Found, Pool};
use self::sent::Sent;
use crate::timeout::ConnectTimeout;

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
    pool: Arc<Pool<B>>,
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

    fn call(&mut self, request: Request<B>) -> ClientFuture {
        ClientFuture { exchange: Box::pin(exchange(self.clone(), request)) }
    }
}

async fn exchange<B>(
    client: HttpClient<B>,
    mut request: Request<B>,
) -> Result<Response<ClientBody>, ClientError>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let origin = client.pool.origin(request.uri())?;
    loop {
        let (connection, is_reused) = match origin.find(false) {
            Found::Connection(connection) => (connection, true),
            found => {
                let asked = request.extensions().get().map(|ConnectTimeout(timeout)| *timeout);
                let longest = asked.unwrap_or(Duration::MAX).min(client.connect_timeout);
                // Boxed, for most requests find a connection and shall not carry this about.
                let connected = Box::pin(timeout(longest, client.pool.connect(&origin, found)));
                let connected = connected.await;
                let connected = connected.map_err(|_| ClientError::connect_timeout(longest))?;
                connected.map_err(ClientError::connect)?
            }
        };
        let (error, unsent) = match connection {
            Connection::Http1(connection) => {
                origin.origin_form(&mut request);
                match connection.send(request).await {
                    Ok(response) => return Ok(response),
                    Err(mut error) => {
                        let unsent = error.take_message();
                        (error.into_error(), unsent.map(|request| request.map(Sent::into_inner)))
                    }
                }
            }
            Connection::Http2(stream) => match stream.send(request).await {
                Ok(response) => return Ok(response),
                Err((mut error, stream)) => {
                    origin.forget(&stream);
                    let unsent = error.take_message();
                    (error.into_error(), unsent)
                }
            },
        };
        // A connection can be closed while a request is on the way to it.
        request = match unsent {
            Some(request) if is_reused => request,
            _ => return Err(ClientError::send(error)),
        };
        origin.absolute_form(request.uri_mut());
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

/// The future of [`HttpClient`].
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture {
    // Boxed, for hyper's futures have no names.
    exchange: Pin<Box<dyn Future<Output = Result<Response<ClientBody>, ClientError>> + Send>>,
}

impl Future for ClientFuture {
    type Output = Result<Response<ClientBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.exchange.as_mut().poll(cx)
    }
}

impl fmt::Debug for ClientFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture").finish_non_exhaustive()
    }
}
