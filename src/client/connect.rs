//! Makes connections: name resolution, TCP, TLS and the HTTP/2 preface.

use std::future::poll_fn;
use std::sync::Arc;

use http::Uri;
#[cfg(feature = "proxy")]
use http::uri::{Authority, Scheme};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
#[cfg(feature = "proxy")]
use hyper_util::client::proxy::matcher::Matcher;
use tokio::sync::Notify;
use tower::BoxError;
use tower_service::Service;

use super::dial::Dialer;
use super::http2::Http2;
use super::in_flight::Exchanges;
use super::options::{Http2Options, Versions};
use super::pool::{Connection, Http1, Lead, Origin};
#[cfg(feature = "proxy")]
use super::proxy::{self, Forwarding};
use super::signal::Signal;
use super::watched::Watched;
use crate::client::tracked_body::SendBody;

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
pub(super) type Usual = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
pub(super) type Usual = HttpConnector;

/// How connections are made.
pub(super) enum Transport {
    /// TCP, or TLS over it.
    Usual(Usual),
    /// A custom connector, a proxy, or certificates for some origins.
    Own(Dialer),
}

pub(super) struct Connector {
    pub(super) transport: Transport,
    pub(super) versions: Versions,
    pub(super) http1: http1::Builder,
    pub(super) http2: Http2Options,
    #[cfg(feature = "proxy")]
    pub(super) proxies: Option<Arc<Matcher>>,
}

impl Connector {
    /// How to send requests for this origin through a proxy, if a proxy forwards them.
    #[cfg(feature = "proxy")]
    pub(super) fn forwarding(&self, scheme: &Scheme, authority: &Authority) -> Option<Forwarding> {
        proxy::forwarding(self.proxies.as_deref()?, scheme, authority)
    }

    /// Connects to the origin with the HTTP version that both sides support. If that is HTTP/2, it
    /// takes `lead` and holds it until others can use the connection.
    pub(super) async fn connect<B: SendBody>(
        &self,
        origin: &Arc<Origin<B>>,
        reaper: &Arc<Notify>,
        lead: &mut Option<Lead<B>>,
    ) -> Result<Connection<B>, BoxError> {
        let mut uri = Uri::default();
        origin.absolute_form(&mut uri);
        match &self.transport {
            Transport::Usual(connector) => {
                let mut connector = connector.clone();
                poll_fn(|cx| Service::<Uri>::poll_ready(&mut connector, cx)).await?;
                let stream = connector.call(uri).await?;
                self.begin(stream, origin, reaper, lead).await
            }
            Transport::Own(dialer) => {
                let stream = dialer.dial(uri).await?;
                self.begin(stream, origin, reaper, lead).await
            }
        }
    }

    /// Starts HTTP on a connected stream.
    async fn begin<B, T>(
        &self,
        stream: T,
        origin: &Arc<Origin<B>>,
        reaper: &Arc<Notify>,
        lead: &mut Option<Lead<B>>,
    ) -> Result<Connection<B>, BoxError>
    where
        B: SendBody,
        T: Read + Write + hyper_util::client::legacy::connect::Connection + Send + Unpin + 'static,
    {
        if self.versions == Versions::Http2 || stream.connected().is_negotiated_h2() {
            // Boxed, to keep it out of the size of the future for HTTP/1.1.
            return Box::pin(self.begin_http2(stream, origin, lead)).await;
        }
        let (sender, connection) = self.http1.handshake(stream).await?;
        origin.speaks_http1();
        let signal = Signal::new(reaper.clone());
        let connection = Http1::new(sender, Box::pin(connection), signal, Arc::downgrade(origin));
        Ok(Connection::Http1(connection))
    }

    async fn begin_http2<B, T>(
        &self,
        stream: T,
        origin: &Arc<Origin<B>>,
        lead: &mut Option<Lead<B>>,
    ) -> Result<Connection<B>, BoxError>
    where
        B: SendBody,
        T: Read + Write + Send + Unpin + 'static,
    {
        let (stream, reads) = Watched::new(stream);
        let exchanges = Exchanges::new(origin.linger());
        let (sender, connection) = self.http2.builder(exchanges.clone()).handshake(stream).await?;
        let connection = Http2::start(sender, connection, exchanges);
        let settings = connection.settings_arrived(reads);
        let stream = origin.share(connection);
        if let Some(lead) = lead.take() {
            tokio::spawn(async move {
                settings.await;
                drop(lead);
            });
        }
        Ok(Connection::Http2(stream))
    }
}
