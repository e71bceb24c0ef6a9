//! Serves HTTP/1.1 and HTTP/2 on one port, and stops without cutting off exchanges.

mod activity;
mod connection;
mod drain;
mod limits;
mod signals;
#[cfg(test)]
mod tests;
mod tracked;
mod write_timeout;

use std::{fmt, future::Future, io, net::SocketAddr, time::Duration};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower_service::Service;

pub(crate) use self::limits::Limits;
use self::{connection::Connections, drain::Drain, signals::Signals};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The default time for active exchanges once the server must stop.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// The time for what is cut off to end.
const CUT: Duration = Duration::from_secs(5);

/// The pause before the next accept if the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// Serves within the [`Limits`] of the environment until SIGTERM or Ctrl-C, then lets active exchanges
/// finish for at most `grace`.
///
/// A second signal ends at once.
pub(crate) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    grace: Duration,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let (mut first, mut second) = (Signals::listen()?, Signals::listen()?);
    let limits = Limits::of_environment(grace)?;
    let stop = async move { first.next().await };
    let cut = async move {
        second.next().await;
        second.next().await;
    };
    serve_until(listener, service, limits, stop, cut).await;
    Ok(())
}

/// Serves until `stop`, then drains until all exchanges have ended, the grace period is over, or `cut`.
pub(crate) async fn serve_until<S, B>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    stop: impl Future<Output = ()>,
    cut: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let drain = Drain::new();
    let connections = Connections::new(service, &limits);
    let mut tasks = JoinSet::new();
    tokio::pin!(stop, cut);

    loop {
        let is_full = tasks.len() >= limits.connections;
        tokio::select! {
            () = &mut stop => break,
            (stream, peer) = accept(&listener), if !is_full => {
                tasks.spawn(connections.converse(stream, peer, &drain));
                if tasks.len() == limits.connections {
                    tracing::warn!(limits.connections, "no more connections until one ends");
                }
            }
            Some(_) = tasks.join_next(), if is_full => {}
        }
        // Remove ended tasks, or the set would only grow.
        while tasks.try_join_next().is_some() {}
    }

    drop(listener);
    tracing::info!(grace = ?limits.grace, "stopping: running exchanges may finish");
    tokio::select! {
        () = drain.stop() => tracing::info!("stopped"),
        () = sleep(limits.grace) => tracing::warn!("stopped: the grace period is over"),
        () = &mut cut => tracing::warn!("stopped at once"),
    }
    // After this, no exchange is active, and each has reported its end to its hooks.
    tasks.shutdown().await;
    if timeout(CUT, drain.ended()).await.is_err() {
        tracing::warn!("exchanges go on that were cut off");
    }
}

/// Accepts the next connection. A failed accept does not stop the server.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer gave up while it waited in the queue.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::Interrupted
                ) => {}
            // Out of file descriptors or memory: trying again at once would spin.
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: ", self.address)?;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => f.write_str("the port is taken by another program"),
            io::ErrorKind::AddrNotAvailable => f.write_str("this machine has no such address"),
            io::ErrorKind::PermissionDenied => f.write_str("this user may not use that port"),
            _ => self.source.fmt(f),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
