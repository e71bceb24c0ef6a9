//! A slow upload does not count against the provider: the head timeout runs only while the gateway
//! waits for the provider.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::control::TimeoutLayer;
use tower_ai_gateway::settings::Timeouts;
use tower_ai_gateway::timeout::{TimeoutError, TimeoutPhase};

use crate::support::guard;
use crate::support::hyper_upstream::{HyperUpstream, body};

const HEAD: Duration = Duration::from_millis(1_500);

type Answer = JoinHandle<Result<Response<Bytes>, BoxError>>;

/// Starts a request with the head timeout [`HEAD`].
fn send(base: &str, is_http2: bool) -> (Sender<Bytes, std::io::Error>, Answer) {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let client = match is_http2 {
        true => HttpClient::builder().http2_prior_knowledge(),
        false => HttpClient::builder(),
    };
    let timeouts = TimeoutLayer::new(Timeouts::default().head(HEAD));
    let service = timeouts.layer(client.build().unwrap());
    let request = Request::post(format!("{base}/x")).body(body).unwrap();
    let answer = tokio::spawn(async move {
        let response = service.oneshot(request).await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    });
    (sender, answer)
}

fn phase(error: &BoxError) -> Option<TimeoutPhase> {
    error.downcast_ref::<TimeoutError>().map(TimeoutError::phase)
}

#[tokio::test]
async fn the_head_is_timed_from_the_end_of_the_upload() {
    let upstream = HyperUpstream::start(|request: Request<hyper::body::Incoming>| async {
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        Response::new(body(length.to_string()))
    })
    .await;
    for is_http2 in [false, true] {
        let (mut sender, answer) = send(&upstream.base(""), is_http2);
        // Longer than the head timeout, but the client is the slow one.
        let begun = Instant::now();
        let mut parts = 0;
        while begun.elapsed() < 2 * HEAD {
            sender.send_data(Bytes::from_static(b"x")).await.unwrap();
            parts += 1;
            sleep(HEAD / 10).await;
        }
        drop(sender);
        let response = guard("the answer", answer).await.unwrap().unwrap();
        assert_eq!(response.status(), 200, "http2: {is_http2}");
        assert_eq!(response.into_body(), parts.to_string(), "all of it has come");
    }
}

#[tokio::test]
async fn after_the_upload_the_provider_has_exactly_its_head_timeout() {
    let upstream = HyperUpstream::start(|request: Request<hyper::body::Incoming>| async {
        let _ = request.into_body().collect().await;
        std::future::pending::<()>().await;
        unreachable!()
    })
    .await;
    for is_http2 in [false, true] {
        let (mut sender, answer) = send(&upstream.base(""), is_http2);
        sender.send_data(Bytes::from_static(b"x")).await.unwrap();
        sleep(2 * HEAD).await;
        assert!(!answer.is_finished(), "http2: {is_http2}: the client is waited for");
        let sent = Instant::now();
        drop(sender);
        let error = guard("the timeout", answer).await.unwrap().unwrap_err();
        assert_eq!(phase(&error), Some(TimeoutPhase::Head));
        assert!(sent.elapsed() >= HEAD - Duration::from_millis(20), "{:?}", sent.elapsed());
    }
}

#[tokio::test]
async fn a_provider_that_stops_reading_gets_no_more_time() {
    let upstream = HyperUpstream::start(|request: Request<hyper::body::Incoming>| async {
        // The connection is held and never read.
        let _unread = request;
        std::future::pending::<()>().await;
        unreachable!()
    })
    .await;
    for is_http2 in [false, true] {
        let (mut sender, answer) = send(&upstream.base(""), is_http2);
        let large = Bytes::from(vec![b'x'; 1 << 20]);
        let feed = async { while sender.send_data(large.clone()).await.is_ok() {} };
        let ((), answer) = tokio::join!(feed, guard("the timeout", answer));
        let error = answer.unwrap().unwrap_err();
        assert_eq!(phase(&error), Some(TimeoutPhase::Head), "http2: {is_http2}");
    }
}
