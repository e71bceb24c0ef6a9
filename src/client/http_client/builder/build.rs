//! Builds a client from its options: the transport, by connector, proxy and TLS.

use std::sync::Arc;

use bytes::Bytes;
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
use http::Uri;
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
#[cfg(feature = "proxy")]
use hyper_util::client::proxy::matcher::Matcher;
use tower::BoxError;

use super::HttpClientBuilder;
use crate::client::connect::{Connector, Transport, Usual};
use crate::client::dial::Dialer;
use crate::client::error::{Cause, ClientError};
use crate::client::http_client::HttpClient;
use crate::client::options::Http2Options;
#[cfg(all(feature = "proxy", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
use crate::client::options::Versions;
use crate::client::pool::Pool;
#[cfg(feature = "proxy")]
use crate::client::proxy::Proxied;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
use crate::client::tls;

impl HttpClientBuilder {
    /// Builds the client.
    ///
    /// # Errors
    ///
    /// If a PEM text is malformed, TLS cannot be set up, a proxy URL is invalid, or certificates or
    /// a proxy are combined with a connector that does its own TLS.
    pub fn build<B>(self) -> Result<HttpClient<B>, ClientError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        #[cfg(feature = "proxy")]
        let proxies = self.proxy.rules()?;
        let transport = self.transport(
            #[cfg(feature = "proxy")]
            proxies.as_ref(),
        )?;
        let mut http1 = http1::Builder::new();
        if let Some(most) = self.max_headers {
            http1.max_headers(most);
        }
        let connector = Connector {
            transport,
            versions: self.versions,
            http1,
            http2: Http2Options {
                windows: self.windows.of_streams(self.limits.streams_per_connection),
                keepalive_interval: self.keepalive_interval,
                keepalive_timeout: self.keepalive_timeout,
            },
            #[cfg(feature = "proxy")]
            proxies,
        };
        let pool = Arc::new(Pool::new(connector, self.limits));
        Ok(HttpClient { pool, connect_timeout: self.connect_timeout })
    }

    /// The default connector, unless the host has set another.
    fn transport(
        &self,
        #[cfg(feature = "proxy")] proxies: Option<&Arc<Matcher>>,
    ) -> Result<Transport, ClientError> {
        #[cfg(feature = "proxy")]
        let has_proxy = proxies.is_some();
        #[cfg(not(feature = "proxy"))]
        let has_proxy = false;
        let direct = match &self.connector {
            Some(own) if own.does_tls && (has_proxy || self.has_certificates()) => {
                return Err(Cause::Connector.into());
            }
            Some(own) if own.does_tls => return Ok(Transport::Own(own.dialer.clone())),
            Some(own) => own.dialer.clone(),
            None if has_proxy || self.has_identities() => {
                let mut tcp = self.tcp();
                tcp.enforce_http(false);
                Dialer::plain(tcp)
            }
            None => return self.usual().map(Transport::Usual),
        };
        #[cfg(feature = "proxy")]
        let direct = match proxies {
            None => direct,
            Some(rules) => Dialer::new(Proxied {
                rules: rules.clone(),
                secure: self.to_secure_proxy(&direct)?,
                direct,
                versions: self.versions,
            }),
        };
        self.secured(&direct).map(Transport::Own)
    }

    fn tcp(&self) -> HttpConnector {
        self.tcp_by(GaiResolver::new())
    }

    fn tcp_by<R>(&self, resolver: R) -> HttpConnector<R> {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.set_nodelay(true);
        tcp.set_keepalive(self.tcp_keepalive);
        // The timeout is divided among the addresses of a name: a dead one leaves time for the next.
        tcp.set_connect_timeout(Some(self.connect_timeout));
        tcp
    }
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
impl HttpClientBuilder {
    fn has_certificates(&self) -> bool {
        !self.tls.is_default()
    }

    fn has_identities(&self) -> bool {
        !self.tls.identities.is_empty()
    }

    fn usual(&self) -> Result<Usual, ClientError> {
        let mut tcp = self.tcp();
        tcp.enforce_http(false);
        tls::connector(tcp, &self.tls, self.versions)
    }

    fn secured(&self, direct: &Dialer) -> Result<Dialer, ClientError> {
        tls::dialer(direct, &self.tls, self.versions)
    }

    /// A proxy gets no client certificate, and is spoken to in HTTP/1.1.
    #[cfg(feature = "proxy")]
    fn to_secure_proxy(&self, direct: &Dialer) -> Result<Dialer, ClientError> {
        tls::dialer(direct, &self.tls.anonymous(), Versions::Http1)
    }
}

#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
impl HttpClientBuilder {
    fn has_certificates(&self) -> bool {
        false
    }

    fn has_identities(&self) -> bool {
        false
    }

    fn usual(&self) -> Result<Usual, ClientError> {
        Ok(self.tcp())
    }

    fn secured(&self, direct: &Dialer) -> Result<Dialer, ClientError> {
        Ok(Dialer::new(WithoutTls(direct.clone())))
    }

    #[cfg(feature = "proxy")]
    fn to_secure_proxy(&self, direct: &Dialer) -> Result<Dialer, ClientError> {
        Ok(Dialer::new(WithoutTls(direct.clone())))
    }
}

/// Refuses https instead of sending it in the clear.
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
struct WithoutTls(Dialer);

#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
impl crate::client::dial::Dial for WithoutTls {
    fn dial(&self, uri: Uri) -> crate::client::dial::Dialing {
        if uri.scheme() == Some(&http::uri::Scheme::HTTPS) {
            let error = std::io::Error::other("https needs a feature for TLS");
            return Box::pin(std::future::ready(Err(error.into())));
        }
        self.0.dial(uri)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use http::Uri;
    use tokio::net::TcpSocket;
    use tower::{ServiceExt, service_fn};

    use super::*;

    /// A listener with a full queue: nobody can connect to it.
    fn dead() -> (tokio::net::TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&addr, Duration::from_millis(100)).ok();
        let queued = std::iter::from_fn(connect).collect();
        (listener, queued)
    }

    #[tokio::test]
    async fn a_dead_address_leaves_time_for_the_next() {
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let (dead, _queued) = dead();
        let addrs = [dead.local_addr().unwrap(), live.local_addr().unwrap()];
        let resolver = service_fn(move |_| ready(Ok::<_, Infallible>(addrs.into_iter())));
        let timeout = Duration::from_secs(2);
        let tcp = HttpClientBuilder::default().connect_timeout(timeout).tcp_by(resolver);
        let uri = Uri::from_static("http://two-addresses.test/");
        let connected = tokio::time::timeout(timeout, tcp.oneshot(uri)).await;
        let stream = connected.expect("the first address had all the time").unwrap();
        assert_eq!(stream.inner().peer_addr().unwrap(), addrs[1]);
    }
}
