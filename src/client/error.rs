//! Errors of [`HttpClient`](super::HttpClient).

use std::io;
use std::time::Duration;

use tower::BoxError;

use super::foreign;
#[cfg(feature = "proxy")]
use super::via_proxy::ViaProxy;
use crate::hook::Failure;
use crate::response::failure::UpstreamError;
use crate::util::sources::sources;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// A client could not be built, or a request failed.
///
/// Its messages never contain a URL, a header or a body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use tower::ServiceExt;
/// use tower_ai_gateway::HttpClient;
///
/// let client: HttpClient<Full<Bytes>> = HttpClient::new()?;
/// let request = Request::get("http://127.0.0.1:1/").body(Full::default())?;
/// let error = client.oneshot(request).await.unwrap_err();
/// assert!(error.is_connect(), "nothing listens there");
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ClientError(#[from] Cause);

#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    /// The request's URI has no http or https server.
    #[error("the request's URI does not name an http or https server")]
    Uri,
    #[error("could not connect{}", through_proxy(.0))]
    Connect(#[source] BoxError),
    /// Connecting took longer than the connect timeout.
    #[error("connecting took too long")]
    ConnectTimeout(#[source] TimeoutError),
    #[error("the request could not be sent or got no response")]
    Send(#[source] hyper::Error),
    #[error("the request could not be sent or got no response")]
    SendHttp2(#[source] hyper::Error),
    /// A connector that does its own TLS was combined with certificates or a proxy.
    #[error("a connector that does its own TLS cannot be combined with certificates or a proxy")]
    Connector,
    #[cfg(feature = "proxy")]
    #[error("the URL of a proxy must be http, https, socks5 or socks5h")]
    ProxyUrl,
    /// The name given with a client certificate is not a server.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[error("the name given with a client certificate is not an https server")]
    Origin,
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[error("a certificate or key is not well-formed PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
}

/// The suffix of the message if the proxy failed.
fn through_proxy(error: &BoxError) -> &'static str {
    #[cfg(feature = "proxy")]
    if sources(&**error).any(|error| error.is::<ViaProxy>()) {
        return " through the proxy";
    }
    let _ = error;
    ""
}

impl ClientError {
    /// `longest`: the connect timeout. The connector gives each address of a name a part of it.
    pub(super) fn connect(error: BoxError, longest: Duration) -> Self {
        let is_timeout = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        let is_over = sources(&*error).filter_map(|error| error.downcast_ref()).any(is_timeout);
        if is_over { Self::connect_timeout(longest) } else { Self(Cause::Connect(error)) }
    }

    pub(super) fn connect_timeout(after: Duration) -> Self {
        Self(Cause::ConnectTimeout(TimeoutError::new(TimeoutPhase::Connect, after)))
    }

    /// Returns true if the connection could not be made. Nothing of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0, Cause::Connect(_) | Cause::ConnectTimeout(_))
    }

    /// Returns true if connecting took longer than the connect timeout: the client's, or the
    /// request's [`ConnectTimeout`](crate::util::timeout::ConnectTimeout).
    #[must_use]
    pub fn is_connect_timeout(&self) -> bool {
        matches!(self.0, Cause::ConnectTimeout(_))
    }

    /// Returns true if the proxy could not be reached, asked for a password, or refused to connect.
    #[cfg(feature = "proxy")]
    #[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        self.is_connect() && sources(self).any(|error| error.is::<ViaProxy>())
    }
}

impl UpstreamError for ClientError {
    fn failure(&self) -> Option<Failure> {
        match &self.0 {
            Cause::Connect(_) => Some(Failure::Connect),
            Cause::ConnectTimeout(_) => Some(Failure::ConnectTimeout),
            // The connection ended during the request. hyper reports a user error if the request
            // was still waiting for a stream; a failed request body resets the stream instead.
            Cause::SendHttp2(error) if foreign::h2_error(error).is_none() => Some(Failure::Reset),
            _ => None,
        }
    }
}
