//! Over HTTP/2, exchanges share connections as far as the peer allows it.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::join_all;
use http::Response;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tower::ServiceExt;
use tower_ai_gateway::client::ClientBody;
use tower_ai_gateway::{ClientError, HttpClient};

use crate::connections::frames::{self, Frames};
use crate::connections::server::{Server, ok};
use crate::connections::{Client, get, soon};
use crate::support::frames::HEADERS;

fn client(connections: usize, streams: usize) -> Client {
    let builder = HttpClient::builder().http2_prior_knowledge();
    builder.connections_per_origin(connections).streams_per_connection(streams).build().unwrap()
}

/// Signals each arriving request, and answers it when a permit is available.
async fn holding(streams: u32) -> (Server, Arc<Semaphore>, Arc<Semaphore>) {
    let (arrived, answers) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let reported = (arrived.clone(), answers.clone());
    let server = Server::start(streams, move |_| {
        let (arrived, answers) = reported.clone();
        async move {
            arrived.add_permits(1);
            answers.acquire().await.unwrap().forget();
            ok("text")
        }
    });
    (server.await, arrived, answers)
}

type Calls = Vec<JoinHandle<Result<Response<ClientBody>, ClientError>>>;

fn call(client: &Client, server: &Server, calls: usize) -> Calls {
    (0..calls).map(|_| tokio::spawn(client.clone().oneshot(get(&server.url)))).collect()
}

async fn answered(calls: Calls) {
    for response in soon(join_all(calls)).await {
        let body = soon(response.unwrap().unwrap().into_body().collect()).await.unwrap();
        assert_eq!(body.to_bytes(), "text");
    }
}

/// How many of `calls` requests arrive while none is answered, and on how many connections.
async fn held(client: Client, streams: u32, calls: usize, expected: usize) -> usize {
    let (server, arrived, answers) = holding(streams).await;
    let all = call(&client, &server, calls);
    soon(arrived.acquire_many(expected as u32)).await.unwrap().forget();
    let opened = server.opened();
    answers.add_permits(calls);
    answered(all).await;
    assert_eq!(server.opened(), opened, "later ones find room");
    opened
}

#[tokio::test]
async fn few_requests_share_one_connection() {
    assert_eq!(held(client(4, 90), 100, 90, 90).await, 1);
}

#[tokio::test]
async fn beyond_a_peers_limit_of_100_a_second_connection_opens() {
    assert_eq!(held(client(4, 90), 100, 91, 91).await, 2);
    assert_eq!(held(client(4, 90), 100, 360, 360).await, 4);
}

#[tokio::test]
async fn a_lower_limit_of_the_peer_applies() {
    let (server, arrived, answers) = holding(10).await;
    let client = client(4, 90);
    // The first answer shows that the peer's settings have arrived.
    answers.add_permits(1);
    soon(client.clone().oneshot(get(&server.url))).await.unwrap();
    soon(arrived.acquire()).await.unwrap().forget();
    let calls = call(&client, &server, 40);
    // Later connections get more requests before their settings arrive.
    soon(arrived.acquire_many(20)).await.unwrap().forget();
    assert!(server.opened() > 1);
    answers.add_permits(40);
    answered(calls).await;
}

#[tokio::test]
async fn connections_are_bounded_and_fill_evenly() {
    let (server, arrived, answers) = holding(200).await;
    let client = client(3, 2);
    let calls = call(&client, &server, 30);
    soon(arrived.acquire_many(30)).await.unwrap().forget();
    assert_eq!(server.opened(), 3);
    answers.add_permits(30);
    answered(calls).await;
}

#[tokio::test]
async fn a_dropped_request_frees_its_stream() {
    let (server, arrived, answers) = holding(100).await;
    let client = client(1, 1);
    for _ in 0..5 {
        let call = tokio::spawn(client.clone().oneshot(get(&server.url)));
        soon(arrived.acquire()).await.unwrap().forget();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    answers.add_permits(6);
    let response = soon(client.clone().oneshot(get(&server.url))).await.unwrap();
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "text");
    assert_eq!(server.opened(), 1);
    server.has_open(1).await;
    drop(client);
    server.has_open(0).await;
}

#[tokio::test]
async fn a_connection_is_shared_even_if_its_first_request_is_dropped() {
    let (server, arrived, answers) = holding(100).await;
    let client = client(4, 90);
    let mut calls: Vec<_> =
        (0..20).map(|_| Box::pin(client.clone().oneshot(get(&server.url)))).collect();
    for call in &mut calls {
        assert!(futures_util::poll!(call).is_pending());
    }
    drop(calls.remove(0));
    answers.add_permits(20);
    for response in soon(join_all(calls)).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    soon(arrived.acquire_many(19)).await.unwrap().forget();
    // The abandoned one may have been opened before that.
    assert!(server.opened() <= 2, "{}", server.opened());
    server.has_open(1).await;
}

#[tokio::test]
async fn a_failed_connection_fails_all_waiting_requests_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let client = client(4, 90);
    let calls = (0..20).map(|_| client.clone().oneshot(get(&url)));
    for response in soon(join_all(calls)).await {
        assert!(response.unwrap_err().is_connect());
    }
}

#[tokio::test]
async fn a_closed_connection_is_not_reused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ((close, mut reported), (done, mut closed)) = (mpsc::channel(1), mpsc::channel(1));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(async |_| Ok::<_, std::convert::Infallible>(ok("text")));
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
            tokio::select! {
                _ = &mut connection => panic!("the client keeps it"),
                reported = reported.recv() => reported.unwrap(),
            }
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
            done.send(()).await.unwrap();
        }
    });
    let client = client(4, 90);
    for _ in 0..5 {
        let response = soon(client.clone().oneshot(get(&url))).await.unwrap();
        assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "text");
        close.send(()).await.unwrap();
        soon(closed.recv()).await.unwrap();
    }
}

#[test]
fn a_connection_of_a_dropped_runtime_is_not_reused() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (servers, client) = (runtime(), client(4, 90));
    let server = servers.block_on(Server::start(100, async |_| ok("text")));
    for _ in 0..3 {
        runtime().block_on(async {
            let response = soon(client.clone().oneshot(get(&server.url))).await.unwrap();
            assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "text");
        });
    }
    assert_eq!(server.opened(), 3);
}

#[tokio::test]
async fn a_peer_with_a_limit_of_one_gets_more_connections() {
    // The limit is unknown when the requests come, so four use four connections.
    assert_eq!(held(client(4, 90), 1, 4, 4).await, 4);
    assert_eq!(held(client(4, 90), 1, 40, 4).await, 4);
    assert_eq!(held(client(1, 90), 1, 3, 1).await, 1);
    assert_eq!(held(client(4, 90), 3, 12, 12).await, 4);
}

#[tokio::test]
async fn a_known_limit_of_one_applies() {
    let (server, arrived, answers) = holding(1).await;
    let client = client(4, 90);
    answers.add_permits(1);
    soon(client.clone().oneshot(get(&server.url))).await.unwrap();
    soon(arrived.acquire()).await.unwrap().forget();
    let calls = call(&client, &server, 3);
    soon(arrived.acquire_many(3)).await.unwrap().forget();
    assert_eq!(server.opened(), 3);
    answers.add_permits(3);
    answered(calls).await;
}

#[tokio::test]
async fn a_changed_limit_applies() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = client(2, 90);
    let ask = || tokio::spawn(client.clone().oneshot(get(&url)));
    let call = ask();
    let mut first = Frames::accept(&listener).await;
    first.begin(100).await;
    let stream = first.next(HEADERS).await;
    first.send(&frames::ok(stream)).await;
    assert_eq!(soon(call).await.unwrap().unwrap().status(), 200);
    // No streams for a while: this and later requests use another connection.
    first.allow(0).await;
    let calls = [ask(), ask()];
    let mut second = Frames::accept(&listener).await;
    second.begin(100).await;
    for _ in &calls {
        let stream = second.next(HEADERS).await;
        second.send(&frames::ok(stream)).await;
    }
    for call in calls {
        assert_eq!(soon(call).await.unwrap().unwrap().status(), 200);
    }
    // Now the other connection allows none.
    first.allow(1).await;
    second.allow(0).await;
    let call = ask();
    let stream = first.next(HEADERS).await;
    first.send(&frames::ok(stream)).await;
    assert_eq!(soon(call).await.unwrap().unwrap().status(), 200);
}
