//! Retries over real connections.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::{Channel, Sender};
use tokio::task::JoinHandle;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt};
use tower_ai_gateway::client::ClientBody;
use tower_ai_gateway::control::{ClassifiedBody, ReplayLayer, RetryLayer, RetrySettings};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, HttpClient, Provider, ResponseBody};

use crate::support::guard;
use crate::support::message::{ok, response};
use crate::support::raw_upstream::RawUpstream;
use crate::support::scripted::events::Events;
use crate::support::scripted::read;

type Sent = JoinHandle<Result<Response<ResponseBody<ClassifiedBody<ClientBody>>>, BoxError>>;

/// Sends a request through a gateway that makes up to two attempts.
fn send(upstream: &RawUpstream, events: &Events) -> (Sender<Bytes, std::io::Error>, Sent) {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(8);
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(upstream.base("/v1")))
        .metrics_hook(events.clone())
        .build()
        .unwrap();
    let retry = RetrySettings::attempts(2).delay(Duration::from_millis(1));
    let stack = ServiceBuilder::new().layer(ReplayLayer::new()).layer(RetryLayer::new(retry));
    let service = gateway.client_layer().layer(stack.service(HttpClient::new().unwrap()));
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions").body(body).unwrap();
    (sender, tokio::spawn(async move { Ok(service.oneshot(request).await?) }))
}

async fn push(sender: &mut Sender<Bytes, std::io::Error>, data: &'static str) {
    guard("room for a frame", sender.send_data(Bytes::from(data))).await.unwrap();
}

#[tokio::test]
async fn an_early_response_keeps_the_rest_of_the_upload_for_the_retry() {
    let (mut upstream, events) = (RawUpstream::start().await, Events::default());
    let (mut sender, sent) = send(&upstream, &events);
    push(&mut sender, "one ").await;
    let mut early = upstream.accept().await;
    early.read_head().await;
    assert_eq!(early.read_chunk().await.unwrap(), b"one ");
    // With a body that does not end, so that only the gateway can end this connection.
    early.send("HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nbusy").await;
    let mut late = upstream.accept().await;
    let head = late.read_head().await;
    push(&mut sender, "two ").await;
    push(&mut sender, "three").await;
    drop(sender);
    assert_eq!(late.read_content(&head).await.bytes, b"one two three");
    late.send(ok(b"well")).await;
    let response = guard("the response", sent).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(read(response.into_body()).await.unwrap(), b"well");
    assert!(!early.read_chunks().await.is_whole, "nobody sends the rest there");
    assert_eq!(events.reported(), [(1, 0, "503".into()), (2, 0, "200".into())]);
    assert_eq!(events.end().attempts, 2);
}

#[tokio::test]
async fn a_reset_is_retried_and_a_protocol_error_is_not() {
    for (is_reset, expected) in [(true, Failure::Reset), (false, Failure::Protocol)] {
        let (mut upstream, events) = (RawUpstream::start().await, Events::default());
        let (sender, sent) = send(&upstream, &events);
        drop(sender);
        for _ in 0..if is_reset { 2 } else { 1 } {
            let mut wire = upstream.accept().await;
            wire.read_message().await;
            match is_reset {
                true => wire.reset(),
                false => wire.send("nonsense\r\n\r\n").await,
            }
        }
        assert!(guard("the failure", sent).await.unwrap().is_err());
        let attempts: Vec<_> = events.attempts().iter().map(|attempt| attempt.failure).collect();
        assert_eq!(attempts, vec![Some(expected); if is_reset { 2 } else { 1 }]);
        assert_eq!(upstream.connections(), attempts.len());
    }
}

#[tokio::test]
async fn a_broken_request_body_is_not_the_providers_failure() {
    let (mut upstream, events) = (RawUpstream::start().await, Events::default());
    let (mut sender, sent) = send(&upstream, &events);
    push(&mut sender, "one ").await;
    let mut wire = upstream.accept().await;
    wire.read_head().await;
    wire.read_chunk().await;
    sender.abort(std::io::ErrorKind::ConnectionReset.into());
    assert!(guard("the failure", sent).await.unwrap().is_err());
    assert_eq!(events.reported(), [(1, 0, "request_body".into())]);
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn the_connection_of_a_dropped_response_is_reused() {
    let (mut upstream, events) = (RawUpstream::start().await, Events::default());
    let (sender, sent) = send(&upstream, &events);
    drop(sender);
    let mut wire = upstream.accept().await;
    wire.read_message().await;
    wire.send(response("503 Busy", &[], b"busy")).await;
    wire.read_message().await;
    wire.send(ok(b"well")).await;
    let response = guard("the response", sent).await.unwrap().unwrap();
    assert_eq!(read(response.into_body()).await.unwrap(), b"well");
    assert_eq!(upstream.connections(), 1);
}
