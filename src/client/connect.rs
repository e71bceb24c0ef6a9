//! Making connections: name resolution, TCP, TLS, and what HTTP/2 begins with.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use http_body::Body;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use tokio::sync::Notify;
use tower::BoxError;
use tower_service::Service;

use super::builder::{Http2Options, Versions};
use super::http1::Http1;
use super::http2::Http2;
use super::in_flight::Exchanges;
use super::pool::{Connection, Lead, Origin};
use super::signal::Signal;
use super::watched::Watched;

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
type TransportConnector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
type TransportConnector = HttpConnector;

/// TCP, or TLS over it.
pub(super) type Transport = <TransportConnector as Service<Uri>>::Response;

pub(super) struct Connector {
    pub(super) transport: TransportConnector,
    pub(super) versions: Versions,
    pub(super) http1: http1::Builder,
    pub(super) http2: Http2Options,
}

impl Connector {
    /// A connection to the origin, of the version that both sides want. Over HTTP/2 it takes the
    /// lead, until others can use the connection.
    pub(super) async fn connect<B>(
        &self,
        origin: &Arc<Origin<B>>,
        keeper: &Arc<Notify>,
        lead: &mut Option<Lead<B>>,
    ) -> Result<Connection<B>, BoxError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let mut uri = Uri::default();
        origin.absolute_form(&mut uri);
        let mut transport = self.transport.clone();
        poll_fn(|cx| Service::<Uri>::poll_ready(&mut transport, cx)).await?;
        let stream = transport.call(uri).await?;
        if self.versions == Versions::Http2 || stream.connected().is_negotiated_h2() {
            let (stream, reads) = Watched::new(stream);
            let exchanges = Exchanges::new(origin.linger());
            let (sender, connection) =
                self.http2.builder(exchanges.clone()).handshake(stream).await?;
            let connection = Http2::start(sender, connection, exchanges);
            let told = connection.told(reads);
            let stream = origin.share(connection);
            if let Some(lead) = lead.take() {
                tokio::spawn(async move {
                    told.await;
                    drop(lead);
                });
            }
            return Ok(Connection::Http2(stream));
        }
        let (sender, connection) = self.http1.handshake(stream).await?;
        origin.speaks_http1();
        let signal = Signal::new(keeper.clone());
        let connection = Http1::new(sender, Box::pin(connection), signal, Arc::downgrade(origin));
        Ok(Connection::Http1(connection))
    }
}
