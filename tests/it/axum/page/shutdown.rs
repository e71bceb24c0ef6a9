use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves until `stop` says so, and then for as long as `grace` until all streams have ended.
async fn serve(
    listener: TcpListener,
    app: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) -> std::io::Result<()> {
    let mut stopped = stop.clone();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    let too_late = async {
        let _ = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        served = server => served,
        () = too_late => Ok(()), // what still streams is dropped with the runtime
    }
}

// ===== what the page says of this =====

use super::layer_to;
use crate::support::guard;
use crate::support::message::{STREAM_HEAD, chunk, request};
use crate::support::raw_upstream::RawUpstream;
use crate::support::wire::Wire;
use std::sync::{Arc, Mutex};
use tower_ai_gateway::context::LogId;
use tower_ai_gateway::{EndEvent, GatewayLayer, HttpClient, Outcome, Provider};

const LINE: &str = "POST /v1/acct/gw/grok/chat/completions";

/// A stream that has started, its two ends, and a server that is shutting down.
async fn stopping(grace: Duration) -> (Wire, Wire, tokio::task::JoinHandle<std::io::Result<()>>) {
    stopping_around(grace, layer_to).await
}

async fn stopping_around(
    grace: Duration,
    layer_to: impl FnOnce(String) -> GatewayLayer,
) -> (Wire, Wire, tokio::task::JoinHandle<std::io::Result<()>>) {
    let mut upstream = RawUpstream::start().await;
    let gateway = layer_to(upstream.base("/v1")).upstream(HttpClient::new().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve(listener, Router::new().layer(gateway), stopped, grace));
    let mut client = Wire::connect(addr).await;
    client.send(request(LINE, &[], b"{}")).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    provider.send(STREAM_HEAD).await;
    provider.send(chunk(b"data: {}\n\n")).await;
    client.read_head().await;
    stop.send(true).unwrap();
    (client, provider, server)
}

#[tokio::test]
async fn a_stream_ends_by_itself_before_the_server_does() {
    let (mut client, mut provider, server) = stopping(Duration::from_secs(600)).await;
    assert!(!server.is_finished());
    provider.send(chunk(b"data: [DONE]\n\n")).await;
    provider.send(chunk(b"")).await;
    let rest = client.read_to_end().await;
    assert!(String::from_utf8(rest).unwrap().contains("[DONE]"));
    guard("the end of the server", server).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_endless_stream_is_cut_off_after_the_grace_and_not_before() {
    let grace = Duration::from_secs(600);
    let (mut client, mut provider, server) = stopping(grace).await;
    provider.send(chunk(b"data: 2\n\n")).await;
    let mut came = Vec::new();
    while !came.ends_with(b"data: 2\n\n") {
        came.extend(client.read_bytes(1).await);
    }
    tokio::time::pause();
    tokio::time::sleep(grace - Duration::from_secs(1)).await;
    assert!(!server.is_finished());
    server.await.unwrap().unwrap();
}

#[test]
fn a_stream_cut_off_is_reported_once_as_cancelled() {
    let ends: Arc<Mutex<Vec<(LogId, Outcome)>>> = Arc::default();
    let reported = ends.clone();
    let observed = move |base: String| {
        let hook = move |end: &EndEvent<'_>| {
            reported.lock().unwrap().push((end.context.log_id(), end.outcome));
        };
        let provider = Provider::xai().base_url(base);
        GatewayLayer::builder().provider(provider).metrics_hook(hook).build().unwrap()
    };
    // The end of the host's runtime cuts the stream off, as at the end of `main`.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let open = runtime.block_on(async {
        let (client, provider, server) = stopping_around(Duration::ZERO, observed).await;
        guard("the end of the server", server).await.unwrap().unwrap();
        (client, provider)
    });
    assert!(ends.lock().unwrap().is_empty(), "it goes on until the runtime ends");
    drop(runtime);
    let ends = ends.lock().unwrap();
    assert!(matches!(ends[..], [(_, Outcome::Cancelled)]), "{ends:?}");
    drop(open);
}
