//! A broken HTTP/2 connection is the provider's fault; a request body that breaks off is not.

mod scene;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::channel::Channel;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider, RequestBody};

use self::scene::*;
use crate::connections::frames::{Frames, ok};
use crate::connections::soon;
use crate::support::frames::{DATA, END_HEADERS, GOAWAY, HEADERS, RST_STREAM, frame};
use crate::support::scripted::events::Events;

#[tokio::test]
async fn a_broken_connection_is_502_for_any_body() {
    each(async |how, when, sends| {
        let (upstream, events) = (Upstream::start(how, when).await, Events::default());
        let what = format!("{how:?} {when:?} {sends:?}");
        let (body, _sender) = sends.body();
        let answer = upstream.answer(request(body), &events).await;
        is_refused(&answer, 502, 2005, &what);
        let failure = events.end().failure;
        match how.is_of_protocol() {
            true => assert_eq!(failure, Some(Failure::Protocol), "{what}"),
            false => assert_eq!(failure, Some(Failure::Reset), "{what}"),
        }
        assert_eq!(upstream.connections(), 1, "{what}");
    })
    .await;
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    for how in BREAKS.into_iter().filter(|how| !how.is_of_protocol()) {
        for sends in [Sends::Nothing, Sends::AllAtOnce] {
            let (upstream, events) = (Upstream::start(how, Moment::Head).await, Events::default());
            let mut request = request(sends.body().0);
            request.headers_mut().insert("cf-aig-max-attempts", "2".parse().unwrap());
            request.headers_mut().insert("cf-aig-retry-delay", "0".parse().unwrap());
            let answer = upstream.answer(request, &events).await;
            assert_eq!(answer.status(), 200, "{how:?} {sends:?} {:?}", answer.body());
            let is_kept = matches!(how, Break::ResetStream(_));
            assert_eq!(upstream.connections(), if is_kept { 1 } else { 2 }, "{how:?} {sends:?}");
            let reported = events.reported();
            assert_eq!(
                reported,
                [(1, 0, "reset".into()), (2, 0, "200".into())],
                "{how:?} {sends:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_broken_request_body_is_the_clients_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let upstream = Upstream { base, connections: Arc::default() };
    for is_begun in [false, true] {
        let events = Events::default();
        let (body, sender) = Sends::APart.body();
        let provider = async {
            let mut frames = Frames::accept(&listener).await;
            frames.begin(100).await;
            frames.next(HEADERS).await;
            if is_begun {
                frames.next(DATA).await;
            }
            sender.unwrap().abort("the client is gone".into());
            frames.next(RST_STREAM).await;
            frames.drain().await;
        };
        let (answer, ()) =
            tokio::join!(async { upstream.answer(request(body), &events).await }, provider,);
        assert_eq!(answer.status(), 400, "{is_begun} {:?}", answer.body());
        assert_eq!(events.end().failure, Some(Failure::RequestBody), "{is_begun}");
    }
}

#[tokio::test]
async fn a_broken_request_body_leaves_the_connection_to_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let client = HttpClient::builder().http2_prior_knowledge().connections_per_origin(1);
    let client: Client = client.build().unwrap();
    let events = Events::default();
    let ask = |body| answer(&base, client.clone(), request(body), &events);
    let mut only = None;
    for _ in 0..3 {
        let (body, sender) = Sends::APart.body();
        let provider = async {
            if only.is_none() {
                let mut first = Frames::accept(&listener).await;
                first.begin(100).await;
                only = Some(first);
            }
            let frames = only.as_mut().unwrap();
            frames.next(HEADERS).await;
            sender.unwrap().abort("the client is gone".into());
            frames.next(RST_STREAM).await;
        };
        let (answer, ()) = tokio::join!(ask(body), provider);
        assert_eq!(answer.status(), 400, "{:?}", answer.body());
    }
    let mut frames = only.unwrap();
    let provider = async {
        let stream = frames.next(HEADERS).await;
        frames.send(&ok(stream)).await;
    };
    let (answer, ()) = tokio::join!(ask(Sends::AllAtOnce.body().0), provider);
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
}

#[tokio::test]
async fn a_reset_stream_leaves_the_connection_to_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let client: Client = HttpClient::builder().http2_prior_knowledge().build().unwrap();
    let events = Events::default();
    let ask = || answer(&base, client.clone(), request(Sends::AllAtOnce.body().0), &events);
    let mut other = std::pin::pin!(ask());
    let begun = async {
        let mut frames = Frames::accept(&listener).await;
        frames.begin(100).await;
        frames.next(HEADERS).await;
        frames
    };
    let mut frames = tokio::select! {
        frames = begun => frames,
        _ = &mut other => panic!("it is not answered yet"),
    };
    for reason in [REFUSED_STREAM, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM] {
        let provider = async {
            let stream = frames.next(HEADERS).await;
            frames.send(&frame(RST_STREAM, 0, stream, &reason.to_be_bytes())).await;
        };
        let reset = async { tokio::join!(ask(), provider) };
        tokio::select! {
            (answer, ()) = reset => is_refused(&answer, 502, 2005, &format!("{reason}")),
            _ = &mut other => panic!("it is not answered yet"),
        }
    }
    let provider = async {
        let stream = frames.next(HEADERS).await;
        for stream in [1, stream] {
            frames.send(&ok(stream)).await;
        }
    };
    let (other, next, ()) = tokio::join!(other, ask(), provider);
    assert_eq!((other.status(), next.status()), (http::StatusCode::OK, http::StatusCode::OK));
}

#[tokio::test]
async fn requests_waiting_for_a_stream_survive_a_broken_connection() {
    let breaks = [Break::Close, Break::Reset, Break::GoAway(0, NO_ERROR), Break::OtherProtocol];
    for how in breaks.into_iter().chain([Break::GoAway(1, INTERNAL_ERROR)]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let provider = tokio::spawn(async move {
            let mut first = Frames::accept(&listener).await;
            first.begin(1).await;
            first.next(HEADERS).await;
            // Meanwhile the others start to wait: one for the stream, the rest for that one.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            tokio::spawn(how.happen(first));
            loop {
                let mut frames = Frames::accept(&listener).await;
                tokio::spawn(async move {
                    frames.begin(100).await;
                    while let Some(stream) = frames.try_next(HEADERS).await {
                        frames.send(&ok(stream)).await;
                    }
                });
            }
        });
        let events = Events::default();
        let client = HttpClient::builder().http2_prior_knowledge().connections_per_origin(1);
        let client: Client = client.build().unwrap();
        let answers = (0..6).map(|_| async {
            let (body, _sender) = Sends::APart.body();
            answer(&base, client.clone(), request(body), &events).await
        });
        for answer in join_all(answers).await {
            if answer.status() != 200 {
                is_refused(&answer, 502, 2005, &format!("{how:?}"));
            }
        }
        let ends = events.ends.lock().unwrap().clone();
        let failed = ends.iter().filter_map(|end| end.failure);
        for failure in failed {
            assert!(matches!(failure, Failure::Reset | Failure::Protocol), "{how:?} {failure}");
        }
        provider.abort();
    }
}
