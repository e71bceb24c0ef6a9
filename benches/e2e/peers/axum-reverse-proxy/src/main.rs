//! `axum-reverse-proxy-peer PORT UPSTREAM_PORT`: the unchanged crate, served by axum.

use axum::Router;
use axum::serve::ListenerExt as _;
use axum_reverse_proxy::ReverseProxy;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut ports = std::env::args().skip(1).map(|port| port.parse::<u16>());
    let (Some(port), Some(upstream)) = (ports.next(), ports.next()) else {
        return Err("two ports are needed".into());
    };
    let router: Router = ReverseProxy::new("/", format!("http://127.0.0.1:{}", upstream?)).into();
    let listener = TcpListener::bind(("127.0.0.1", port?)).await?;
    axum::serve(
        listener.tap_io(|stream| {
            // Small writes must not wait for more data. Ignore a failure: then they only wait.
            let _ = stream.set_nodelay(true);
        }),
        router,
    )
    .await?;
    Ok(())
}
