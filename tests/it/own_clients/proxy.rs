//! `HttpClient` through proxies.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{ClientError, HttpClient};

use crate::own_clients::breaks::{gone, layer};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::message::{ok, response};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::scripted::events::Events;

type Client = HttpClient<Full<Bytes>>;

/// A tunnelling proxy that records the heads that it gets.
#[derive(Clone)]
struct Proxy {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { addr: listener.local_addr().unwrap(), heads: Arc::default() };
        let heads = proxy.heads.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(tunnel(stream, heads.clone()));
            }
        });
        proxy
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Its only head.
    #[track_caller]
    fn head(&self) -> String {
        let heads = self.heads();
        assert_eq!(heads.len(), 1, "{heads:?}");
        heads[0].clone()
    }
}

async fn tunnel(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
    let mut upstream = TcpStream::connect(target).await?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut stream, &mut upstream).await?;
    Ok(())
}

async fn secure() -> HyperUpstream {
    HyperUpstream::start_tls(&["h2", "http/1.1"], async |request: Request<_>| {
        assert!(!request.headers().contains_key("proxy-authorization"));
        Response::new(body(format!("{:?}", request.version())))
    })
    .await
}

async fn answer(client: &Client, url: &str) -> Result<String, ClientError> {
    let request = Request::post(url).header("authorization", "Bearer sk-secret");
    let request = request.body(Full::from("question")).unwrap();
    let response = guard("an answer", client.clone().oneshot(request)).await?;
    let body = guard("the body", response.into_body().collect()).await.unwrap();
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

fn trusting(upstream: &HyperUpstream) -> HttpClientBuilder {
    HttpClient::builder().extra_roots_pem(upstream.pem.clone().unwrap())
}

#[tokio::test]
async fn https_uses_a_tunnel_and_only_the_proxy_gets_its_password() {
    let (upstream, proxy) = (secure().await, Proxy::start().await);
    let builder = trusting(&upstream).proxy(format!("http://user:p%40ss@{}", proxy.addr));
    assert!(!format!("{builder:?}").contains("p%40ss"));
    let client: Client = builder.build().unwrap();
    for _ in 0..2 {
        assert_eq!(answer(&client, &upstream.base("/x")).await.unwrap(), "HTTP/2.0");
    }
    let head = proxy.head();
    assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", upstream.addr)), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    assert!(!head.contains("sk-secret"), "{head}");
    assert!(!format!("{client:?}").contains("dXNlcjpwQHNz"));
}

#[tokio::test]
async fn excluded_hosts_are_reached_directly() {
    let (upstream, proxy) = (secure().await, Proxy::start().await);
    let builder = trusting(&upstream).proxy(format!("http://{}", proxy.addr));
    let client: Client = builder.no_proxy("example.com, 127.0.0.0/8").build().unwrap();
    answer(&client, &upstream.base("/x")).await.unwrap();
    assert!(proxy.heads().is_empty());
}

#[tokio::test]
async fn plain_http_is_sent_to_the_proxy() {
    let proxy = Recorder::answering(|_| ok(b"from the proxy")).await;
    let builder = HttpClient::builder().proxy(format!("http://user:pass@{}", proxy.addr()));
    let client: Client = builder.build().unwrap();
    for _ in 0..2 {
        let answer = answer(&client, "http://model.example/v1/x?q=1").await.unwrap();
        assert_eq!(answer, "from the proxy");
    }
    for asked in proxy.requests() {
        assert_eq!(asked.head.target(), "http://model.example/v1/x?q=1");
        assert_eq!(asked.head.get("host"), Some("model.example"));
        assert_eq!(asked.head.get("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
        assert_eq!(asked.body(), b"question");
    }
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn a_refusing_proxy_is_a_connect_failure() {
    for status in ["407 Proxy Authentication Required", "502 Bad Gateway", "403 Forbidden"] {
        let answer = response(status, &["proxy-authenticate: Basic"], b"");
        let proxy = Recorder::answering(move |_| answer.clone()).await;
        let url = format!("http://user:secret@{}", proxy.addr());
        fails(url, "https://model.example/v1", Failure::Connect, status).await;
    }
    // Over plain HTTP too, the client must not take it for the provider's answer.
    let answer = response("407 Proxy Authentication Required", &["proxy-authenticate: Basic"], b"");
    let proxy = Recorder::answering(move |_| answer.clone()).await;
    let url = format!("http://user:secret@{}", proxy.addr());
    fails(url, "http://model.example/v1", Failure::Connect, "407, plain").await;
    for scheme in ["http", "https", "socks5h"] {
        let url = format!("{scheme}://user:secret@{}", gone());
        fails(url, "https://model.example/v1", Failure::Connect, "nobody").await;
    }
}

/// Checks that a request fails like this, with an error that mentions the proxy but no password.
async fn fails(proxy: String, base: &str, failure: Failure, what: &str) {
    let builder = || HttpClient::builder().proxy(proxy.clone());
    let client: Client = builder().build().unwrap();
    let error = answer(&client, &format!("{base}/x")).await.unwrap_err();
    assert!(error.is_connect() && error.is_proxy(), "{what}: {error:?}");
    assert!(error.to_string().contains("proxy"), "{error}");
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    assert!(!text.contains("secret") && !text.contains("Basic"), "{text}");

    let events = Events::default();
    let client = builder().build().unwrap();
    let gateway = layer(base.to_owned(), &events).build().unwrap().upstream(client);
    let request = Request::post("/ai/grok/v1/x").body(crate::own_clients::full("{}")).unwrap();
    let gateway = gateway.layer(axum::Router::new());
    let response = guard("an answer", gateway.oneshot(request)).await.unwrap();
    assert_eq!(response.status(), 502, "{what}");
    assert_eq!(events.end().failure, Some(failure), "{what}");
}

#[tokio::test]
async fn the_connect_timeout_covers_the_proxys_handshake() {
    let silent = RawUpstream::start().await;
    for scheme in ["http", "https", "socks5"] {
        let builder = HttpClient::builder().proxy(format!("{scheme}://{}", silent.addr()));
        let client: Client = builder.connect_timeout(Duration::from_millis(50)).build().unwrap();
        let error = answer(&client, "https://127.0.0.1:1/x").await.unwrap_err();
        assert!(error.is_connect_timeout(), "{scheme} {error:?}");
    }
}

#[tokio::test]
async fn a_proxy_over_tls_gets_no_client_certificate() {
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    let upstream = secure().await;
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        .with_single_cert(vec![key.cert.der().clone()], PrivateKeyDer::Pkcs8(private))
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls.accept(stream).await.unwrap();
        assert_eq!(stream.get_ref().1.peer_certificates(), None, "that is for providers");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
        let mut upstream = TcpStream::connect(target).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut upstream).await;
    });
    let identity = format!("{}{}", key.cert.pem(), key.signing_key.serialize_pem());
    let builder = trusting(&upstream).extra_roots_pem(key.cert.pem()).identity_pem(identity);
    let client: Client = builder.proxy(proxy).build().unwrap();
    assert_eq!(answer(&client, &upstream.base("/x")).await.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn socks_uses_user_and_password() {
    let upstream = secure().await;
    let target = upstream.addr;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("socks5h://user:pass@{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).await.unwrap();
        let mut methods = vec![0; usize::from(greeting[1])];
        stream.read_exact(&mut methods).await.unwrap();
        assert!(methods.contains(&2));
        stream.write_all(&[5, 2]).await.unwrap();
        let mut login = [0; 11];
        stream.read_exact(&mut login).await.unwrap();
        assert_eq!(&login, b"\x01\x04user\x04pass");
        stream.write_all(&[1, 0]).await.unwrap();
        // CONNECT to an IPv4 address.
        let mut connect = [0; 10];
        stream.read_exact(&mut connect).await.unwrap();
        assert_eq!(connect[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
        assert_eq!(u16::from_be_bytes([connect[8], connect[9]]), target.port());
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        let mut upstream = TcpStream::connect(target).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut upstream).await;
    });
    let client: Client = trusting(&upstream).proxy(proxy).build().unwrap();
    assert_eq!(answer(&client, &upstream.base("/x")).await.unwrap(), "HTTP/2.0");
    served.abort();
}

#[test]
fn an_invalid_proxy_url_is_refused_and_not_shown() {
    for url in
        ["ftp://user:secret@p", "socks4://user:secret@p", "http://secret@", "not a url secret"]
    {
        let error = HttpClient::builder().proxy(url).build::<Full<Bytes>>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
