//! Clients that stop reading, that never finish a head, and too many of them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tower::service_fn;

use super::*;

/// Longer than any step takes, even on slow machines.
const GUARD: Duration = Duration::from_secs(30);

async fn guard<F: Future>(what: &str, step: F) -> F::Output {
    match timeout(GUARD, step).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// A body that always has more data, or never has any, and reports when it is dropped.
struct Endless {
    is_silent: bool,
    dropped: mpsc::UnboundedSender<()>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_silent {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 64 * 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.dropped.send(());
    }
}

struct Server {
    addr: SocketAddr,
    dropped: mpsc::UnboundedReceiver<()>,
    stop: oneshot::Sender<()>,
    /// Resolves to the number of references to the service when the server has stopped.
    serving: tokio::task::JoinHandle<usize>,
}

/// Answers `/endless` and `/silent` without end, and other paths with the request body.
async fn server(limits: Limits) -> Server {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, dropped) = mpsc::unbounded_channel();
    let own = sender.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = service_fn(move |request: Request<Incoming>| {
        let dropped = sender.clone();
        async move {
            let path = request.uri().path();
            let is_silent = path == "/silent";
            if is_silent || path == "/endless" {
                return Ok(Response::new(Either::Left(Endless { is_silent, dropped })));
            }
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Response::new(Either::Right(Full::new(body))))
        }
    });
    let stop_when = async move { drop(stopped.await) };
    let serving = tokio::spawn(async move {
        serve_until(listener, service, limits, stop_when, std::future::pending()).await;
        own.strong_count() - 1
    });
    Server { addr, dropped, stop, serving }
}

async fn connect(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes.as_ref()).await.unwrap();
    stream
}

/// The status line of the next head.
async fn status(stream: &mut TcpStream) -> String {
    let mut came = Vec::new();
    while !came.ends_with(b"\r\n\r\n") {
        came.push(guard("a response head", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(came).unwrap().lines().next().unwrap().to_owned()
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gateway.test\r\n{fields}\r\n")
}

/// The start of an HTTP/2 connection with all windows open, and a request. No header needs Huffman's
/// code.
fn http2(path: &str) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]);
    bytes.extend([0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0]);
    // `:method: GET` and `:scheme: http` from the static table, then `:path`.
    let length = u8::try_from(path.len()).unwrap();
    bytes.extend([0, 0, 4 + length, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x04, length]);
    bytes.extend(path.as_bytes());
    bytes
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected() {
    for asked in [get("/endless", "").into_bytes(), http2("/endless")] {
        let limits = Limits {
            write_timeout: Duration::from_millis(300),
            // No ping may end the connection first.
            ping: Duration::from_secs(3600),
            ..Limits::default()
        };
        let mut server = server(limits).await;
        let _stuck = connect(server.addr, asked).await;
        guard("the client is cut off", server.dropped.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn exchanges_cut_off_after_the_grace_end_before_the_server() {
    for asked in [get("/endless", "").into_bytes(), http2("/endless")] {
        let limits = Limits { grace: Duration::from_millis(300), ..Limits::default() };
        let server = server(limits).await;
        let mut stuck = connect(server.addr, asked).await;
        guard("an answer", stuck.read_exact(&mut [0; 64 * 1024])).await.unwrap();
        server.stop.send(()).unwrap();
        let left = guard("the server stops", server.serving).await.unwrap();
        assert_eq!(left, 0, "its exchange goes on");
    }
}

/// Reads until the connection is closed.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    guard("the connection is closed", stream.read_to_end(&mut came)).await.unwrap();
    came
}

const SHORT: Duration = Duration::from_millis(200);

/// Limits that soon close a connection without an open exchange.
fn impatient() -> Limits {
    let hour = Duration::from_secs(3600);
    Limits { header_timeout: SHORT, ping: hour, ..Limits::default() }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = server(impatient()).await;
    for asked in [Vec::new(), get("/", "").into_bytes(), http2("/")] {
        let mut idle = connect(server.addr, &asked).await;
        let came = rest(&mut idle).await;
        let is_http2 = asked.starts_with(b"PRI");
        // The first GOAWAY names no stream: a request that crosses it is served.
        let goaway = frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        let is_told = came.windows(goaway.len()).any(|bytes| bytes == goaway);
        assert_eq!(is_told, is_http2, "{came:?}");
    }
}

/// A client that has begun a head, or holds an HTTP/2 connection open, does not delay the end.
#[tokio::test]
async fn a_connection_without_an_exchange_does_not_delay_the_end() {
    let server = server(Limits { last_header_timeout: SHORT, ..Limits::default() }).await;
    let mut clients = Vec::new();
    for asked in [b"G".to_vec(), b"GET / HTTP/1.1\r\nhost".to_vec(), http2("/")] {
        clients.push(connect(server.addr, asked).await);
    }
    let mut asked = connect(server.addr, get("/", "")).await;
    status(&mut asked).await;
    asked.write_all(b"G").await.unwrap();
    // The last of them is served.
    status(&mut connect(server.addr, get("/", "")).await).await;
    server.stop.send(()).unwrap();
    let ended = timeout(Limits::default().header_timeout / 2, server.serving).await;
    ended.expect("it waits for nobody").unwrap();
}

#[tokio::test]
async fn a_connection_with_an_open_exchange_is_not_idle() {
    let mut server = server(impatient()).await;
    for asked in [get("/silent", "").into_bytes(), http2("/silent")] {
        let mut open = connect(server.addr, asked).await;
        let answer = timeout(4 * impatient().header_timeout, rest(&mut open)).await;
        assert!(answer.is_err(), "it is closed");
        assert!(server.dropped.try_recv().is_err(), "it is given up");
        drop(open);
        guard("it ends with its connection", server.dropped.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn heads_of_60_kib_pass_and_larger_ones_or_more_fields_do_not() {
    let server = server(Limits::default()).await;
    let long = |length| format!("x-long: {}\r\n", "x".repeat(length));
    let many = |count| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    for (fields, expected) in
        [(long(60 * 1024), "200"), (long(70 * 1024), "431"), (many(99), "200"), (many(101), "431")]
    {
        let mut client = connect(server.addr, get("/", &fields)).await;
        assert!(status(&mut client).await.contains(expected), "{} bytes", fields.len());
    }
    // An endless head is cut off at the limit, before it uses up memory.
    let mut client = connect(server.addr, "GET / HTTP/1.1\r\nx-endless: ").await;
    let mut sent = 0;
    while sent < 32 << 20 && client.write_all(&[b'x'; 16 * 1024]).await.is_ok() {
        sent += 16 * 1024;
    }
    assert!(sent < 32 << 20, "the head is read on and on");
}

#[tokio::test]
async fn a_body_may_be_longer_than_a_head() {
    let server = server(Limits::default()).await;
    let body = vec![b'x'; 1 << 20];
    let head = format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut client = connect(server.addr, [head.as_bytes(), &body].concat()).await;
    assert!(status(&mut client).await.contains("200"));
    let mut rest = vec![0; body.len()];
    guard("the body comes back", client.read_exact(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_others_to_end() {
    let server = server(Limits { connections: 2, ..Limits::default() }).await;
    let mut first = connect(server.addr, get("/", "")).await;
    let mut second = connect(server.addr, get("/", "")).await;
    assert!(status(&mut first).await.contains("200"));
    assert!(status(&mut second).await.contains("200"));
    let mut third = connect(server.addr, get("/", "")).await;
    // Accepted connections are served meanwhile.
    first.write_all(get("/", "").as_bytes()).await.unwrap();
    assert!(status(&mut first).await.contains("200"));
    let answer = timeout(Duration::from_millis(100), third.readable()).await;
    assert!(answer.is_err(), "the third has an answer");
    drop(second);
    assert!(status(&mut third).await.contains("200"));
}

/// A frame on stream `id` with this kind, flags and payload.
fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &id.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn floods_of_http2_end_their_connection() {
    let server = server(Limits::default()).await;
    type Flood = fn(u32) -> Vec<u8>;
    let floods: [(&str, Flood); 3] = [
        ("resets", |n| {
            let id = 2 * n + 3;
            [frame(1, 5, id, &[0x82, 0x86, 0x84]), frame(3, 0, id, &[0, 0, 0, 8])].concat()
        }),
        ("continuation", |n| frame(if n == 0 { 1 } else { 9 }, 0, 3, &[0x82])),
        ("pings that nobody reads the answers of", |_| frame(6, 0, 0, &[0; 8]).repeat(1000)),
    ];
    for (name, flood) in floods {
        let mut client = connect(server.addr, http2("/")).await;
        let mut sent = 0;
        let flooding = async {
            while client.write_all(&flood(sent)).await.is_ok() {
                sent += 1;
                assert!(sent < 1_000_000, "{name} without end");
            }
        };
        // Pings are read no faster than they are answered, so that flood stalls.
        match timeout(Duration::from_secs(2), flooding).await {
            Ok(()) => {}
            Err(_) => assert!(name.starts_with("pings"), "{name}"),
        }
    }
}
