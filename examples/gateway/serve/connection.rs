//! One connection, from its first byte to its last.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
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
use pin_project_lite::pin_project;
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};
use tower_service::Service;

use super::{BoxError, Limits, tracked::Tracked, write_timeout::WriteTimeout};

/// What all connections share.
pub(super) struct Connections<S> {
    service: TowerToHyperService<S>,
    builder: Builder<TokioExecutor>,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl<S> Connections<S> {
    pub(super) fn new(service: S, limits: &Limits) -> Self {
        Self {
            service: TowerToHyperService::new(service),
            builder: limits.builder(),
            header_timeout: limits.header_timeout,
            write_timeout: limits.write_timeout,
        }
    }

    /// Serves one connection, whose peer's address comes along with every request. The watchers are
    /// taken before the future is first polled, so that none is forgotten.
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
        let io = WriteTimeout::new(TokioIo::new(stream), self.write_timeout);
        let io = Tracked::new(io, graceful.watcher());
        let connection = self.builder.serve_connection_with_upgrades(io, service).into_owned();
        let connection = graceful.watch(connection);
        let silence = Some(Box::pin(sleep(self.header_timeout)));
        Conversation { connection, asked, silence }
    }
}

pin_project! {
    /// A connection until its end, or until its client has asked nothing in time.
    ///
    /// It has a name, for an async block would hold the connection twice: as it was given to it, and
    /// as it is polled.
    struct Conversation<C> {
        #[pin]
        connection: C,
        asked: Arc<AtomicBool>,
        // Gone once something has been asked. hyper's own header timeout begins only when the
        // protocol is known, which takes a byte of the client's.
        silence: Option<Pin<Box<Sleep>>>,
    }
}

impl<C> Future for Conversation<C>
where
    C: Future<Output = Result<(), BoxError>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Poll::Ready(ended) = this.connection.poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(error, "connection ended early");
            }
            return Poll::Ready(());
        }
        if this.asked.load(Ordering::Relaxed) {
            *this.silence = None;
        }
        let is_over = |silence: &mut Pin<Box<Sleep>>| silence.as_mut().poll(cx).is_ready();
        if !this.silence.as_mut().is_some_and(is_over) {
            return Poll::Pending;
        }
        tracing::debug!("connection closed: no request in time");
        Poll::Ready(())
    }
}
