//! Errors of [`HttpClient`](super::HttpClient).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tower::BoxError;

use super::foreign;
#[cfg(feature = "proxy")]
use super::via_proxy::ViaProxy;
use crate::hook::Failure;
use crate::response::failure::UpstreamError;
use crate::util::timeout::{TimeoutError, TimeoutPhase};

/// A client could not be made, or a request could not be sent or answered.
///
/// No text of it holds a URL, a header or a body.
#[derive(Debug)]
pub struct ClientError(Kind);

#[derive(Debug)]
enum Kind {
    /// The URI of the request names no server that could be asked.
    Uri,
    Connect(BoxError),
    /// There was no connection in time.
    ConnectTimeout(TimeoutError),
    Send(hyper::Error),
    SendHttp2(hyper::Error),
    /// A connector that does TLS by itself, and certificates or a proxy beside it.
    Connector,
    #[cfg(feature = "proxy")]
    ProxyUrl,
    /// What a client certificate is for names no server.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    Origin,
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    Tls(rustls::Error),
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    Pem(rustls::pki_types::pem::Error),
}

impl ClientError {
    pub(super) fn uri() -> Self {
        Self(Kind::Uri)
    }

    pub(super) fn connect(error: BoxError) -> Self {
        Self(Kind::Connect(error))
    }

    pub(super) fn connect_timeout(after: Duration) -> Self {
        Self(Kind::ConnectTimeout(TimeoutError::new(TimeoutPhase::Connect, after)))
    }

    pub(super) fn send(error: hyper::Error) -> Self {
        Self(Kind::Send(error))
    }

    pub(super) fn send_http2(error: hyper::Error) -> Self {
        Self(Kind::SendHttp2(error))
    }

    pub(super) fn connector() -> Self {
        Self(Kind::Connector)
    }

    #[cfg(feature = "proxy")]
    pub(super) fn proxy_url() -> Self {
        Self(Kind::ProxyUrl)
    }

    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    pub(super) fn origin() -> Self {
        Self(Kind::Origin)
    }

    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    pub(super) fn tls(error: rustls::Error) -> Self {
        Self(Kind::Tls(error))
    }

    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    pub(super) fn pem(error: rustls::pki_types::pem::Error) -> Self {
        Self(Kind::Pem(error))
    }

    /// Whether no connection could be made, so that nothing of the request was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0, Kind::Connect(_) | Kind::ConnectTimeout(_))
    }

    /// Whether making a connection took longer than the connect timeout, the client's or that of
    /// the request's [`ConnectTimeout`](crate::util::timeout::ConnectTimeout).
    #[must_use]
    pub fn is_connect_timeout(&self) -> bool {
        matches!(self.0, Kind::ConnectTimeout(_))
    }

    /// Whether no connection could be made because the proxy could not be reached, asks for a
    /// password or refuses.
    #[cfg(feature = "proxy")]
    #[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        self.is_connect() && crate::util::sources::sources(self).any(|error| error.is::<ViaProxy>())
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Uri => "the request's URI names no http or https server",
            #[cfg(feature = "proxy")]
            Kind::Connect(_) if self.is_proxy() => "no connection could be made through the proxy",
            Kind::Connect(_) => "no connection could be made",
            Kind::ConnectTimeout(_) => "the connection took too long",
            Kind::Connector => {
                "a connector that does TLS by itself takes no certificates and no proxy of the client's"
            }
            #[cfg(feature = "proxy")]
            Kind::ProxyUrl => "the URL of a proxy is not of http, https, socks5 or socks5h",
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Origin => "what a client certificate is for names no https server",
            Kind::Send(_) | Kind::SendHttp2(_) => {
                "the request could not be sent or was not answered"
            }
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Tls(_) => "TLS could not be set up",
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Pem(_) => "a certificate or key is not well-formed PEM",
        })
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Uri | Kind::Connector => None,
            #[cfg(feature = "proxy")]
            Kind::ProxyUrl => None,
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Origin => None,
            Kind::Connect(error) => Some(&**error),
            Kind::ConnectTimeout(error) => Some(error),
            Kind::Send(error) | Kind::SendHttp2(error) => Some(error),
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Tls(error) => Some(error),
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            Kind::Pem(error) => Some(error),
        }
    }
}

impl UpstreamError for ClientError {
    fn failure(&self) -> Option<Failure> {
        match &self.0 {
            Kind::Connect(_) => Some(Failure::Connect),
            Kind::ConnectTimeout(_) => Some(Failure::ConnectTimeout),
            // The connection has ended under the request. hyper calls that the user's where the
            // request was waiting for a stream; a body that fails resets its stream instead.
            Kind::SendHttp2(error) if foreign::h2_error(error).is_none() => Some(Failure::Reset),
            _ => None,
        }
    }
}
