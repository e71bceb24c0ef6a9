//! An upstream that uses the host's own `reqwest::Client`.

#![allow(clippy::expect_used, reason = "a future must not be polled after completion")]

mod body;
mod config;
mod error;
mod target;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use tower::BoxError;
use tower_service::Service;

use self::body::Shared;
use self::error::Cause;
pub use self::error::ReqwestError;
use super::framing::declare_body;
use super::tracked_body::TrackedBody;
use crate::util::opaque::opaque_debug;
use crate::util::ready::COMPLETED;

/// An upstream that sends with a `reqwest::Client`, for hosts that already have one: it keeps that
/// client's proxies, resolver, certificates and connection pool.
///
/// Bodies stream both ways, with their lengths and (if the connection carries them) trailers.
/// Headers are sent as they are; reqwest adds `accept: */*` if there is no `accept`, and the host's
/// default headers. Redirects are passed to the client.
///
/// reqwest has no connect timeout unless its builder sets one, and ignores a request's
/// [`ConnectTimeout`](crate::util::timeout::ConnectTimeout). Its `timeout` bounds a whole exchange
/// and cuts long streams; do not set it, and use the timeouts of the feature `control`. It uses the
/// proxies of the environment unless built with `no_proxy`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use tower_ai_gateway::client::ReqwestClient;
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(10));
/// let layer = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let app: axum::Router = axum::Router::new().layer(layer.upstream(ReqwestClient::new(builder)?));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ReqwestClient {
    client: Client,
}

impl ReqwestClient {
    /// Builds a client from `builder`, with redirects and decoding off: a redirect would send
    /// `x-api-key` to another host, and decoding breaks lengths.
    ///
    /// # Errors
    ///
    /// If reqwest cannot build the client, or it keeps cookies: one caller's cookies would go to the
    /// next.
    pub fn new(builder: ClientBuilder) -> Result<Self, ReqwestError> {
        let builder = builder.redirect(Policy::none()).referer(false);
        let builder = builder.no_gzip().no_brotli().no_zstd().no_deflate();
        let client = builder.build().map_err(ReqwestError::client)?;
        config::keeps_no_cookies(&client)?;
        Ok(Self { client })
    }

    /// Wraps a client that is already built. Its `Debug` text must show that it follows no
    /// redirects (`redirect(Policy::none())`), decodes no bodies (`no_gzip()` and so on, where
    /// reqwest has those features) and keeps no cookies.
    ///
    /// # Errors
    ///
    /// If it does any of these, or does not show that it does not.
    pub fn from_client(client: Client) -> Result<Self, ReqwestError> {
        config::leaves_alone(&client)?;
        Ok(Self { client })
    }
}

impl TryFrom<Client> for ReqwestClient {
    type Error = ReqwestError;

    fn try_from(client: Client) -> Result<Self, ReqwestError> {
        Self::from_client(client)
    }
}

impl TryFrom<ClientBuilder> for ReqwestClient {
    type Error = ReqwestError;

    fn try_from(builder: ClientBuilder) -> Result<Self, ReqwestError> {
        Self::new(builder)
    }
}

impl<B> Service<Request<B>> for ReqwestClient
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = ReqwestError;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReqwestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ReqwestFuture {
        let mut request = TrackedBody::request(request, None);
        declare_body(&mut request);
        let (parts, body) = request.into_parts();
        let Some(url) = target::url(&parts.uri) else {
            return ReqwestFuture { state: State::Refused { error: Some(Cause::Uri.into()) } };
        };
        // Leave the version at HTTP/1.1: the connection decides which one is spoken.
        let mut request = reqwest::Request::new(parts.method, url.clone());
        *request.headers_mut() = parts.headers;
        if !body.is_end_stream() {
            *request.body_mut() = Some(reqwest::Body::wrap(Shared::new(body)));
        }
        ReqwestFuture { state: State::Sent { response: self.client.call(request), url } }
    }
}

// reqwest's own text has the default headers, which may hold a key.
opaque_debug!(ReqwestClient);

pin_project! {
    /// The future of [`ReqwestClient`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Sent { #[pin] response: <Client as Service<reqwest::Request>>::Future, url: Url },
        // Nothing was sent.
        Refused { error: Option<ReqwestError> },
    }
}

impl Future for ReqwestFuture {
    type Output = Result<Response<reqwest::Body>, ReqwestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Sent { response, url } => {
                let response = ready!(response.poll(cx)).map_err(ReqwestError::client)?;
                // Another URL than requested: a hidden redirect policy has followed one.
                if response.url() != url {
                    return Poll::Ready(Err(Cause::Redirected.into()));
                }
                Poll::Ready(Ok(response.into()))
            }
            StateProjection::Refused { error } => Poll::Ready(Err(error.take().expect(COMPLETED))),
        }
    }
}

opaque_debug!(ReqwestFuture);

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_response_from_another_url_is_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let answer = match head[..length].starts_with(b"GET / ") {
                    true => "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n",
                    false => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n",
                };
                let answer = format!("{answer}connection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        // Built without the check, like a client whose text hides its policy.
        let mut client = ReqwestClient { client: Client::builder().no_proxy().build().unwrap() };
        let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
        let error = client.call(request).await.unwrap_err();
        assert!(error.is_redirect());
    }
}
