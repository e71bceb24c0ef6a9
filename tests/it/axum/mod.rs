//! The gateway in an axum app: the promises of its documentation, over sockets and in the log.

mod body_limits;
mod page;
mod warnings;

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

/// Serves an app like a host.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}
