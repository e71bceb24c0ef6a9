//! One connection, from its first byte to its last.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
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
    server::{conn::auto::Builder, graceful::GracefulConnection},
    service::TowerToHyperService,
};
use pin_project_lite::pin_project;
use tokio::{
    net::TcpStream,
    sync::futures::OwnedNotified,
    time::{Instant, Sleep, sleep},
};
use tower_service::Service;

use super::{
    BoxError, Limits, activity::Activity, drain::Drain, tracked::Tracked,
    write_timeout::WriteTimeout,
};

/// The state that all connections share.
pub(super) struct Connections<S> {
    service: TowerToHyperService<S>,
    builder: Builder<TokioExecutor>,
    header_timeout: Duration,
    last_header_timeout: Duration,
    write_timeout: Duration,
}

impl<S> Connections<S> {
    pub(super) fn new(service: S, limits: &Limits) -> Self {
        Self {
            service: TowerToHyperService::new(service),
            builder: limits.builder(),
            header_timeout: limits.header_timeout,
            last_header_timeout: limits.last_header_timeout,
            write_timeout: limits.write_timeout,
        }
    }

    /// Serves one connection, and adds its peer's address to every request. It is part of the drain
    /// from this call on, so that none is missed.
    pub(super) fn converse<B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        drain: &Drain,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // An event stream makes small writes, which must not wait for more data.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }

        let activity = Activity::new(drain.exchanges());
        let service = service_fn({
            let (activity, service) = (activity.clone(), self.service.clone());
            move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                activity.open(service.call(request))
            }
        });
        let io = WriteTimeout::new(TokioIo::new(stream), self.write_timeout, activity.clone());
        let io = Tracked::new(io, drain.socket());
        let connection = self.builder.serve_connection_with_upgrades(io, service).into_owned();
        Conversation {
            connection,
            stopping: drain.stopping(),
            is_ending: false,
            activity,
            patience: self.header_timeout,
            last_patience: self.last_header_timeout,
            silence: Box::pin(sleep(self.header_timeout)),
        }
    }
}

pin_project! {
    /// A connection up to its end: when it is told to stop, or if its client sends no request in time.
    ///
    /// A named future, because an async block would hold the connection twice: as its argument, and as
    /// it is polled.
    struct Conversation<C> {
        #[pin]
        connection: C,
        #[pin]
        stopping: OwnedNotified,
        // It ends as soon as no exchange is open.
        is_ending: bool,
        activity: Arc<Activity>,
        patience: Duration,
        // That of a connection which must end.
        last_patience: Duration,
        // Reset only when it fires, and once the connection must end. hyper's own header timeout starts once the protocol is known, which
        // takes a byte from the client, and HTTP/2 has none.
        silence: Pin<Box<Sleep>>,
    }
}

impl<C: GracefulConnection<Error = BoxError>> Future for Conversation<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.is_ending && this.stopping.poll(cx).is_ready() {
            *this.is_ending = true;
            this.connection.as_mut().graceful_shutdown();
            *this.patience = (*this.patience).min(*this.last_patience);
            this.silence.as_mut().reset(Instant::now() + *this.patience);
        }
        loop {
            if let Poll::Ready(ended) = this.connection.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended early");
                }
                return Poll::Ready(());
            }
            if this.silence.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let idle_since = this.activity.idle_since();
            let is_over = idle_since.is_some_and(|since| now >= since + *this.patience);
            if is_over && (*this.is_ending || !this.activity.has_asked()) {
                tracing::debug!("connection closed: no request in time");
                return Poll::Ready(());
            }
            if is_over {
                // Over HTTP/2 a request may be on its way: its client learns that it was not processed.
                *this.is_ending = true;
                this.connection.as_mut().graceful_shutdown();
            }
            let since = idle_since.filter(|_| !is_over).unwrap_or(now);
            this.silence.as_mut().reset(since + *this.patience);
        }
    }
}
