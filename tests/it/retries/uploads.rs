//! Bodies that cannot be sent again, and those that are still being sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::control::{ReplayLayer, RetryLayer};

use crate::retries::scene::{busy, request, send, three};
use crate::support::scripted::{Upstream, answer};

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_sent_once() {
    // The documentation of the limit says what a frame counts.
    for (limit, expected) in [(13 + 64, 3), (13 + 63, 1)] {
        for is_sized in [true, false] {
            let upstream = busy();
            let client = RetryLayer::new(three()).layer(upstream.clone());
            let client = ReplayLayer::new().limit(limit).layer(client);
            let body = Full::new(Bytes::from_static(br#"{"model":"m"}"#));
            let body = if is_sized { body.boxed() } else { Unsized(body).boxed() };
            let response = client.oneshot(Request::post("https://a.test/v1").body(body).unwrap());
            assert_eq!(response.await.unwrap().status(), 503);
            assert_eq!(upstream.count(), expected, "{limit} {is_sized}");
            assert!(upstream.calls().iter().all(|call| call.text() == r#"{"model":"m"}"#));
        }
    }
}

/// A body of unknown length.
struct Unsized(Full<Bytes>);

impl Body for Unsized {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_retried() {
    let upstream = busy();
    let request = Request::get("https://a.test/v1/models").body(Empty::<Bytes>::new()).unwrap();
    send(&upstream, three(), request).await.unwrap();
    assert_eq!(upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_is_sent_once() {
    // It looks like a failed connection, but it is the client's fault.
    let upstream = busy();
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(2);
    let sent = tokio::spawn({
        let upstream = upstream.clone();
        async move { send(&upstream, three(), request().map(|_| body)).await }
    });
    sender.abort(std::io::ErrorKind::ConnectionReset.into());
    assert!(sent.await.unwrap().is_err());
    assert_eq!((upstream.begun(), upstream.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_upload_is_replayed_completely() {
    let early = Upstream::new(|_, before| match before {
        0 => answer(503, &[], "too early"),
        _ => answer(200, &[], "well"),
    })
    .reads(1);
    let upstream = Upstream::new(|_, _| answer(200, &[], "well"));
    let (first, then) = (early.clone(), upstream.clone());
    let both = tower::service_fn(move |request| {
        let (mut first, mut then) = (early.clone(), upstream.clone());
        async move {
            match first.count() {
                0 => tower::Service::call(&mut first, request).await,
                _ => tower::Service::call(&mut then, request).await,
            }
        }
    });
    let client = ReplayLayer::new().layer(RetryLayer::new(three()).layer(both));
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let sent = tokio::spawn(client.oneshot(request().map(|_| body)));
    for part in ["one ", "two ", "three"] {
        sender.send_data(Bytes::from(part)).await.unwrap();
        // Long enough for the first answer and the wait after it.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    drop(sender);
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    let [early] = &first.calls()[..] else { panic!("one early answer") };
    assert_eq!((early.text(), early.is_whole), ("one ", false));
    let [late] = &then.calls()[..] else { panic!("one late answer") };
    assert_eq!((late.text(), late.is_whole), ("one two three", true));
}
