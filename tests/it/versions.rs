//! All versions of HTTP on both sides.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tower::service_fn;
use tower_ai_gateway::client::HttpClientBuilder;
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::support::client::{Connection, collect, full, request};
use crate::support::ends::Ends;
use crate::support::gateway::{Gateway, Setup};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, UpstreamBody, body};
use crate::support::message::{self, chunk, ok};
use crate::support::raw_upstream::{RawUpstream, Recorder};

/// A request as parsed by the provider's server.
#[derive(Debug)]
struct Seen {
    version: Version,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// A handler that records its request and answers `201 answer`.
fn observed()
-> (impl Fn(Request<Incoming>) -> Handled + Clone + Send + 'static, mpsc::UnboundedReceiver<Seen>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let handler = move |request: Request<Incoming>| -> Handled {
        let sender = sender.clone();
        Box::pin(async move {
            let (parts, incoming) = request.into_parts();
            let came = incoming.collect().await.unwrap().to_bytes();
            let http::request::Parts { version, method, uri, headers, .. } = parts;
            let is_head = method == Method::HEAD;
            sender.send(Seen { version, method, uri, headers, body: came }).unwrap();
            let answer = if is_head { "" } else { "answer" };
            let response = Response::builder().status(201).header("x-answer", "1");
            response.header("content-length", 6).body(body(answer)).unwrap()
        })
    };
    (handler, seen)
}

type Handled = std::pin::Pin<Box<dyn Future<Output = Response<UpstreamBody>> + Send>>;

/// Sends a native and a model-routed request with this version of HTTP.
async fn exchange(gateway: Gateway, version: Version) {
    let mut client = Connection::open(gateway.addr, version).await;
    // HTTP/2 allows only this value here.
    let te = if version == Version::HTTP_2 { "trailers" } else { "trailers, gzip" };
    let headers = [("te", te), ("x-repeat", "1"), ("x-repeat", "2")];
    for (path, sent) in [
        ("/ai/grok/v1/files?q=%2F", "the body"),
        ("/ai/compat/responses", r#"{"model":"grok/grok-4"}"#),
    ] {
        let response = client.send(request(version, "POST", path, &headers, full(sent))).await;
        assert_eq!(response.version(), version);
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-answer"], "1");
        assert_eq!(collect(response.into_body()).await.unwrap(), "answer");
    }
    let response = client.send(request(version, "HEAD", "/ai/grok/v1/x", &[], full(""))).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-length"], "6");
    assert_eq!(collect(response.into_body()).await.unwrap(), "");
}

/// Checks the requests of [`exchange`].
async fn check(seen: &mut mpsc::UnboundedReceiver<Seen>, version: Version, authority: &str) {
    for (method, target, sent) in [
        (Method::POST, "/v1/files?q=%2F", "the body"),
        (Method::POST, "/v1/responses", r#"{"model":"grok-4"}"#),
        (Method::HEAD, "/v1/x", ""),
    ] {
        let came = guard("a request", seen.recv()).await.unwrap();
        assert_eq!(came.version, version);
        assert_eq!((&came.method, &came.body[..]), (&method, sent.as_bytes()));
        assert_eq!(came.uri.path_and_query().unwrap(), target);
        // In HTTP/1 the authority is only in `host`, in HTTP/2 in its own field.
        let hosts: Vec<_> = came.headers.get_all("host").iter().collect();
        if version == Version::HTTP_2 {
            assert_eq!(came.uri.authority().unwrap(), authority);
            assert!(hosts.iter().all(|host| *host == authority), "{hosts:?}");
        } else {
            assert_eq!(came.uri.authority(), None);
            assert_eq!(hosts, [authority]);
        }
        for name in ["connection", "transfer-encoding", "upgrade", "http2-settings"] {
            assert!(!came.headers.contains_key(name), "{name}: {:?}", came.headers);
        }
        if method == Method::POST {
            let te: Vec<_> = came.headers.get_all("te").iter().collect();
            assert_eq!(te, ["trailers"], "what else `te` said was for this hop");
            let repeats: Vec<_> = came.headers.get_all("x-repeat").iter().collect();
            assert_eq!(repeats, ["1", "2"]);
        }
    }
}

async fn combination(
    client: Version,
    upstream: Version,
    change: impl FnOnce(HttpClientBuilder) -> HttpClientBuilder,
) {
    let (handler, mut seen) = observed();
    let provider = HyperUpstream::start(handler).await;
    let gateway = Setup::new(provider.base("/v1")).client(change).start().await;
    exchange(gateway, client).await;
    check(&mut seen, upstream, &provider.addr.to_string()).await;
}

/// What the gateway itself answers to HEAD ends with its head, in which it says how long GET's body is.
#[tokio::test]
async fn head_gets_the_head_of_the_gateways_own_answers() {
    let (hook, mut ends) = Ends::by(|end| (end.status, end.response_bytes));
    // Nothing listens there.
    let setup = Setup::new("http://127.0.0.1:1/v1").layer(|layer| layer.metrics_hook(hook));
    let gateway = setup.start().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (path, status) in [("/ai/compat/models", 200), ("/ai/grok/v1/x", 502)] {
            let mut client = Connection::open(gateway.addr, version).await;
            let get = client.send(request(version, "GET", path, &[], full(""))).await;
            let length = collect(get.into_body()).await.unwrap().len();
            assert_eq!(ends.next().await, (Some(status.try_into().unwrap()), length as u64));
            let head = client.send(request(version, "HEAD", path, &[], full(""))).await;
            assert_eq!(head.status(), status, "{path}");
            assert_eq!(head.headers()["content-length"], length.to_string(), "{path}");
            assert_eq!(collect(head.into_body()).await.unwrap(), "", "{path}");
            assert_eq!(ends.next().await, (Some(status.try_into().unwrap()), 0), "{path}");
        }
    }
}

#[tokio::test]
async fn http1_to_http1() {
    combination(Version::HTTP_11, Version::HTTP_11, |client| client).await;
}

#[tokio::test]
async fn http2_to_http1() {
    combination(Version::HTTP_2, Version::HTTP_11, |client| client).await;
}

#[tokio::test]
async fn http1_to_http2_by_prior_knowledge() {
    combination(Version::HTTP_11, Version::HTTP_2, HttpClientBuilder::http2_prior_knowledge).await;
}

#[tokio::test]
async fn http2_to_http2_by_prior_knowledge() {
    combination(Version::HTTP_2, Version::HTTP_2, HttpClientBuilder::http2_prior_knowledge).await;
}

#[tokio::test]
async fn over_tls_the_provider_chooses_the_version() {
    for (offered, spoken) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        for client in [Version::HTTP_11, Version::HTTP_2] {
            let (handler, mut seen) = observed();
            let provider = HyperUpstream::start_tls(offered, handler).await;
            let pem = provider.pem.clone().unwrap();
            let gateway = Setup::new(provider.base("/v1"));
            let gateway = gateway.client(|client| client.extra_roots_pem(pem)).start().await;
            exchange(gateway, client).await;
            check(&mut seen, spoken, &provider.addr.to_string()).await;
        }
    }
}

#[tokio::test]
async fn a_client_for_http1_only_uses_no_other_version() {
    let (handler, mut seen) = observed();
    let provider = HyperUpstream::start_tls(&["h2", "http/1.1"], handler).await;
    let pem = provider.pem.clone().unwrap();
    let gateway = Setup::new(provider.base("/v1"))
        .client(|client| client.extra_roots_pem(pem).http1_only())
        .start()
        .await;
    exchange(gateway, Version::HTTP_2).await;
    check(&mut seen, Version::HTTP_11, &provider.addr.to_string()).await;
}

#[tokio::test]
async fn an_http2_client_cannot_choose_the_authority() {
    let (handler, mut seen) = observed();
    let provider = HyperUpstream::start(handler).await;
    for change in [|client| client, HttpClientBuilder::http2_prior_knowledge] {
        let gateway = Setup::new(provider.base("/v1")).client(change).start().await;
        let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
        let forged = Request::get("https://evil.example:1/ai/grok/x").header("host", "evil.test");
        let response = client.send(forged.body(full("")).unwrap()).await;
        assert_eq!(response.status(), 201);
        let came = guard("a request", seen.recv()).await.unwrap();
        let own = provider.addr.to_string();
        assert!(!format!("{came:?}").contains("evil"), "{came:?}");
        assert!(came.headers.get_all("host").iter().all(|host| *host == own), "{came:?}");
        assert!(came.uri.authority().is_none_or(|authority| *authority == own), "{came:?}");
    }
}

#[tokio::test]
async fn an_http1_0_client_gets_a_readable_response() {
    let chunks = [chunk(b"one "), chunk(b"two"), chunk(b"")].concat();
    let chunked = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunks[..]].concat();
    for answer in
        [chunked, ok(b"one two"), b"HTTP/1.0 200 OK\r\ncontent-length: 7\r\n\r\none two".to_vec()]
    {
        let upstream = Recorder::answering(move |_| answer.clone()).await;
        let gateway = Gateway::start(upstream.base("/v1")).await;
        for path in ["/ai/grok/v1/x", "/ai/compat/responses"] {
            let sent = r#"{"model":"grok/grok-4"}"#;
            let length = sent.len();
            let head = format!("POST {path} HTTP/1.0\r\ncontent-length: {length}\r\n\r\n{sent}");
            let mut client = gateway.connect().await;
            client.send(head).await;
            let came = client.read_message().await;
            assert!(came.head.line.starts_with("HTTP/1.0 200"), "{}", came.text());
            assert!(!came.head.has("transfer-encoding"), "{}", came.text());
            assert_eq!(came.body(), b"one two");
        }
        for came in upstream.requests() {
            assert!(came.head.line.ends_with(" HTTP/1.1"), "{}", came.head.line);
            assert_eq!(came.head.get("host"), Some(&*upstream.addr().to_string()));
        }
        assert_eq!(upstream.requests().len(), 2);
    }
}

#[tokio::test]
async fn the_providers_version_does_not_become_the_responses() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client.send(message::request("GET /ai/grok/x", &[], b"")).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    provider.send("HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n").await;
    let head = client.read_head().await;
    assert!(head.line.starts_with("HTTP/1.1 200") && head.is_chunked(), "{}", head.text());
    assert_eq!(client.read_chunk().await.unwrap(), b"data: {}\n\n");
    provider.reset();
    assert!(!client.read_chunks().await.is_whole, "a broken stream has no proper end");
}

/// hyper's server panics at a version that it does not know.
#[tokio::test]
async fn a_response_over_http3_is_relayed() {
    let provider = service_fn(|_: Request<RequestBody<Incoming>>| async {
        Ok::<_, Infallible>(Response::builder().version(Version::HTTP_3).body(full("3")).unwrap())
    });
    let layer = GatewayLayer::builder().provider(Provider::xai()).build().unwrap();
    let gateway = Gateway::serve(layer.around(provider)).await;
    let line = "GET /v1/acct/gw/grok/v1/models";
    assert_eq!(gateway.answer(message::request(line, &[], b"")).await.body(), b"3");
}
