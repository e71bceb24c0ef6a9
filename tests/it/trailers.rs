//! Trailers: who gets them, and which fields are removed.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tower_ai_gateway::client::HttpClientBuilder;

use crate::support::client::{ClientBody, Connection, full, request as hyper_request};
use crate::support::gateway::{Gateway, Setup};
use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, UpstreamBody};
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::Recorder;

/// Allowed trailer fields, and then forbidden ones.
const SECTION: [(&str, &str); 20] = [
    ("x-sum", "1"),
    ("x-sum", "2"),
    ("grpc-status", "0"),
    ("cf-aig-log-id", "forged"),
    ("cf_aig_metadata", "forged"),
    ("authorization", "forged"),
    ("x-api-key", "forged"),
    ("api-key", "forged"),
    ("x-goog-api-key", "forged"),
    ("set-cookie", "forged"),
    ("cookie", "forged"),
    ("connection", "forged"),
    ("keep-alive", "forged"),
    ("proxy-authorization", "forged"),
    ("te", "forged"),
    ("upgrade", "forged"),
    ("host", "forged"),
    ("content-type", "forged"),
    ("x-forwarded-for", "forged"),
    ("content-encoding", "forged"),
];
const MAY: [(&str, &str); 3] = [("x-sum", "1"), ("x-sum", "2"), ("grpc-status", "0")];

/// The value of `trailer`: all names.
fn announced() -> String {
    SECTION.map(|(name, _)| name).join(", ")
}

/// A chunked message of one chunk, with all of the trailers.
fn with_trailers(head: &str) -> Vec<u8> {
    let mut bytes = format!("{head}transfer-encoding: chunked\r\ntrailer: {}\r\n\r\n", announced());
    bytes.push_str("4\r\nbody\r\n0\r\n");
    for (name, value) in SECTION {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    bytes.push_str("\r\n");
    bytes.into_bytes()
}

fn section() -> HeaderMap {
    let mut section = HeaderMap::new();
    for (name, value) in SECTION {
        // HTTP/2 forbids connection fields altogether.
        if !["connection", "keep-alive", "upgrade", "te", "proxy-authorization"].contains(&name) {
            section.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    section
}

/// A body of one frame with all of the trailers.
fn frames() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static {
    let frames = [Ok(Frame::data(Bytes::from_static(b"body"))), Ok(Frame::trailers(section()))];
    StreamBody::new(futures_util::stream::iter(frames))
}

/// Sorted in the order of [`MAY`]; repeats keep their order.
fn sorted(trailers: &[(String, Vec<u8>)]) -> Vec<(&str, &str)> {
    let text = trailers.iter().map(|(name, value)| (&**name, str::from_utf8(value).unwrap()));
    let mut text: Vec<_> = text.collect();
    text.sort_by_key(|(name, _)| *name != "x-sum");
    text
}

fn listed(trailers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    trailers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

async fn raw_upstream() -> Recorder {
    Recorder::answering(|_| with_trailers("HTTP/1.1 200 OK\r\n")).await
}

/// An upstream of either version that answers with trailers and records those that it got.
async fn hyper_upstream() -> (HyperUpstream, mpsc::UnboundedReceiver<Option<HeaderMap>>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let handler = move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let came = request.into_body().collect().await.unwrap();
            sender.send(came.trailers().cloned()).unwrap();
            let body: UpstreamBody = frames().map_err(|never| match never {}).boxed();
            let response = Response::builder().header("trailer", announced());
            response.body(body).unwrap()
        }
    };
    (HyperUpstream::start(handler).await, seen)
}

#[tokio::test]
async fn http1_response_trailers_pass_to_a_client_that_accepts_them() {
    let upstream = raw_upstream().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for te in ["te: trailers", "TE: gzip;q=0.5 , Trailers"] {
        let headers = [te, "connection: te"];
        let came = gateway.answer(request("GET /ai/grok/x", &headers, b"")).await;
        assert_eq!(came.body(), b"body");
        assert_eq!(sorted(&came.content.trailers), MAY, "{te}");
        assert_eq!(came.head.get("trailer"), Some("x-sum, x-sum, grpc-status"));
        assert!(!came.head.has("x-sum"), "trailers are not merged into headers");
    }
}

#[tokio::test]
async fn a_client_that_did_not_ask_gets_no_trailers() {
    let upstream = raw_upstream().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for headers in [&[][..], &["te: gzip"], &["te: trailers-not"]] {
        let came = gateway.answer(request("GET /ai/grok/x", headers, b"")).await;
        assert_eq!(came.body(), b"body");
        assert!(came.content.trailers.is_empty(), "{headers:?}");
        assert!(!came.head.has("trailer") && !came.head.has("x-sum"), "{}", came.text());
    }
    // The same for HTTP/2 clients.
    let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
    let asked = hyper_request(Version::HTTP_2, "GET", "/ai/grok/x", &[], full(""));
    let came = guard("the body", client.send(asked).await.into_body().collect()).await.unwrap();
    assert_eq!(came.trailers(), None);
    assert_eq!(came.to_bytes(), "body");
}

#[tokio::test]
async fn http2_response_trailers_pass_to_a_client_that_accepts_them() {
    for change in [|client| client, HttpClientBuilder::http2_prior_knowledge] {
        let (upstream, _seen) = hyper_upstream().await;
        let gateway = Setup::new(upstream.base("/v1")).client(change).start().await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut client = Connection::open(gateway.addr, version).await;
            let te = [("te", "trailers")];
            let asked = hyper_request(version, "GET", "/ai/grok/x", &te, full(""));
            let body = client.send(asked).await.into_body();
            let came = guard("the body", body.collect()).await.unwrap();
            assert_eq!(sorted(&listed(came.trailers().unwrap())), MAY, "{version:?}");
            assert_eq!(came.to_bytes(), "body");
        }
    }
}

#[tokio::test]
async fn http1_request_trailers_pass_without_forbidden_fields() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let head =
        "POST /ai/grok/x HTTP/1.1\r\nhost: gateway.test\r\nte: trailers\r\nconnection: te\r\n";
    assert_eq!(gateway.answer(with_trailers(head)).await.status(), 200);
    let came = upstream.only();
    assert_eq!(came.body(), b"body");
    assert_eq!(sorted(&came.content.trailers), MAY);
    assert_eq!(came.head.get("trailer"), Some("x-sum, x-sum, grpc-status"));
    assert!(!came.head.text().contains("forged") && !came.head.has("x-sum"));
}

#[tokio::test]
async fn http2_request_trailers_pass_without_forbidden_fields() {
    let (upstream, mut seen) = hyper_upstream().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.client(HttpClientBuilder::http2_prior_knowledge).start().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut client = Connection::open(gateway.addr, version).await;
        let names = announced();
        let headers = [("te", "trailers"), ("trailer", names.as_str())];
        let body: ClientBody = frames().boxed();
        let sent = hyper_request(version, "POST", "/ai/grok/x", &headers, body);
        assert_eq!(client.send(sent).await.status(), 200);
        let came = guard("a request", seen.recv()).await.unwrap().expect("trailers");
        assert_eq!(sorted(&listed(&came)), MAY, "{version:?}");
    }
}

#[tokio::test]
async fn model_routed_requests_keep_their_trailers_too() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let body = br#"{"model":"grok/grok-4"}"#;
    let mut sent = b"POST /ai/compat/responses HTTP/1.1\r\nhost: a\r\n\
        transfer-encoding: chunked\r\ntrailer: x-sum, cf-aig-x\r\n\r\n"
        .to_vec();
    sent.extend_from_slice(&chunk(body));
    sent.extend_from_slice(b"0\r\nx-sum: 1\r\ncf-aig-x: 2\r\n\r\n");
    assert_eq!(gateway.answer(sent).await.status(), 200);
    let came = upstream.only();
    assert_eq!(came.body(), br#"{"model":"grok-4"}"#);
    assert_eq!(sorted(&came.content.trailers), [("x-sum", "1")]);
}
