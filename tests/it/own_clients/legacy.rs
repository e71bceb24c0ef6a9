//! hyper-util's client without changes.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::util::{BoxCloneSyncService, MapErr};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::RequestBody;
use tower_ai_gateway::hook::Failure;

use crate::own_clients::breaks::{Break, around, beside, controlled, layer};
use crate::own_clients::{Upload, full};
use crate::support::scripted::events::Events;

const BREAKS: [Break; 8] = [
    Break::Refused,
    Break::Nowhere,
    Break::Closed,
    Break::Reset,
    Break::OtherProtocol,
    Break::ClosedLater,
    Break::ResetLater,
    Break::Upload,
];

fn client<B>() -> Client<HttpConnector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}

#[tokio::test]
async fn errors_are_classified_around_the_client() {
    around(client(), &BREAKS).await;
}

#[tokio::test]
async fn errors_are_classified_beside_an_app() {
    beside(client(), &BREAKS).await;
}

#[tokio::test]
async fn errors_are_classified_under_the_control_layers() {
    controlled(client(), &BREAKS).await;
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod tls {
    use std::sync::Arc;

    use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::rustls::crypto::aws_lc_rs;

    use super::*;

    /// Like [`Client`], with a timeout for connecting.
    type Secure<B> = Client<BoxCloneSyncService<http::Uri, Stream, BoxError>, B>;
    type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

    fn secure<B>(connect_timeout: Duration) -> Secure<B>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        let connector = connector.https_or_http().enable_http1().build();
        let connector = ServiceBuilder::new().timeout(connect_timeout).service(connector);
        Client::builder(TokioExecutor::new()).build(BoxCloneSyncService::new(connector))
    }

    #[tokio::test]
    async fn a_failed_or_slow_handshake_is_a_connect_failure() {
        let long = || secure(Duration::from_secs(60));
        around(long(), &[Break::Distrusted]).await;
        beside(long(), &[Break::Distrusted]).await;
        controlled(secure(Duration::from_secs(60)), &[Break::Distrusted]).await;
        let short = Duration::from_millis(50);
        around(secure(short), &[Break::SilentTls]).await;
        beside(secure(short), &[Break::SilentTls]).await;
        controlled(secure(short), &[Break::SilentTls]).await;
    }
}

#[tokio::test]
async fn a_connector_timeout_is_a_connect_timeout() {
    let connector = service_fn(async |_: http::Uri| {
        Err::<TokioIo<TcpStream>, _>(io::Error::from(io::ErrorKind::TimedOut))
    });
    let client = Client::builder(TokioExecutor::new()).build(BoxCloneSyncService::new(connector));
    let events = Events::default();
    let gateway = layer("http://127.0.0.1:1/v1".to_owned(), &events)
        .build()
        .unwrap()
        .client_layer()
        .layer(client);
    let request =
        http::Request::post("/ai/grok/v1/x").body(crate::own_clients::full("{}")).unwrap();
    gateway.oneshot(request).await.unwrap_err();
    assert_eq!(events.end().failure, Some(Failure::ConnectTimeout));
}

/// A host's conversion of its client's errors.
#[derive(Debug)]
struct Own<E>(E);

impl<E> std::fmt::Display for Own<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("own")
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Own<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_custom_error_is_classified_by_its_source() {
    let breaks = [Break::Refused, Break::Reset, Break::OtherProtocol];
    beside(MapErr::new(client(), Own), &breaks).await;
    controlled(MapErr::new(client(), Own), &breaks).await;
    // Around a client it is boxed, because the gateway cannot inspect the host's own type.
    let boxed = MapErr::new(MapErr::new(client(), Own), BoxError::from);
    around(boxed, &breaks).await;
}

#[tokio::test]
async fn a_custom_error_is_classified_by_its_io_error_if_it_is_boxed_around_a_client() {
    for (kind, failure) in [
        (io::ErrorKind::ConnectionRefused, Failure::Connect),
        (io::ErrorKind::ConnectionReset, Failure::Reset),
        (io::ErrorKind::TimedOut, Failure::HeadTimeout),
    ] {
        let client = service_fn(move |_: http::Request<RequestBody<Upload>>| async move {
            Err::<http::Response<Full<Bytes>>, _>(Own(io::Error::from(kind)))
        });
        let request = || http::Request::post("/ai/grok/v1/x").body(full("{}")).unwrap();
        let gateway = |events| layer("http://provider.test/v1".to_owned(), events).build().unwrap();

        let events = Events::default();
        let beside = gateway(&events).upstream(client).layer(axum::Router::new());
        beside.oneshot(request()).await.unwrap();
        assert_eq!(events.end().failure, Some(failure), "beside an app");

        let events = Events::default();
        let around = gateway(&events).around(MapErr::new(client, BoxError::from));
        let error = around.oneshot(request()).await.unwrap_err();
        assert!(error.is::<Own<io::Error>>(), "the client's error is handed on");
        assert_eq!(events.end().failure, Some(failure), "around the client");
    }
}
