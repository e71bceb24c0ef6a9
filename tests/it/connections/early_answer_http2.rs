//! An upstream that answers early over HTTP/2 and never opens its window for the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{BoxError, Service};
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::client::{ClientBody, HttpClientBuilder};

use crate::connections::early_answer::{Upload, endless};
use crate::connections::frames::{Frames, ok};
use crate::connections::soon;
use crate::support::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame};

const WINDOW_UPDATE: u8 = 8;
const LINGER: Duration = Duration::from_millis(200);

/// A server controlled by the test, and its client.
struct Peers {
    listener: TcpListener,
    url: String,
    client: HttpClient<Upload>,
}

type Call = JoinHandle<Response<ClientBody>>;

impl Peers {
    async fn start(options: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let builder = HttpClient::builder().http2_prior_knowledge().upload_linger(LINGER);
        Self { listener, url, client: options(builder).build().unwrap() }
    }

    fn post(&self, body: Upload) -> Call {
        let request = Request::post(&self.url).body(body).unwrap();
        let call = self.client.clone().call(request);
        tokio::spawn(async move { soon(call).await.unwrap() })
    }

    async fn accept(&self, streams: u32) -> Frames {
        let mut frames = Frames::accept(&self.listener).await;
        frames.begin(streams).await;
        frames
    }
}

/// The head of a response with a body.
fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[0x88])
}

/// Opens the windows of the connection and the stream by this many bytes.
fn room(stream: u32, bytes: u32) -> Vec<u8> {
    let update = |stream| frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
    [update(0), update(stream)].concat()
}

async fn is_dropped(token: &Arc<()>) {
    soon(async {
        while Arc::strong_count(token) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// One frame that exceeds the window of 65,535 bytes.
fn at_once(bytes: usize, token: &Arc<()>) -> Upload {
    struct Owned(Vec<u8>, #[allow(dead_code)] Arc<()>);
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let data = Bytes::from_owner(Owned(vec![b' '; bytes], token.clone()));
    Full::new(data).map_err(|never| match never {}).boxed_unsync()
}

#[tokio::test]
async fn an_unread_upload_is_reset_without_its_connection() {
    let peers = Peers::start(|builder| builder).await;
    let token = Arc::new(());
    let (_silent, body) = Channel::<Bytes, BoxError>::new(1);
    let held = token.clone();
    let uploads = [
        endless(&token),
        // The window ends within the last frame, or one byte before its end.
        at_once(1 << 20, &token),
        at_once(65_536, &token),
        // Here the client does not continue.
        body.map_frame(move |frame| (frame, &held).0).boxed_unsync(),
    ];
    let mut server = None;
    for (number, upload) in (0..).zip(uploads) {
        let call = peers.post(upload);
        let frames = match &mut server {
            Some(frames) => frames,
            None => server.insert(peers.accept(100).await),
        };
        let stream = frames.next(HEADERS).await;
        assert_eq!(stream, 2 * number + 1, "all are on one connection");
        frames.send(&ok(stream)).await;
        let response = call.await.unwrap();
        assert_eq!(frames.next(RST_STREAM).await, stream);
        // The sent part of the body has used up the connection's window.
        frames.send(&room(stream, 65_535)[..13]).await;
        drop(response);
    }
    is_dropped(&token).await;
}

#[tokio::test]
async fn a_dropped_response_ends_its_upload() {
    let peers = Peers::start(|builder| builder).await;
    let token = Arc::new(());
    let call = peers.post(endless(&token));
    let mut frames = peers.accept(100).await;
    let stream = frames.next(HEADERS).await;
    frames.send(&head(stream)).await;
    drop(call.await.unwrap());
    assert_eq!(frames.next(RST_STREAM).await, stream);
    is_dropped(&token).await;
}

#[tokio::test]
async fn an_upload_continues_while_its_response_does() {
    let peers = Peers::start(|builder| builder).await;
    let (kept, given_up) = (Arc::new(()), Arc::new(()));
    let call = peers.post(endless(&kept));
    let mut frames = peers.accept(100).await;
    let long = frames.next(HEADERS).await;
    frames.send(&head(long)).await;
    let mut response = call.await.unwrap();
    // Several other requests complete in the meantime.
    for _ in 0..3 {
        let call = peers.post(endless(&given_up));
        let stream = frames.next(HEADERS).await;
        frames.send(&ok(stream)).await;
        call.await.unwrap();
        assert_eq!(frames.next(RST_STREAM).await, stream);
    }
    is_dropped(&given_up).await;
    assert_eq!(Arc::strong_count(&kept), 2);
    frames.send(&room(long, 1 << 20)).await;
    for _ in 0..16 {
        assert_eq!(frames.next(DATA).await, long);
    }
    frames.send(&frame(DATA, 0, long, b"1")).await;
    let data = soon(response.frame()).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data, "1");
    frames.send(&frame(DATA, END_STREAM, long, b"2")).await;
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "2");
    assert_eq!(frames.next(RST_STREAM).await, long);
    is_dropped(&kept).await;
}

#[tokio::test]
async fn an_upload_with_progress_outlives_its_response() {
    let linger = Duration::from_secs(4);
    let peers = Peers::start(|builder| builder.upload_linger(linger)).await;
    let token = Arc::new(());
    let call = peers.post(endless(&token));
    let mut frames = peers.accept(100).await;
    let stream = frames.next(HEADERS).await;
    frames.send(&ok(stream)).await;
    call.await.unwrap();
    let began = Instant::now();
    while began.elapsed() <= linger {
        frames.send(&room(stream, 64 * 1024)).await;
        for _ in 0..4 {
            assert_eq!(frames.next(DATA).await, stream);
        }
    }
    assert_eq!(frames.next(RST_STREAM).await, stream);
    is_dropped(&token).await;
}

#[tokio::test]
async fn an_upload_holds_its_stream_until_it_ends() {
    let long = Duration::from_secs(600);
    let peers = Peers::start(|builder| builder.upload_linger(long)).await;
    let call = peers.post(endless(&Arc::new(())));
    let mut first = peers.accept(1).await;
    let stream = first.next(HEADERS).await;
    first.send(&ok(stream)).await;
    call.await.unwrap();
    // The stream is still open, and the peer allows only one.
    let call = peers.post(at_once(2, &Arc::new(())));
    let mut second = peers.accept(1).await;
    let stream = second.next(HEADERS).await;
    second.send(&ok(stream)).await;
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_long_body_arrives_completely() {
    let peers = Peers::start(|builder| builder).await;
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(8);
    for part in [&[1; 40_000][..], &[2], &[3; 20_000], &[], &[4; 2]] {
        sender.try_send(Frame::data(Bytes::copy_from_slice(part))).unwrap();
    }
    let trailers = [("x-checksum", "7")].map(|(name, value)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
    });
    sender.try_send(Frame::trailers(trailers.into_iter().collect())).unwrap();
    drop(sender);
    let server = crate::connections::server::Server::start(
        100,
        async |request: Request<hyper::body::Incoming>| {
            let body = request.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["x-checksum"], "7");
            let all = body.to_bytes();
            let parts: [(usize, u8); 4] = [(40_000, 1), (1, 2), (20_000, 3), (2, 4)];
            assert!(all == parts.map(|(length, byte)| vec![byte; length]).concat());
            crate::connections::server::ok("whole")
        },
    )
    .await;
    let request = Request::post(&server.url).body(body.boxed_unsync()).unwrap();
    let response = soon(peers.client.clone().call(request)).await.unwrap();
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "whole");
}
