//! One connection, from its first byte to its last.

use std::{
    future::{Future, pending},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpStream, time::sleep};
use tower_service::Service;

use super::{BoxError, Limits, tracked::Tracked};

/// What all connections share.
pub(super) struct Connections<S> {
    service: TowerToHyperService<S>,
    builder: Builder<TokioExecutor>,
    header_timeout: Duration,
}

impl<S> Connections<S> {
    pub(super) fn new(service: S, limits: &Limits) -> Self {
        Self {
            service: TowerToHyperService::new(service),
            builder: limits.builder(),
            header_timeout: limits.header_timeout,
        }
    }

    /// Serves one connection, whose peer's address comes along with every request. The watchers are taken before the future is first polled, so that none is forgotten.
    pub(super) fn converse<B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // Small writes are the rule in a stream of events: they must not wait for more.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }

        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let (asked, service) = (asked.clone(), self.service.clone());
            move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                asked.store(true, Ordering::Relaxed);
                service.call(request)
            }
        });
        let io = Tracked::new(TokioIo::new(stream), graceful.watcher());
        let connection = self.builder.serve_connection_with_upgrades(io, service).into_owned();
        let connection = graceful.watch(connection);
        let silence = silence(asked, self.header_timeout);

        async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error, "connection ended early");
                },
                () = silence => tracing::debug!("connection closed: no request in time"),
            }
        }
    }
}

/// Ready when the time is over and nothing has been asked.
///
/// hyper's own header timeout begins only once the protocol is known, which takes a byte of the client's.
async fn silence(asked: Arc<AtomicBool>, limit: Duration) {
    sleep(limit).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
