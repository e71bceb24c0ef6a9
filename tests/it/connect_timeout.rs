//! The connect timeout that a request sets for itself.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, advance, pause};
use tower::{Service, ServiceExt};
use tower_ai_gateway::timeout::ConnectTimeout;
use tower_ai_gateway::{ClientError, HttpClient};

type Client = HttpClient<Full<Bytes>>;

/// Answers each request on a signal.
async fn server() -> (SocketAddr, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (asked, arrivals) = mpsc::channel(1);
    let (go, gone) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // Accepts only one connection.
        drop(listener);
        let gone = std::sync::Arc::new(tokio::sync::Mutex::new(gone));
        let service = service_fn(move |_| {
            let (asked, gone) = (asked.clone(), gone.clone());
            async move {
                asked.send(()).await.unwrap();
                gone.lock().await.recv().await.unwrap();
                Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("ok")))
            }
        });
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    });
    (addr, go, arrivals)
}

/// The kernel accepts TCP, and TLS never answers.
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
async fn black_hole() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    (listener, url)
}

fn request(url: &str, timeout: Option<Duration>) -> Request<Full<Bytes>> {
    let mut request = Request::get(url).body(Full::default()).unwrap();
    if let Some(timeout) = timeout {
        request.extensions_mut().insert(ConnectTimeout(timeout));
    }
    request
}

fn client(timeout: Duration) -> Client {
    HttpClient::builder().connect_timeout(timeout).build().unwrap()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test(start_paused = true)]
async fn the_shorter_timeout_of_request_and_client_applies() {
    let (_listener, url) = black_hole().await;
    for (own, asked, expected) in [
        (seconds(10), None, seconds(10)),
        (seconds(10), Some(seconds(3)), seconds(3)),
        (seconds(3), Some(seconds(10)), seconds(3)),
        (seconds(3), Some(Duration::MAX), seconds(3)),
        (seconds(3), Some(Duration::ZERO), seconds(0)),
    ] {
        let start = Instant::now();
        let error: ClientError = client(own).oneshot(request(&url, asked)).await.unwrap_err();
        assert!(error.is_connect_timeout() && error.is_connect(), "{error:?}");
        assert_eq!(error.to_string(), "connecting took too long");
        assert_eq!(start.elapsed(), expected, "{own:?} {asked:?}");
    }
}

#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
#[tokio::test(start_paused = true)]
async fn each_request_has_its_own_timeout() {
    let (_listener, url) = black_hole().await;
    let client = client(seconds(10));
    let wait = async |asked| {
        let start = Instant::now();
        let error = client.clone().oneshot(request(&url, asked)).await.unwrap_err();
        assert!(error.is_connect_timeout());
        start.elapsed()
    };
    let waited = tokio::join!(wait(Some(seconds(1))), wait(None), wait(Some(seconds(2))));
    assert_eq!(waited, (seconds(1), seconds(10), seconds(2)));
}

#[tokio::test]
async fn a_connected_request_is_not_bound_by_the_connect_timeout() {
    let (addr, go, mut arrivals) = server().await;
    let url = format!("http://{addr}/");
    let mut client = client(seconds(60));
    let mut call = std::pin::pin!(client.call(request(&url, Some(seconds(30)))));
    tokio::select! {
        _ = &mut call => panic!("answered"),
        arrived = arrivals.recv() => arrived.unwrap(),
    }
    pause();
    advance(seconds(3600)).await;
    assert!(futures_util::poll!(&mut call).is_pending());
    go.send(()).await.unwrap();
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_pooled_connection_needs_no_time() {
    let (addr, go, mut arrivals) = server().await;
    let url = format!("http://{addr}/");
    let client = client(seconds(60));
    go.send(()).await.unwrap();
    let first = client.clone().oneshot(request(&url, None)).await.unwrap();
    first.into_body().collect().await.unwrap();
    arrivals.recv().await.unwrap();
    // The connection returns to the pool shortly after the end of the body. Until then a new one is
    // requested, in vain. For a pooled one, a timeout of zero suffices.
    let pooled = async {
        loop {
            let call = client.clone().oneshot(request(&url, Some(Duration::ZERO)));
            let mut call = std::pin::pin!(call);
            tokio::select! {
                failed = &mut call => assert!(failed.unwrap_err().is_connect()),
                arrived = arrivals.recv() => {
                    arrived.unwrap();
                    go.send(()).await.unwrap();
                    break call.await.unwrap();
                }
            }
        }
    };
    let response = tokio::time::timeout(seconds(30), pooled).await;
    let response = response.expect("the connection comes back to the pool");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
}

#[cfg(all(feature = "control", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
#[tokio::test(start_paused = true)]
async fn the_gateway_answers_504_because_nothing_was_sent() {
    use tower::{Layer, ServiceBuilder};
    use tower_ai_gateway::control::TimeoutLayer;
    use tower_ai_gateway::hook::Failure;
    use tower_ai_gateway::settings::Timeouts;
    use tower_ai_gateway::{GatewayLayer, Provider};

    use crate::support::memory;

    let (_listener, url) = black_hole().await;
    let timeouts = Timeouts::default().connect(seconds(1)).head(seconds(5));
    let upstream = ServiceBuilder::new()
        .layer(TimeoutLayer::new(timeouts))
        .service(HttpClient::builder().build().unwrap());
    let recorder = memory::Recorder::default();
    let layer = GatewayLayer::builder()
        .provider(Provider::xai().base_url(url + "v1"))
        .metrics_hook(recorder.clone());
    let service = layer.build().unwrap().upstream(upstream).layer(tower::service_fn(memory::app));
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let start = Instant::now();
    let response = service.oneshot(request.body(Full::<Bytes>::from("{}")).unwrap()).await.unwrap();
    assert_eq!(start.elapsed(), seconds(1));
    assert_eq!(response.status(), 504);
    assert_eq!(response.headers()["x-should-retry"], "true");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("Connect timeout"), "{body:?}");
    assert_eq!(recorder.end().failure, Some(Failure::ConnectTimeout));
}
