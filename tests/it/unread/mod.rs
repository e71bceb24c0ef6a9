//! Clients that stop reading, over real sockets: their exchange ends at its timeout, although no
//! server polls its body.

mod frames;
// The example program needs all features.
#[cfg(all(feature = "full", target_os = "linux"))]
mod process;
mod scene;

use std::time::Duration;

use http::{Request, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::Timeouts;

use self::frames::Frames;
use self::scene::{PATH, Scene};
use crate::support;
use crate::support::client::{Connection, full, request};
use crate::support::{guard, message, wire::Wire};

fn total() -> (Timeouts, Failure) {
    (Timeouts::default().total(Duration::from_secs(3)), Failure::TotalTimeout)
}

fn idle() -> (Timeouts, Failure) {
    (Timeouts::default().idle(Duration::from_millis(1_500)), Failure::UnreadTimeout)
}

/// Checks an exchange whose client keeps its connection open and reads nothing.
async fn assert_let_go(scene: &mut Scene, failure: Failure) {
    scene.upstream_hung_up().await;
    assert_eq!(scene.ends.next().await, (Outcome::Broken, Some(failure)));
    scene.has_a_place().await;
    assert!(scene.ends.is_empty(), "one exchange has one end");
}

#[tokio::test]
async fn an_http1_client_with_a_full_socket_loses_its_permit() {
    for (timeouts, failure) in [total(), idle()] {
        let mut scene = Scene::start(timeouts).await;
        let mut client = Wire::connect(scene.addr).await;
        client.send(message::request(&format!("POST {PATH}"), &[], b"{}")).await;
        assert_let_go(&mut scene, failure).await;
        let came = client.read_to_end().await;
        assert!(came.starts_with(b"HTTP/1.1 200"), "it had a response");
        assert!(!came.ends_with(b"0\r\n\r\n"), "which must not look whole");
    }
}

#[tokio::test]
async fn an_http2_client_that_reads_no_data_loses_its_permit() {
    for (timeouts, failure) in [total(), idle()] {
        let mut scene = Scene::start(timeouts).await;
        let mut client = Connection::open(scene.addr, Version::HTTP_2).await;
        let asked = request(Version::HTTP_2, "POST", PATH, &[], full("{}"));
        let response = client.send(asked).await;
        assert_eq!(response.status(), 200);
        assert_let_go(&mut scene, failure).await;
        assert!(support::client::collect(response.into_body()).await.is_err());
    }
}

#[tokio::test]
async fn an_http2_client_that_never_opens_its_window_loses_its_permit() {
    for (timeouts, failure) in [total(), idle()] {
        let mut scene = Scene::start(timeouts).await;
        let io = TokioIo::new(TcpStream::connect(scene.addr).await.unwrap());
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let builder = builder.initial_stream_window_size(0);
        let (mut sender, connection) = builder.handshake(io).await.unwrap();
        tokio::spawn(connection);
        let asked = Request::post(format!("http://gateway.test{PATH}")).body(full("{}")).unwrap();
        let response = guard("a head", sender.send_request(asked)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_let_go(&mut scene, failure).await;
    }
}

#[tokio::test]
async fn a_client_that_only_answers_pings_loses_its_permit() {
    for (timeouts, failure) in [total(), idle()] {
        let mut scene = Scene::start(timeouts).await;
        let client = Frames::ask(scene.addr, PATH).await;
        assert_let_go(&mut scene, failure).await;
        // The connection stays open, so nothing else has ended the exchange.
        client.ping().await;
    }
}
