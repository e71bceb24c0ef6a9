//! `HttpClient` over the host's own connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn as hyper_service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::DuplexStream;
use tokio::net::{UnixListener, UnixStream};
use tower::{ServiceExt, service_fn};
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::timeout::ConnectTimeout;

use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};

type Client = HttpClient<Full<Bytes>>;

async fn answer(client: &Client, url: &str) -> String {
    let request = Request::post(url).body(Full::from("question")).unwrap();
    let response = guard("an answer", client.clone().oneshot(request)).await.unwrap();
    let body = guard("the body", response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// Answers with the requested host and version, and repeats the body.
async fn serve(io: impl hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static) {
    let service = hyper_service(async |request: Request<hyper::body::Incoming>| {
        let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
        let host = host.or(request.uri().authority().map(ToString::to_string)).unwrap();
        let head = format!("{:?} {host} {}", request.version(), request.uri().path());
        let came = request.into_body().collect().await.unwrap().to_bytes();
        let text = format!("{head} {}", String::from_utf8_lossy(&came));
        Ok::<_, io::Error>(Response::new(Full::<Bytes>::from(text)))
    });
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
}

#[tokio::test]
async fn a_connector_can_use_unix_sockets_with_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(TokioIo::new(stream)));
        }
    });
    let connector = move || {
        let path = path.clone();
        service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        })
    };
    let client: Client = HttpClient::builder().connector(connector()).build().unwrap();
    for _ in 0..3 {
        assert_eq!(answer(&client, "http://model/x").await, "HTTP/1.1 model /x question");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "connections are pooled");
    assert_eq!(answer(&client, "http://other/").await, "HTTP/1.1 other / question");
    assert_eq!(connections.load(Ordering::SeqCst), 2, "by origin");
    let builder = HttpClient::builder().http2_prior_knowledge().connector(connector());
    let client: Client = builder.build().unwrap();
    assert_eq!(answer(&client, "http://model/x").await, "HTTP/2.0 model /x question");
}

/// Both ends of a connection in memory.
fn in_memory() -> TokioIo<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve(TokioIo::new(theirs)));
    TokioIo::new(ours)
}

#[tokio::test]
async fn a_connector_gets_the_uri_of_the_origin() {
    let connector = service_fn(async |uri: Uri| {
        assert_eq!(uri, "http://model:8080/");
        Ok::<_, io::Error>(in_memory())
    });
    let client: Client = HttpClient::builder().connector(connector).build().unwrap();
    let answer = answer(&client, "http://model:8080/v1?q=1").await;
    assert_eq!(answer, "HTTP/1.1 model:8080 /v1 question");
}

#[tokio::test(start_paused = true)]
async fn the_connect_timeouts_apply_to_a_connector() {
    let connector = service_fn(async |_: Uri| {
        std::future::pending::<io::Result<TokioIo<DuplexStream>>>().await
    });
    let client: Client = HttpClient::builder().connector(connector).build().unwrap();
    for (asked, expected) in [(None, 10), (Some(3), 3)] {
        let mut request = Request::get("http://model/").body(Full::default()).unwrap();
        if let Some(seconds) = asked {
            request.extensions_mut().insert(ConnectTimeout(Duration::from_secs(seconds)));
        }
        let start = tokio::time::Instant::now();
        let error = client.clone().oneshot(request).await.unwrap_err();
        assert!(error.is_connect_timeout(), "{error:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(expected));
    }
}

#[tokio::test]
async fn a_failed_connector_is_a_connect_failure() {
    let connector = service_fn(async |_: Uri| {
        Err::<TokioIo<DuplexStream>, _>(io::Error::from(io::ErrorKind::NotFound))
    });
    let client: Client = HttpClient::builder().connector(connector).build().unwrap();
    let request = Request::get("http://model/").body(Full::default()).unwrap();
    assert!(client.oneshot(request).await.unwrap_err().is_connect());
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test]
async fn tls_runs_over_a_connector_and_negotiates_the_version() {
    for (alpn, version) in [(&["h2"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1")] {
        let upstream = HyperUpstream::start_tls(alpn, async |request: Request<_>| {
            Response::new(body(format!("{:?}", request.version())))
        });
        let upstream = upstream.await;
        let addr = upstream.addr;
        let connector = service_fn(move |_: Uri| async move {
            tokio::net::TcpStream::connect(addr).await.map(TokioIo::new)
        });
        let pem = upstream.pem.clone().unwrap();
        let builder = HttpClient::builder().extra_roots_pem(pem).connector(connector);
        let client: Client = builder.build().unwrap();
        // The certificate is checked against the URI's host, wherever the connection goes.
        assert_eq!(answer(&client, "https://127.0.0.1/").await, version);
        let request = Request::get("https://localhost/").body(Full::default()).unwrap();
        assert!(client.oneshot(request).await.unwrap_err().is_connect());
    }
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test]
async fn a_connector_with_its_own_tls_is_used_unchanged() {
    let connector = || {
        service_fn(async |uri: Uri| {
            assert_eq!(uri, "https://model/");
            let (ours, theirs) = UnixStream::pair().unwrap();
            tokio::spawn(serve(TokioIo::new(theirs)));
            Ok::<_, io::Error>(TokioIo::new(ours))
        })
    };
    let builder = || HttpClient::builder().tls_connector(connector());
    let client: Client = builder().build().unwrap();
    assert_eq!(answer(&client, "https://model/x").await, "HTTP/1.1 model /x question");
    let refused = |builder: HttpClientBuilder| builder.build::<Full<Bytes>>().is_err();
    assert!(refused(builder().identity_pem("pem")));
    assert!(refused(builder().extra_roots_pem("pem")));
    #[cfg(feature = "proxy")]
    assert!(refused(builder().proxy("http://127.0.0.1:1")));
}
