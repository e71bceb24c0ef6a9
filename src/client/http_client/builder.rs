//! The options of [`HttpClient`](super::HttpClient) and their defaults.

mod build;

use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower::BoxError;
use tower_service::Service;

#[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
use crate::client::certificates::ClientCertificates;
use crate::client::dial::Dialer;
use crate::client::options::{Versions, Windows};
use crate::client::pool::{LINGER, Limits};
#[cfg(feature = "proxy")]
use crate::client::proxy::ProxyOptions;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use crate::client::tls::TlsOptions;
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;

/// Configures an [`HttpClient`](super::HttpClient).
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower_ai_gateway::HttpClient;
///
/// let client: HttpClient<Full<Bytes>> = HttpClient::builder()
///     .connect_timeout(Duration::from_secs(3))
///     .max_idle_per_origin(32)
///     .build()?;
/// # let _ = client;
/// # Ok::<(), tower_ai_gateway::ClientError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HttpClientBuilder {
    connect_timeout: Duration,
    tcp_keepalive: Option<Duration>,
    limits: Limits,
    /// `None`: hyper's default, for which hyper does not allocate.
    max_headers: Option<usize>,
    windows: Windows<Option<u32>>,
    keepalive_interval: Option<Duration>,
    keepalive_timeout: Duration,
    versions: Versions,
    connector: Option<OwnConnector>,
    #[cfg(feature = "proxy")]
    proxy: ProxyOptions,
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    tls: TlsOptions,
}

/// The host's own connector.
#[derive(Clone)]
struct OwnConnector {
    dialer: Dialer,
    does_tls: bool,
}

impl Default for HttpClientBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: Some(Duration::from_secs(60)),
            limits: Limits {
                // Below the 60 s after which many servers close, so that our side closes first.
                idle_timeout: Duration::from_secs(55),
                linger: LINGER,
                max_idle_per_origin: usize::MAX,
                connections_per_origin: 4,
                streams_per_connection: 90,
            },
            max_headers: None,
            windows: Windows::default(),
            keepalive_interval: Some(Duration::from_secs(20)),
            keepalive_timeout: Duration::from_secs(10),
            versions: Versions::Negotiated,
            connector: None,
            #[cfg(feature = "proxy")]
            proxy: ProxyOptions::default(),
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            tls: TlsOptions::default(),
        }
    }
}

setters! { impl HttpClientBuilder {
    /// Timeout of name resolution, TCP and TLS together. Default: 10 s. A request can shorten it
    /// with [`ConnectTimeout`](crate::util::timeout::ConnectTimeout).
    pub fn connect_timeout(self, timeout: Duration) => self.connect_timeout = timeout;

    /// Idle time after which TCP keepalive probes start. Default: 60 s.
    pub fn tcp_keepalive(self, after: Option<Duration>) => self.tcp_keepalive = after;

    /// How long an idle connection is kept. Default: 55 s.
    pub fn idle_timeout(self, timeout: Duration) => self.limits.idle_timeout = timeout;

    /// How long the rest of a request body is still sent after its response has ended, failed or
    /// been dropped. After that the body is not read any more. Default: 10 s.
    ///
    /// Over HTTP/1.1 it bounds the whole rest. If an upstream responds early and does not read the
    /// rest in time, the connection is closed.
    ///
    /// Over HTTP/2 the time restarts whenever the upstream makes room for more of the body. When it
    /// expires, the stream is reset; the connection and its other exchanges continue.
    pub fn upload_linger(self, time: Duration) => self.limits.linger = time;

    /// How many idle connections are kept per origin. Default: no limit.
    pub fn max_idle_per_origin(self, connections: usize) =>
        self.limits.max_idle_per_origin = connections;

    /// How many HTTP/2 connections are opened per origin. Default: 4; at least 1.
    ///
    /// Another one is opened when the existing ones carry as many exchanges as they may. When all
    /// are full, exchanges are spread evenly, and those above the peer's limit wait for a stream to
    /// end. A peer that allows one stream at a time gets one connection per exchange, up to this
    /// number.
    pub fn connections_per_origin(self, connections: usize) =>
        self.limits.connections_per_origin = connections.max(1);

    /// How many exchanges share a connection before another is opened, unless the peer allows
    /// fewer. Default: 90; at least 1.
    ///
    /// An exchange counts until its response body has ended and its request body is sent. Most
    /// servers allow 100 streams.
    pub fn streams_per_connection(self, streams: usize) =>
        self.limits.streams_per_connection = streams.max(1);

    /// How many headers an HTTP/1.1 response may have; more is an error. Default: 100.
    ///
    /// Any other number makes hyper allocate room for that many headers per response.
    pub fn http1_max_headers(self, headers: usize) => self.max_headers = Some(headers);

    /// The HTTP/2 flow-control window of a stream, in bytes: what a connection holds of a response that
    /// is not read. Default: 128 KiB, which is 1.25 MiB a second with a round trip of 100 ms. If only
    /// the [connection's](Self::http2_connection_window) is set, it is that one's share of a stream, at
    /// least 16 KiB and at most 128 KiB.
    pub fn http2_stream_window(self, bytes: u32) => self.windows.stream = Some(bytes);

    /// The HTTP/2 flow-control window of a connection, in bytes: what it holds of all responses that
    /// are not read. Default: the window of a stream for each of
    /// [`streams_per_connection`](Self::streams_per_connection), which is 11.25 MiB.
    ///
    /// With a smaller one, responses that nobody reads stall the others on their connection.
    pub fn http2_connection_window(self, bytes: u32) => self.windows.connection = Some(bytes);

    /// How often an HTTP/2 connection is pinged, even if idle. Default: 20 s.
    pub fn http2_keepalive_interval(self, interval: Option<Duration>) =>
        self.keepalive_interval = interval;

    /// How long to wait for a ping's answer before the connection is closed. Default: 10 s.
    pub fn http2_keepalive_timeout(self, timeout: Duration) =>
        self.keepalive_timeout = timeout;

    /// Speaks HTTP/1.1 only, whatever an upstream offers.
    pub fn http1_only(self) => self.versions = Versions::Http1;

    /// Speaks HTTP/2 only, without negotiation, even over plain TCP.
    pub fn http2_prior_knowledge(self) => self.versions = Versions::Http2;

    /// Also trusts the certificate authorities in `pem`.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))]
    pub fn extra_roots_pem(self, pem: impl Into<Vec<u8>>) => self.tls.extra_roots.push(pem.into());

    /// Presents a client certificate to upstreams: chain and private key in one PEM text.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))]
    pub fn identity_pem(self, pem: impl Into<Vec<u8>>) => self.tls.identity = Some(pem.into());

    /// Presents a client certificate to one server only: chain and private key in one PEM text.
    /// `server` is a host, a host and port, or the base URL of a provider; the port defaults to
    /// 443. No other server gets this certificate, and this server does not get the one from
    /// [`identity_pem`](Self::identity_pem).
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))]
    pub fn identity_pem_for(self, server: impl Into<String>, pem: impl Into<Vec<u8>>) =>
        self.tls.identities.push((server.into(), pem.into()));

    /// Uses the proxies from the environment, read now: `HTTPS_PROXY`, `HTTP_PROXY` and
    /// `ALL_PROXY`, unless `NO_PROXY` lists the host; in upper or lower case. Default: the
    /// environment is ignored.
    ///
    /// A proxy URL has the scheme `http`, `https`, `socks5` or `socks5h`, may have a user and
    /// password, and should have a port. https goes through a tunnel (CONNECT or SOCKS 5), so the
    /// proxy sees only host and port. Plain http is sent to an HTTP proxy as it is. The connect
    /// timeout includes the proxy's handshake.
    #[cfg(feature = "proxy")]
    #[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
    pub fn proxy_from_env(self) => {
        self.proxy = ProxyOptions::from_env(|name| {
            // Keep a value that is not UTF-8: it is a bad proxy URL, and must not count as no
            // proxy.
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        });
    };

    /// Uses this proxy for all hosts except those of [`no_proxy`](Self::no_proxy), and ignores the
    /// environment. Default: none.
    #[cfg(feature = "proxy")]
    #[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
    pub fn proxy(self, url: impl Into<String>) => self.proxy = ProxyOptions::all(url.into());

    /// Hosts, domains, addresses and networks to reach without the proxy, separated by commas as in
    /// `NO_PROXY`. Call it after setting the proxy.
    #[cfg(feature = "proxy")]
    #[cfg_attr(docsrs, doc(cfg(feature = "proxy")))]
    pub fn no_proxy(self, hosts: impl Into<String>) => self.proxy = self.proxy.except(hosts.into());
}}

impl HttpClientBuilder {
    /// Presents each of these certificates to its servers, as
    /// [`identity_pem_for`](Self::identity_pem_for) does.
    #[cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
    #[cfg_attr(
        docsrs,
        doc(cfg(all(feature = "config", any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))
    )]
    pub fn client_certificates(self, certificates: &ClientCertificates) -> Self {
        certificates
            .iter()
            .fold(self, |builder, (server, pem)| builder.identity_pem_for(server, pem))
    }

    /// Connects with `connector` instead of TCP: over a Unix socket, in memory, or with your own
    /// resolver. It is called with the scheme and authority of an origin. The client still does TLS
    /// for https, pools the connections and applies all timeouts.
    ///
    /// ```
    /// use http::Uri;
    /// use hyper_util::rt::TokioIo;
    /// use tokio::net::UnixStream;
    /// use tower::service_fn;
    /// use tower_ai_gateway::HttpClient;
    ///
    /// let connector = service_fn(|_: Uri| async {
    ///     UnixStream::connect("/run/model.sock").await.map(TokioIo::new)
    /// });
    /// let builder = HttpClient::builder().connector(connector);
    /// # let _ = builder;
    /// ```
    pub fn connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        self.connector = Some(OwnConnector { dialer: Dialer::plain(connector), does_tls: false });
        self
    }

    /// Connects with a `connector` that does TLS for https itself and reports in
    /// [`Connection::connected`] whether HTTP/2 was negotiated. It must handle certificates and
    /// proxies itself: [`build`](Self::build) fails if the client is also given any.
    pub fn tls_connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Connection + Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        self.connector =
            Some(OwnConnector { dialer: Dialer::negotiating(connector), does_tls: true });
        self
    }
}

opaque_debug!(HttpClientBuilder { connect_timeout, limits, versions });
