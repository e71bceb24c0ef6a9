//! The adapter around a `reqwest::Client`.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty, StreamBody};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use tokio::time::Instant;
use tower::util::MapErr;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::client::ReqwestClient;
use tower_ai_gateway::control::TimeoutLayer;
use tower_ai_gateway::settings::Timeouts;

use crate::own_clients::breaks::{Break, around, beside, controlled, gone, layer};
use crate::own_clients::{Upload, full};
use crate::support::guard;
use crate::support::hyper_upstream::HyperUpstream;
use crate::support::message::{STREAM_HEAD, chunk, ok, response};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::scripted::events::Events;

const BREAKS: [Break; 9] = [
    Break::Refused,
    Break::Nowhere,
    Break::Distrusted,
    Break::Closed,
    Break::Reset,
    Break::OtherProtocol,
    Break::ClosedLater,
    Break::ResetLater,
    Break::Upload,
];

fn builder() -> ClientBuilder {
    Client::builder().no_proxy()
}

fn client() -> ReqwestClient {
    ReqwestClient::new(builder()).unwrap()
}

/// Sends a request through a gateway beside an app.
async fn send(base: String, request: Request<Upload>) -> Response<Bytes> {
    let gateway = layer(base, &Events::default()).build().unwrap().upstream(client());
    let response = gateway.layer(axum::Router::new()).oneshot(request);
    let (head, body) = guard("an answer", response).await.unwrap().into_parts();
    let body = guard("the body", body.collect()).await.unwrap();
    Response::from_parts(head, body.to_bytes())
}

fn post(body: Upload) -> Request<Upload> {
    Request::post("/ai/grok/v1/x?q=%2F").body(body).unwrap()
}

fn nothing() -> Upload {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

#[tokio::test]
async fn errors_are_classified_around_the_client() {
    around(client(), &BREAKS).await;
}

#[tokio::test]
async fn errors_are_classified_beside_an_app() {
    beside(client(), &BREAKS).await;
}

#[tokio::test]
async fn errors_are_classified_under_the_control_layers() {
    controlled(client(), &BREAKS).await;
}

#[tokio::test]
async fn reqwests_own_timeouts_are_classified() {
    let half_a_second = Duration::from_millis(500);
    let connect = ReqwestClient::new(builder().connect_timeout(half_a_second)).unwrap();
    around(connect.clone(), &[Break::SilentTls]).await;
    beside(connect, &[Break::SilentTls]).await;
    let breaks = [Break::Silent, Break::SilentLater];
    let patience = Duration::from_secs(3); // A busy machine may need some for a head.
    let whole = ReqwestClient::new(builder().timeout(patience)).unwrap();
    let read = ReqwestClient::new(builder().read_timeout(patience)).unwrap();
    tokio::join!(
        around(whole.clone(), &breaks),
        beside(whole, &breaks),
        around(read.clone(), &breaks),
        beside(read, &breaks),
    );
}

#[tokio::test]
async fn a_bare_reqwest_error_of_a_custom_adapter_is_classified() {
    let boxed = MapErr::new(client(), BoxError::from);
    beside(boxed.clone(), &[Break::Refused, Break::Reset]).await;
    around(boxed, &[Break::Refused, Break::Reset]).await;
    // The error itself, without a box or the adapter's type.
    let own = tower::service_fn(|_: Request<_>| async {
        Err::<Response<Upload>, _>(
            builder().build().unwrap().get(format!("http://{}/", gone())).send().await.unwrap_err(),
        )
    });
    around(own, &[Break::Refused]).await;
}

#[tokio::test]
async fn no_error_shows_the_url() {
    let url = format!("http://{}/v1/x?key=sk-secret", gone());
    let request = Request::post(url).header("x-api-key", "sk-secret").body(full("{}")).unwrap();
    let error = client().oneshot(request).await.unwrap_err();
    assert!(error.is_connect());
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret") && !text.contains("/v1/x"), "{text}");
    let headers =
        HeaderMap::from_iter([("x-api-key".parse().unwrap(), "sk-secret".parse().unwrap())]);
    let client = ReqwestClient::new(builder().default_headers(headers)).unwrap();
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn lengths_and_headers_are_kept() {
    let answer = response("200 OK", &["content-encoding: gzip", "x-answer: 1"], b"not really gzip");
    let upstream = Recorder::answering(move |_| answer.clone()).await;

    let mut request = post(full("the body"));
    request.headers_mut().insert("accept-encoding", "gzip, br".parse().unwrap());
    request.headers_mut().insert("user-agent", "an-sdk/1.0".parse().unwrap());
    *request.version_mut() = Version::HTTP_2;
    let answer = send(upstream.base("/v1"), request).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["content-length"], "15");
    assert_eq!(answer.headers()["x-answer"], "1");
    assert_eq!(answer.body(), "not really gzip");
    let sent = upstream.only();
    assert_eq!(sent.head.target(), "/v1/x?q=%2F");
    assert_eq!(sent.head.content_length(), Some(8));
    assert!(!sent.head.has("transfer-encoding"), "{}", sent.text());
    assert_eq!(sent.head.all("accept-encoding"), [b"gzip, br"]);
    assert_eq!(sent.head.all("user-agent"), [b"an-sdk/1.0"]);
    assert_eq!(sent.head.get("host"), Some(&*upstream.addr().to_string()));
    assert_eq!(sent.body(), b"the body");
    upstream.clear();

    let request = Request::get("/ai/grok/v1/models").body(nothing()).unwrap();
    send(upstream.base("/v1"), request).await;
    let sent = upstream.only();
    assert!(!sent.head.has("content-length") && !sent.head.has("transfer-encoding"));
    assert!(!sent.head.has("user-agent") && !sent.head.has("accept-encoding"), "{}", sent.text());
    upstream.clear();

    // A length from the client's header, for a body of unknown length.
    let frames =
        futures_util::stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("a body")))]);
    let mut request = post(StreamBody::new(frames).boxed_unsync());
    request.headers_mut().insert("content-length", "6".parse().unwrap());
    send(upstream.base("/v1"), request).await;
    let sent = upstream.only();
    assert_eq!(sent.head.content_length(), Some(6));
    assert!(!sent.head.has("transfer-encoding"), "{}", sent.text());
    assert_eq!(sent.body(), b"a body");
    upstream.clear();

    // Without any, it is chunked.
    for method in [Method::POST, Method::GET] {
        let frames =
            futures_util::stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("a body")))]);
        let mut request = post(StreamBody::new(frames).boxed_unsync());
        *request.method_mut() = method.clone();
        send(upstream.base("/v1"), request).await;
        let sent = upstream.only();
        assert_eq!((sent.body(), sent.head.is_chunked()), (&b"a body"[..], true), "{method}");
        upstream.clear();
    }
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let mut upstream = RawUpstream::start().await;
    let gateway = layer(upstream.base("/v1"), &Events::default()).build().unwrap();
    let gateway = gateway.upstream(client()).layer(axum::Router::new());
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    let exchange = tokio::spawn(gateway.oneshot(post(body.boxed_unsync())));
    sender.send_data(Bytes::from_static(b"first")).await.unwrap();
    let mut wire = upstream.accept().await;
    // The answer arrives before the rest of the request is sent.
    let mut came = Vec::new();
    while !came.ends_with(b"first\r\n") {
        came.extend(wire.read_bytes(1).await);
    }
    wire.send(STREAM_HEAD).await;
    wire.send(chunk(b"data: 1\n\n")).await;
    let response = guard("the head", exchange).await.unwrap().unwrap();
    let mut body = response.into_body();
    let frame = guard("the first event", body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "data: 1\n\n");
    sender.send_data(Bytes::from_static(b"last")).await.unwrap();
    drop(sender);
    while !came.ends_with(b"last\r\n0\r\n\r\n") {
        came.extend(wire.read_bytes(1).await);
    }
    wire.send(b"0\r\n\r\n").await;
    assert!(guard("the end", body.frame()).await.is_none());
}

#[tokio::test]
async fn a_slow_upload_does_not_count_as_head_time() {
    const HEAD: Duration = Duration::from_millis(1_500);
    let upstream = Recorder::answering(|_| ok(b"")).await;
    let service = TimeoutLayer::new(Timeouts::default().head(HEAD)).layer(client());
    let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
    let request = Request::post(upstream.base("/x")).body(body).unwrap();
    let answer = tokio::spawn(service.oneshot(request));
    let begun = Instant::now();
    // Longer than the head timeout, but the client is the slow one.
    while begun.elapsed() < 2 * HEAD {
        sender.send_data(Bytes::from_static(b"x")).await.unwrap();
        tokio::time::sleep(HEAD / 10).await;
    }
    drop(sender);
    assert_eq!(guard("an answer", answer).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn trailers_go_both_ways_over_http2() {
    let upstream = HyperUpstream::start(async |request: Request<hyper::body::Incoming>| {
        assert_eq!(request.version(), Version::HTTP_2);
        let came = request.into_body().collect().await.unwrap();
        let trailers = came.trailers().cloned().unwrap_or_default();
        let frames = [Frame::data(came.to_bytes()), Frame::trailers(trailers)];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, BoxError>));
        Response::new(BodyExt::boxed(StreamBody::new(frames)))
    });
    let upstream = upstream.await;
    let client = ReqwestClient::new(builder().http2_prior_knowledge()).unwrap();
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
    let frames = [Frame::data(Bytes::from("data")), Frame::trailers(trailers)];
    let frames = futures_util::stream::iter(frames.map(Ok::<_, Infallible>));
    let request = Request::post(upstream.base("/v1/x")).body(StreamBody::new(frames)).unwrap();
    let response = guard("an answer", client.oneshot(request)).await.unwrap();
    let body = guard("the body", response.into_body().collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "1");
    assert_eq!(body.to_bytes(), "data");
}

#[tokio::test]
async fn no_redirect_carries_a_key_to_another_host() {
    let elsewhere = Recorder::start().await;
    let location = format!("location: {}", elsewhere.base("/stolen"));
    for status in ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"] {
        let answer = response(status, &[&location], b"");
        let upstream = Recorder::answering(move |_| answer.clone()).await;
        for body in [full("{}"), nothing()] {
            let mut request = post(body);
            request.headers_mut().insert("x-api-key", "sk-secret".parse().unwrap());
            let answer = send(upstream.base("/v1"), request).await;
            assert_eq!(answer.status().as_str(), &status[..3]);
            assert!(answer.headers().contains_key("location"));
        }
        assert_eq!(upstream.requests().len(), 2);
    }
    elsewhere.assert_untouched("a redirect is the client's business");
}

#[tokio::test]
async fn a_client_that_does_more_than_send_is_refused() {
    let quiet = || builder().redirect(Policy::none()).no_gzip();
    let refused = |builder: ClientBuilder| ReqwestClient::from_client(builder.build().unwrap());
    refused(quiet()).unwrap();
    for policy in [Policy::limited(1), Policy::default(), Policy::custom(|attempt| attempt.stop())]
    {
        assert!(refused(quiet().redirect(policy)).unwrap_err().is_redirect());
    }
    assert!(refused(builder().no_gzip()).unwrap_err().is_redirect());
    assert!(refused(quiet().gzip(true)).unwrap_err().to_string().contains("no_gzip"));
    for refused in
        [refused(quiet().cookie_store(true)), ReqwestClient::new(builder().cookie_store(true))]
    {
        assert!(refused.unwrap_err().to_string().contains("cookies"));
    }
    // Disabled features need no setting.
    ReqwestClient::new(builder().gzip(true).redirect(Policy::limited(3))).unwrap();
}

#[tokio::test]
async fn a_path_that_reqwest_would_change_is_not_sent() {
    let upstream = Recorder::answering(|_| ok(b"")).await;
    let request = Request::get(upstream.base("/v1/%2e%2e/admin")).body(nothing()).unwrap();
    let error = client().oneshot(request).await.unwrap_err();
    assert!(error.to_string().contains("another URI"), "{error}");
    upstream.assert_untouched("the base URL's path would be left");
    let request = Request::get(upstream.base("/v1/x?filter='a'")).body(nothing()).unwrap();
    assert_eq!(client().oneshot(request).await.unwrap().status(), StatusCode::OK);
    assert_eq!(upstream.only().head.target(), "/v1/x?filter=%27a%27");
}
