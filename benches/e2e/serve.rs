//! The server of the upstream and of the proxies.

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpSocket;
use tokio_rustls::TlsAcceptor;

use crate::BoxError;

/// The length of the accept queue. With a shorter one, some of 1,000 simultaneous connections are
/// reset.
const WAITING: u32 = 4096;

/// Serves, with TLS if there is an acceptor. Each connection gets a clone of the service and of
/// `builder`.
pub(crate) async fn serve<S, B>(
    port: u16,
    tls: Option<TlsAcceptor>,
    builder: Builder<TokioExecutor>,
    service: S,
) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(WAITING)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Fails only if the client has disconnected.
        let _ = stream.set_nodelay(true);
        let (builder, service, tls) = (builder.clone(), service.clone(), tls.clone());
        tokio::spawn(async move {
            // A client that disconnects is not an error.
            let _ = match tls {
                None => builder.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => {
                    let stream = TokioIo::new(tls.accept(stream).await?);
                    builder.serve_connection(stream, service).await
                }
            };
            Ok::<_, std::io::Error>(())
        });
    }
}
