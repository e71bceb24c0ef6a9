//! Over HTTP/1.1, an exchange uses a connection alone, and the next one reuses it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Full, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Notify, mpsc};
use tower::{Service, ServiceExt};
use tower_ai_gateway::HttpClient;

use crate::connections::server::{Server, ok};
use crate::connections::{Client, get, soon};

async fn text(client: &Client, url: &str) -> String {
    let response = soon(client.clone().oneshot(get(url))).await.unwrap();
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn sequential_requests_share_a_connection() {
    // With a length, without a body, and in chunks.
    let server = Server::start(1, async |request: Request<_>| match request.uri().path() {
        "/empty" => ok(""),
        "/chunks" => {
            let chunks = ["a", "b"].map(|text| Ok(Frame::data(Bytes::from(text))));
            let body = StreamBody::new(futures_util::stream::iter(chunks));
            Response::new(BodyExt::boxed(body))
        }
        _ => ok("text"),
    });
    let (server, client) = (server.await, Client::new().unwrap());
    for _ in 0..3 {
        for (path, expected) in [("empty", ""), ("chunks", "ab"), ("", "text")] {
            assert_eq!(text(&client, &format!("{}{path}", server.url)).await, expected);
        }
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn an_unpolled_call_sends_nothing() {
    let (seen, mut came) = mpsc::unbounded_channel();
    let server = Server::start(1, move |request: Request<_>| {
        seen.send(request.uri().path().to_owned()).unwrap();
        async { ok("text") }
    });
    let (server, mut client) = (server.await, Client::new().unwrap());
    let at = |path| format!("{}{path}", server.url);
    assert_eq!(text(&client, &at("first")).await, "text");
    drop(client.call(get(&at("unpolled"))));
    assert_eq!(text(&client, &at("last")).await, "text");
    assert_eq!(
        [soon(came.recv()).await, soon(came.recv()).await].map(Option::unwrap),
        ["/first", "/last"]
    );
    assert!(server.opened() <= 2);
}

async fn answering_five_at_once() -> Server {
    let five = Arc::new(Barrier::new(5));
    let handler = move |_| {
        let five = five.clone();
        async move {
            five.wait().await;
            ok("text")
        }
    };
    Server::start(1, handler).await
}

#[tokio::test]
async fn concurrent_requests_have_their_own_connections_which_are_reused() {
    let (server, client) = (answering_five_at_once().await, Client::new().unwrap());
    for _ in 0..4 {
        let texts = join_all((0..5).map(|_| text(&client, &server.url))).await;
        assert_eq!(texts, ["text"; 5]);
    }
    assert_eq!(server.opened(), 5);
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let server = answering_five_at_once().await;
    let client: Client = HttpClient::builder().max_idle_per_origin(2).build().unwrap();
    join_all((0..5).map(|_| text(&client, &server.url))).await;
    server.has_open(2).await;
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_and_with_the_client() {
    let server = Server::start(1, async |_| ok("text")).await;
    let timeout = Duration::from_millis(40);
    let client: Client = HttpClient::builder().idle_timeout(timeout).build().unwrap();
    text(&client, &server.url).await;
    server.has_open(0).await;
    let client = Client::new().unwrap();
    text(&client, &server.url).await;
    server.has_open(1).await;
    drop(client);
    server.has_open(0).await;
    assert_eq!(server.opened(), 2);
}

/// Answers the first request on a connection like this, and closes it on a signal.
struct Closing {
    url: String,
    close: mpsc::Sender<()>,
    closed: mpsc::Receiver<()>,
}

impl Closing {
    async fn close(&mut self) {
        self.close.send(()).await.unwrap();
        soon(self.closed.recv()).await.unwrap();
        // When this connection is made, the runtime knows of the end of the other one.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        drop((connected.unwrap(), accepted.unwrap()));
    }
}

async fn closing(answer: &'static str) -> Closing {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let ((close, mut reported), (done, closed)) = (mpsc::channel(1), mpsc::channel(1));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut came = [0; 1024];
            let _ = stream.read(&mut came).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            if reported.recv().await.is_none() {
                return;
            }
            drop(stream);
            done.send(()).await.unwrap();
        }
    });
    Closing { url, close, closed }
}

#[tokio::test]
async fn a_closed_connection_is_not_reused() {
    let mut server = closing("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let client = Client::new().unwrap();
    for _ in 0..20 {
        assert_eq!(text(&client, &server.url).await, "ok");
        server.close().await;
    }
}

#[tokio::test]
async fn an_unsolicited_response_answers_no_request() {
    let twice = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong";
    let mut server = closing(twice).await;
    let client = Client::new().unwrap();
    for _ in 0..5 {
        assert_eq!(text(&client, &server.url).await, "ok");
        server.close().await;
    }
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let server = Server::start(1, async |_| {
        let (mut sender, body) = Channel::<Bytes, std::convert::Infallible>::new(1);
        tokio::spawn(async move { while sender.send_data(Bytes::from("more")).await.is_ok() {} });
        Response::new(body.boxed())
    });
    let (server, client) = (server.await, Client::new().unwrap());
    let response = soon(client.clone().oneshot(get(&server.url))).await.unwrap();
    server.has_open(1).await;
    drop(response);
    server.has_open(0).await;
    let mut body = soon(client.clone().oneshot(get(&server.url))).await.unwrap().into_body();
    soon(body.frame()).await.unwrap().unwrap();
    drop(body);
    server.has_open(0).await;
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let arrived = Arc::new(Notify::new());
    let reported = arrived.clone();
    let server = Server::start(1, move |_| {
        reported.notify_one();
        std::future::pending()
    });
    let (server, mut client) = (server.await, Client::new().unwrap());
    tokio::select! {
        _ = client.call(get(&server.url)) => panic!("answered"),
        () = arrived.notified() => {}
    }
    server.has_open(0).await;
}

#[tokio::test]
async fn an_upload_continues_while_the_response_is_unread() {
    let (all, mut came) = mpsc::unbounded_channel();
    // Answers at once with more than fits into the buffers, and still reads the request.
    let server = Server::start(1, move |request: Request<hyper::body::Incoming>| {
        let all = all.clone();
        async move {
            let read = async move {
                all.send(request.into_body().collect().await.unwrap().to_bytes().len())
            };
            tokio::spawn(read);
            Response::new(Full::from(vec![b'x'; 16 << 20]).boxed())
        }
    });
    let server = server.await;
    let client: HttpClient<Channel<Bytes, std::convert::Infallible>> = HttpClient::new().unwrap();
    let (mut sender, body) = Channel::new(1);
    let request = Request::post(&server.url).body(body).unwrap();
    let response = soon(client.clone().oneshot(request)).await.unwrap();
    for _ in 0..64 {
        soon(sender.send_data(Bytes::from(vec![b'y'; 64 << 10]))).await.unwrap();
    }
    drop(sender);
    assert_eq!(soon(came.recv()).await, Some(4 << 20));
    // Read the answer only now.
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(body.len(), 16 << 20);
    // The connection can be reused.
    let (_, body) = Channel::new(1);
    let request = Request::post(&server.url).body(body).unwrap();
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes().len(), 16 << 20);
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn a_response_can_be_read_by_another_task() {
    let server = Server::start(1, async |_| ok("text")).await;
    let client = Client::new().unwrap();
    for _ in 0..10 {
        let call = tokio::spawn(client.clone().oneshot(get(&server.url)));
        let response = soon(call).await.unwrap().unwrap();
        let read = tokio::spawn(response.into_body().collect());
        assert_eq!(soon(read).await.unwrap().unwrap().to_bytes(), "text");
    }
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = soon(Client::new().unwrap().oneshot(get(&url))).await.unwrap_err();
    assert!(error.is_connect() && !error.is_connect_timeout(), "{error:?}");
    assert_eq!(error.to_string(), "could not connect");
    for url in ["/v1/models", "ftp://127.0.0.1/"] {
        let error = soon(Client::new().unwrap().oneshot(get(url))).await.unwrap_err();
        assert!(!error.is_connect());
        assert_eq!(error.to_string(), "the request's URI does not name an http or https server");
    }
}

#[tokio::test]
async fn a_large_request_is_sent_completely_despite_a_short_early_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (reported, mut read_next) = mpsc::unbounded_channel::<()>();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut came = vec![0; 64 << 10];
        let mut total = stream.read(&mut came).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly";
        stream.write_all(answer).await.unwrap();
        read_next.recv().await.unwrap();
        while total < 8 << 20 {
            total += match stream.read(&mut came).await.unwrap() {
                0 => panic!("the request ends at {total}"),
                read => read,
            };
        }
    });
    // One piece, of which the connection accepts only a part at once.
    let request = Request::post(&url).body(Full::from(vec![b'y'; 8 << 20])).unwrap();
    let client = Client::new().unwrap();
    let response = soon(client.clone().oneshot(request)).await.unwrap();
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "early");
    reported.send(()).unwrap();
    soon(server).await.unwrap();
}
