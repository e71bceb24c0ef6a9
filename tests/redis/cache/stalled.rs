//! A client that does not read its response, while followers elsewhere do.

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::cache::{CacheRule, CacheSettings};

use super::gateways::{Body, FRAMES, QUESTION, frame, once};
use super::*;
use crate::gateway::Gateway;

/// Sends a request over HTTP/2, with a window of this many bytes.
async fn ask_within(gateway: &Gateway, window: u32) -> Response<Incoming> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (here, there) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let gateway = gateway.clone();
    let service = service_fn(move |_| {
        let gateway = gateway.clone();
        async move { Ok::<_, std::convert::Infallible>(gateway.ask(QUESTION).await) }
    });
    let io = TokioIo::new(there.unwrap().0);
    tokio::spawn(server::Builder::new(TokioExecutor::new()).serve_connection(io, service));
    let mut client = client::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(window);
    let (mut sender, connection) = client.handshake(TokioIo::new(here.unwrap())).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://gateway.test/").body(Full::<Bytes>::default()).unwrap();
    sender.send_request(request).await.unwrap()
}

/// Checks that a follower elsewhere gets every byte. `most`: the maximum length of a stored response.
async fn all_come_elsewhere(most: u64, frames: Vec<Vec<u8>>, is_kept: bool) {
    let server = Server::start(&[]);
    let (mut provider, body) = Body::new(4);
    let answer = once(200, body);
    let gateway = || {
        let rule = CacheRule::keep(Duration::from_secs(300)).max_response_bytes(most);
        Gateway::new(
            &ControlLayer::new().cache(patient(&server)),
            |set| set.cache(CacheSettings::new(Duration::from_secs(300)).rule(rule)),
            answer.clone(),
        )
    };
    let (one, other) = (gateway(), gateway());
    provider.send_data(frame(0).into()).await.unwrap();
    let leader = ask_within(&one, 0).await;
    assert_eq!(leader.headers()["cf-aig-cache-status"], "MISS");
    let follower = other.ask(QUESTION).await;
    assert_eq!(follower.headers()["cf-aig-cache-status"], "HIT");
    let following = tokio::spawn(follower.into_body().collect());
    for frame in &frames {
        let sent = provider.send_data(frame.clone().into());
        timeout(TOO_LONG, sent).await.expect("it is read").unwrap();
    }
    drop(provider);
    let data = timeout(TOO_LONG, following).await.unwrap().unwrap().unwrap().to_bytes();
    assert!(data == frame(0).into_bytes().into_iter().chain(frames.concat()).collect::<Vec<_>>());
    if is_kept {
        eventually("it is kept", async || server.keys().iter().any(|key| key.contains(":e:")))
            .await;
    }
    drop(leader);
    eventually("nothing is held", async || one.budget.used() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_elsewhere_gets_every_byte_if_the_first_client_reads_nothing() {
    let frames = (1..FRAMES).map(|number| frame(number).into_bytes()).collect();
    all_come_elsewhere(1 << 20, frames, true).await;
}

/// Up to 64 KiB are held, and then the call waits five seconds for the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_elsewhere_gets_every_byte_of_an_unstored_response() {
    let frames = (0..100).map(|_| b"data: x".repeat(1_000)).collect();
    all_come_elsewhere(1_000, frames, false).await;
}
