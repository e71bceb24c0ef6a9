//! Serving at a port, as the upstream and the proxies in here all do it.

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

use crate::BoxError;

/// Gives each connection a clone of the service, and of `builder`.
pub(crate) async fn serve<S, B>(
    port: u16,
    builder: Builder<TokioExecutor>,
    service: S,
) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Fails only where the client is gone already.
        let _ = stream.set_nodelay(true);
        let (builder, service) = (builder.clone(), service.clone());
        tokio::spawn(async move {
            // A client that leaves is none of our errors.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
