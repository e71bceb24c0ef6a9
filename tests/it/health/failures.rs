//! Which results count as failures of an upstream.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{Unavailable, UnavailableReason};
use tower_test::mock;

use crate::health::script::{
    Mock, SECOND, Script, answer, breaking, exchange, open_after, poll_once, to, unavailable,
};

#[tokio::test(start_paused = true)]
async fn statuses_that_count_as_failures() {
    for (status, is_failure) in [
        (200, false),
        (301, false),
        (400, false),
        (401, false),
        (408, false),
        (429, false),
        (500, true),
        (501, false),
        (502, true),
        (503, true),
        (504, true),
        (505, false),
        (529, true),
    ] {
        let (client, mut handle): (_, Mock) = mock::pair();
        let service = open_after(1).layer(client);
        let response =
            exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
                send.send_response(answer(status, vec![]));
            });
        assert_eq!(response.unwrap().status(), status);
        let mut next = pin!(service.oneshot(to("http://a/")));
        match poll_once(next.as_mut()) {
            Poll::Ready(Err(error)) if is_failure => {
                assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 30 * SECOND));
            }
            polled => assert!(polled.is_pending() && !is_failure, "{status}: {polled:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_count_as_failures() {
    type Make = fn() -> BoxError;
    let (reset, shed, refused): (Make, Make, Make) = (
        || io::Error::from(io::ErrorKind::ConnectionReset).into(),
        || tower::load_shed::error::Overloaded::new().into(),
        || "anything".into(),
    );
    for (make, is_failure) in [(reset, true), (refused, true), (shed, false)] {
        let client =
            service_fn(
                move |_: Request<()>| async move { Err::<Response<Script>, BoxError>(make()) },
            );
        let service = open_after(1).layer(client);
        let error = service.clone().oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(error.to_string(), make().to_string(), "the client's error passes");
        let error = service.oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(error.is::<Unavailable>(), is_failure, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_bodies_are_failures_and_dropped_ones_are_not() {
    for breaks in [true, false] {
        let (client, mut handle): (_, Mock) = mock::pair();
        let service = open_after(3).layer(client);
        for _ in 0..3 {
            let response =
                exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
                    send.send_response(answer(200, breaking()));
                });
            let mut body = response.unwrap().into_body();
            body.frame().await.unwrap().unwrap();
            if breaks {
                let error = body.frame().await.unwrap().unwrap_err();
                assert_eq!(
                    error.downcast_ref::<io::Error>().unwrap().kind(),
                    io::ErrorKind::ConnectionReset,
                    "the error passes"
                );
            }
        }
        let mut next = pin!(service.oneshot(to("http://a/")));
        assert_eq!(poll_once(next.as_mut()).is_ready(), breaks);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_below_is_not_a_failure() {
    let client = service_fn(|_: Request<()>| async { Err::<Response<Script>, _>("down") });
    let below = open_after(1).layer(client);
    let changes = Arc::new(AtomicUsize::new(0));
    let count = changes.clone();
    let above = open_after(2).on_change(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let service = above.layer(below);
    for _ in 0..5 {
        service.clone().oneshot(to("http://a/")).await.unwrap_err();
    }
    assert_eq!(changes.load(Ordering::Relaxed), 0, "one was sent, and four were not");
    tokio::time::advance(30 * SECOND).await;
    service.oneshot(to("http://a/")).await.unwrap_err();
    assert_eq!(changes.load(Ordering::Relaxed), 1);
}
