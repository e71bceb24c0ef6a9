//! Fallbacks over real connections.

use bytes::Bytes;
use http::Request;
use http_body_util::channel::Channel;
use tower::{Layer, ServiceExt};
use tower_ai_gateway::control::{Alternative, FallbackLayer, ReplayLayer};
use tower_ai_gateway::{HttpClient, Provider};

use crate::fallbacks::scene::secret;
use crate::support::guard;
use crate::support::message::{ok, response};
use crate::support::raw_upstream::RawUpstream;
use crate::support::scripted::read;

/// Larger than one read.
fn busy() -> Vec<u8> {
    b"busy".repeat(10_000)
}

/// Two providers: the first answers during the upload, then the second.
async fn early(answers: bool) -> (u16, Result<Vec<u8>, Vec<u8>>) {
    let (mut first, mut other) = (RawUpstream::start().await, RawUpstream::start().await);
    let custom = |slug, upstream: &RawUpstream| Provider::custom(slug, upstream.base("/v1"));
    let alternative = Alternative::new(custom("other", &other)).key(secret("sk-for-other"));
    let layer = FallbackLayer::between(custom("first", &first), [alternative]).unwrap();
    let client = ReplayLayer::new().layer(layer.layer(HttpClient::new().unwrap()));
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(8);
    let uri = first.base("/v1/chat/completions");
    let request = Request::post(uri).body(body).unwrap();
    let sent = tokio::spawn(client.oneshot(request));
    sender.send_data(Bytes::from("one ")).await.unwrap();
    let mut wire = first.accept().await;
    wire.read_head().await;
    wire.read_chunk().await;
    wire.send(response("503 Busy", &[], &busy())).await;
    let mut late = other.accept().await;
    let head = late.read_head().await;
    assert_eq!(head.get("authorization"), Some("Bearer sk-for-other"));
    assert_eq!(late.read_chunk().await.unwrap(), b"one ");
    if answers {
        sender.send_data(Bytes::from("two")).await.unwrap();
        drop(sender);
        assert_eq!(late.read_chunks().await.bytes, b"two");
        late.send(ok(b"well")).await;
    } else {
        // The rest is not sent to the first provider.
        assert!(!wire.read_chunks().await.is_whole);
        late.reset();
    }
    let response = guard("the response", sent).await.unwrap().unwrap();
    (response.status().as_u16(), read(response.into_body()).await)
}

#[tokio::test]
async fn an_upload_continues_at_the_next_provider() {
    assert_eq!(early(true).await, (200, Ok(b"well".to_vec())));
}

#[tokio::test]
async fn the_last_failed_response_passes_completely() {
    assert_eq!(early(false).await, (503, Ok(busy())));
}
