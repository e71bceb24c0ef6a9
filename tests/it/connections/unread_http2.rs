//! Responses over HTTP/2 that nobody reads stall no other on their connection.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tower::ServiceExt;
use tower_ai_gateway::HttpClient;

use crate::connections::server::Server;
use crate::connections::{Client, get, soon};

const FRAME: usize = 16 * 1024;
const FRAMES: usize = 256;

/// With one more, as many as share a connection.
const UNREAD: usize = 89;

#[tokio::test]
async fn a_connection_full_of_unread_responses_has_room_for_another() {
    let server = Server::start(100, async |request| {
        let is_endless = request.uri().path() == "/endless";
        let frame = || Ok(Frame::data(Bytes::from_static(&[b' '; FRAME])));
        let frames = stream::repeat_with(frame).take(if is_endless { usize::MAX } else { FRAMES });
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    })
    .await;
    let client: Client = HttpClient::builder().http2_prior_knowledge().build().unwrap();
    let endless = format!("{}endless", server.url);
    let unread = (0..UNREAD).map(|_| client.clone().oneshot(get(&endless)));
    let unread = soon(join_all(unread)).await;
    let read = soon(client.clone().oneshot(get(&server.url))).await.unwrap();
    let read = soon(read.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(read.len(), FRAMES * FRAME);
    assert_eq!(server.opened(), 1);
    assert!(unread.iter().all(Result::is_ok));
}
