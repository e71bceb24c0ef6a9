//! Responses whose bodies do not tell their ends, behind a real server.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use tower::{ServiceBuilder, service_fn};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, HttpClient, Outcome, Provider, RequestBody};
use tower_http::timeout::ResponseBodyTimeoutLayer;

use crate::support::ends::Ends;
use crate::support::gateway::Gateway;
use crate::support::message::{Message, request, response};
use crate::support::raw_upstream::Recorder;

const CHAT: &str = "/v1/acct/gw/grok/v1/chat/completions";

/// How an exchange ended: also its failure, and how many bytes of the response were relayed.
type Ended = (Outcome, Option<Failure>, u64);

fn layer(base: String) -> (GatewayLayer, Ends<Ended>) {
    let (hook, ends) = Ends::by(|end| (end.outcome, end.failure, end.response_bytes));
    let layer = GatewayLayer::builder().provider(Provider::xai().base_url(base)).metrics_hook(hook);
    (layer.build().unwrap(), ends)
}

#[tokio::test]
async fn a_delivered_response_is_complete_under_a_layer_that_hides_the_end() {
    let answer = |request: &Message| match request.head.line.split(' ').next() {
        Some("HEAD") => b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n".to_vec(),
        Some("DELETE") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        Some("GET") => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 6\r\n\r\n".to_vec(),
        _ => response("200 OK", &["content-type: application/json"], b"{\"a\":1}"),
    };
    let upstream = Recorder::answering(answer).await;
    let (layer, mut ends) = layer(upstream.base("/v1"));
    let client = ServiceBuilder::new()
        .layer(ResponseBodyTimeoutLayer::new(Duration::from_secs(60)))
        .service(HttpClient::<RequestBody<Incoming>>::new().unwrap());
    let gateway = Gateway::serve(layer.around(client)).await;
    for (method, length) in [("POST", 7), ("HEAD", 0), ("DELETE", 0), ("GET", 0)] {
        let mut client = gateway.connect().await;
        client.send(request(&format!("{method} {CHAT}"), &[], b"")).await;
        client.read_head().await;
        assert_eq!(client.read_bytes(length).await.len(), length);
        // The client stays connected: it has everything.
        let ended = ends.next().await;
        assert_eq!(ended, (Outcome::Complete, None, length as u64), "{method}");
    }
}

#[tokio::test]
async fn the_declared_length_decides_whether_a_response_is_whole() {
    let broken = (Outcome::Broken, Some(Failure::Reset));
    for (declared, frames, expected) in [
        (Some("8"), &["1234", "5678"][..], (Outcome::Complete, None)),
        (Some("8"), &["", "12345678"], (Outcome::Complete, None)),
        (Some("8"), &["1234", "567"], broken),
        (Some("8"), &[], broken),
        (None, &["1234", "567"], (Outcome::Complete, None)),
        (None, &[], (Outcome::Complete, None)),
    ] {
        let (layer, mut ends) = layer("http://127.0.0.1:9/v1".to_owned());
        let provider = service_fn(move |_: Request<RequestBody<Incoming>>| async move {
            let mut response = Response::builder();
            if let Some(length) = declared {
                response = response.header("content-length", length);
            }
            let frames =
                frames.iter().map(|data| Ok::<_, Infallible>(Frame::data(Bytes::from(*data))));
            // This body tells nothing of its end.
            Ok::<_, Infallible>(response.body(StreamBody::new(stream::iter(frames))).unwrap())
        });
        let gateway = Gateway::serve(layer.around(provider)).await;
        let mut client = gateway.connect().await;
        client.send(request(&format!("POST {CHAT}"), &[], b"")).await;
        // hyper drops what it has not sent yet when a body is too short, even the head.
        let is_whole = match client.try_read_head().await {
            Some(head) => client.read_content(&head).await.is_whole,
            None => false,
        };
        assert_eq!(is_whole, expected.0 == Outcome::Complete, "{declared:?}, {frames:?}");
        let (outcome, failure, _) = ends.next().await;
        assert_eq!((outcome, failure), expected, "{declared:?}, {frames:?}");
    }
}
