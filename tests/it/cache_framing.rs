//! Cached responses over sockets, when the provider declares an invalid length.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinHandle;
use tower::Layer;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};

use crate::support::gateway::Gateway;
use crate::support::message::{Message, chunk, request};
use crate::support::noise;
use crate::support::polling::eventually;
use crate::support::raw_upstream::RawUpstream;
use crate::support::wire::Wire;

const ASK: &str = "POST /v1/acct/gw/grok/v1/images/generations";

#[tokio::test]
async fn a_response_with_two_lengths_is_complete_for_every_reader() {
    let body = noise(380);
    for framing in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\nTransfer-Encoding: Chunked\r\ncontent-length: 4",
    ] {
        let Scene { upstream, gateway, mut wire, first, follower } = Scene::new().await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n{framing}\r\n\r\n");
        // The first chunk is as long as the length that does not count.
        wire.send([head.as_bytes(), &chunk(&body[..4])].concat()).await;
        wire.send([chunk(&body[4..]), chunk(b"")].concat()).await;

        let is = |came: &Message, status: &str| {
            assert_eq!(came.head.get("cf-aig-cache-status"), Some(status), "{}", came.text());
            assert_eq!(came.body(), body, "{status}: {framing}");
            assert!(!came.head.has("content-length"), "{}", came.text());
        };
        is(&first.await.unwrap(), "MISS");
        is(&follower.await.unwrap(), "HIT");
        is(&ask(gateway).await, "HIT");
        assert_eq!(upstream.connections(), 1);
    }
}

#[tokio::test]
async fn a_response_in_another_transfer_coding_reaches_no_reader() {
    let Scene { mut upstream, mut wire, first, follower, .. } = Scene::new().await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: gzip\r\n\r\npng";
    wire.send(answer).await;
    drop(wire);
    first.await.unwrap().gateway_error(502, 2005);
    let mut wire = upstream.accept().await;
    wire.read_message().await;
    wire.send(answer).await;
    drop(wire);
    follower.await.unwrap().gateway_error(502, 2005);
}

/// Two clients with the same request. The provider has received the first's, which the second waits
/// for.
struct Scene {
    upstream: RawUpstream,
    gateway: Gateway,
    wire: Wire,
    first: JoinHandle<Message>,
    follower: JoinHandle<Message>,
}

impl Scene {
    async fn new() -> Self {
        let mut upstream = RawUpstream::start().await;
        let settings = GatewaySettings::builder()
            .cache(CacheSettings::new(Duration::from_secs(60)))
            .build()
            .unwrap();
        let layer = GatewayLayer::builder()
            .mount(Mount::hosted())
            .provider(Provider::xai().base_url(upstream.base("/v1")))
            .settings(Arc::new(settings))
            .build()
            .unwrap();
        let control = ControlLayer::new();
        let cache = control.cache_handle();
        let client = control.layer(HttpClient::new().unwrap());
        let gateway = Gateway::serve(layer.upstream(client).layer(Router::new())).await;
        let first = tokio::spawn(ask(gateway));
        let mut wire = upstream.accept().await;
        wire.read_message().await;
        let follower = tokio::spawn(ask(gateway));
        eventually("it follows", async || cache.stats().followers > 0).await;
        Self { upstream, gateway, wire, first, follower }
    }
}

async fn ask(gateway: Gateway) -> Message {
    gateway.answer(request(ASK, &["authorization: Bearer sk-one"], b"{}")).await
}
