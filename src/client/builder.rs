//! The options of [`HttpClient`] and their defaults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use tower::BoxError;

use super::HttpClient;
use super::connect::Connector;
use super::error::ClientError;
use super::http1::LINGER;
use super::http2::UNTOLD_STREAMS;
use super::in_flight::Exchanges;
use super::pool::{Limits, Pool};
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use super::tls::{self, TlsOptions};

const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;

/// Which versions of HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Negotiated,
    Http1,
    Http2,
}

/// How connections over HTTP/2 are set up.
#[derive(Clone, Copy)]
pub(super) struct Http2Options {
    stream_window: u32,
    connection_window: u32,
    keepalive_interval: Option<Duration>,
    keepalive_timeout: Duration,
}

impl Http2Options {
    /// For one connection, which has an executor of its own.
    pub(super) fn builder(self, exchanges: Exchanges) -> http2::Builder<Exchanges> {
        let mut builder = http2::Builder::new(exchanges);
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_max_send_streams(UNTOLD_STREAMS);
        builder
    }
}

/// Configures an [`HttpClient`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HttpClientBuilder {
    connect_timeout: Duration,
    tcp_keepalive: Option<Duration>,
    limits: Limits,
    /// hyper's, where none is set: for that many it need not allocate.
    max_headers: Option<usize>,
    http2: Http2Options,
    versions: Versions,
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    tls: TlsOptions,
}

impl Default for HttpClientBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: Some(Duration::from_secs(60)),
            limits: Limits {
                // Below the 60 s after which many servers close, so that it is we who close first.
                idle_timeout: Duration::from_secs(55),
                linger: LINGER,
                max_idle_per_origin: usize::MAX,
                connections_per_origin: 4,
                streams_per_connection: 90,
            },
            max_headers: None,
            http2: Http2Options {
                stream_window: 1 << 20,
                connection_window: 16 << 20,
                keepalive_interval: Some(Duration::from_secs(20)),
                keepalive_timeout: Duration::from_secs(10),
            },
            versions: Versions::Negotiated,
            #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
            tls: TlsOptions::default(),
        }
    }
}

impl HttpClientBuilder {
    /// The time for name resolution, TCP and TLS together. Default: 10 s; a
    /// [`ConnectTimeout`](crate::ConnectTimeout) can shorten the wait of one request.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// When the operating system probes a silent connection. Default: after 60 s.
    pub fn tcp_keepalive(mut self, after: Option<Duration>) -> Self {
        self.tcp_keepalive = after;
        self
    }

    /// How long an unused connection is kept. Default: 55 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// How long a request body is still sent when its response is over: has ended, failed or been
    /// dropped. Then the rest of the body is not read any more. Default: 10 s.
    ///
    /// Over HTTP/1.1 this is the time for all of the rest. An upstream that answers early and does
    /// not read the rest in that time loses its connection.
    ///
    /// Over HTTP/2, where nobody waits for the connection meanwhile, the time begins anew with each
    /// part of the body that the upstream has made room for. If it passes, the stream is reset;
    /// the connection and the other exchanges on it go on.
    pub fn upload_linger(mut self, time: Duration) -> Self {
        self.limits.linger = time;
        self
    }

    /// How many unused connections are kept per origin. Default: no limit.
    pub fn max_idle_per_origin(mut self, connections: usize) -> Self {
        self.limits.max_idle_per_origin = connections;
        self
    }

    /// How many HTTP/2 connections an origin may get. Default: 4; at least 1.
    ///
    /// A second one is opened when as many exchanges are in flight on the first as it may carry, and
    /// so on; when all are full they fill evenly, and what exceeds the peer's limit waits until a
    /// stream ends. A peer that allows one stream at a time gets a connection for each exchange, up
    /// to this number.
    pub fn connections_per_origin(mut self, connections: usize) -> Self {
        self.limits.connections_per_origin = connections.max(1);
        self
    }

    /// How many exchanges share a connection before the next is opened, where the peer does not
    /// allow less. Default: 90; at least 1.
    ///
    /// An exchange is in flight until its response body has ended and its request body is sent. Most servers allow 100 streams.
    pub fn streams_per_connection(mut self, streams: usize) -> Self {
        self.limits.streams_per_connection = streams.max(1);
        self
    }

    /// How many headers a response over HTTP/1.1 may have; one with more fails. Default: 100.
    ///
    /// With any other number, room for so many is allocated for each response.
    pub fn http1_max_headers(mut self, headers: usize) -> Self {
        self.max_headers = Some(headers);
        self
    }

    /// The HTTP/2 window of a stream, in bytes. Default: 1 MiB.
    pub fn http2_stream_window(mut self, bytes: u32) -> Self {
        self.http2.stream_window = bytes;
        self
    }

    /// The HTTP/2 window of a connection, in bytes. Default: 16 MiB.
    ///
    /// A large multiple of the stream window, lest one slow reader stall its neighbours.
    pub fn http2_connection_window(mut self, bytes: u32) -> Self {
        self.http2.connection_window = bytes;
        self
    }

    /// How often an HTTP/2 connection is pinged, idle ones too. Default: every 20 s.
    pub fn http2_keepalive_interval(mut self, interval: Option<Duration>) -> Self {
        self.http2.keepalive_interval = interval;
        self
    }

    /// How long a ping may go unanswered before the connection is given up. Default: 10 s.
    pub fn http2_keepalive_timeout(mut self, timeout: Duration) -> Self {
        self.http2.keepalive_timeout = timeout;
        self
    }

    /// HTTP/1.1 alone, whatever an upstream offers.
    pub fn http1_only(mut self) -> Self {
        self.versions = Versions::Http1;
        self
    }

    /// HTTP/2 alone, without asking: over plain TCP too.
    pub fn http2_prior_knowledge(mut self) -> Self {
        self.versions = Versions::Http2;
        self
    }

    /// Trusts the certificate authorities in `pem` too.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))]
    pub fn extra_roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.extra_roots.push(pem.into());
        self
    }

    /// Shows upstreams a client certificate: its chain and its private key, in one PEM text.
    #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))))]
    pub fn identity_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.identity = Some(pem.into());
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// Where a PEM text is malformed or TLS cannot be set up.
    pub fn build<B>(self) -> Result<HttpClient<B>, ClientError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(self.tcp_keepalive);
        #[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
        let transport = {
            tcp.enforce_http(false);
            tls::connector(tcp, &self.tls, self.versions)?
        };
        #[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
        let transport = tcp;
        let mut http1 = http1::Builder::new();
        if let Some(most) = self.max_headers {
            http1.max_headers(most);
        }
        let connector = Connector { transport, versions: self.versions, http1, http2: self.http2 };
        let pool = Arc::new(Pool::new(connector, self.limits));
        Ok(HttpClient { pool, connect_timeout: self.connect_timeout })
    }
}

impl fmt::Debug for HttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClientBuilder")
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}
