//! Circuit breakers: opening, probing and closing.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use http::Request;
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{BreakerSettings, HealthLayer, UnavailableReason};
use tower_ai_gateway::hook::{ChangeReason, HealthState};
use tower_test::mock;

use crate::health::script::{
    Mock, SECOND, answer, breaking, exchange, open_after, poll_once, to, unavailable,
};

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_is_probed_and_closes_and_the_observer_is_notified() {
    let seen: Arc<Mutex<Vec<_>>> = Arc::default();
    let log = seen.clone();
    let layer = HealthLayer::new().breaker(BreakerSettings::default()).on_change(move |change| {
        let entry = (change.upstream.to_owned(), change.from, change.to, change.reason);
        log.lock().unwrap().push(entry);
    });
    let status = Arc::new(Mutex::new(500));
    let calls = Arc::new(AtomicUsize::new(0));
    let client = {
        let (status, calls) = (status.clone(), calls.clone());
        service_fn(move |_: Request<()>| {
            calls.fetch_add(1, Ordering::Relaxed);
            let status = *status.lock().unwrap();
            async move { Ok::<_, Infallible>(answer(status, vec![])) }
        })
    };
    let service = layer.layer(client);
    let ask = || service.clone().oneshot(to("https://user:secret@a:8443/v1?key=secret"));
    for _ in 0..5 {
        ask().await.unwrap();
    }
    tokio::time::advance(10 * SECOND).await;
    let error = ask().await.unwrap_err();
    assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 20 * SECOND));
    assert!(error.to_string().contains("nothing was sent"));
    // A different scheme or authority is a different upstream.
    for uri in ["http://a:8443/", "https://a/", "https://b:8443/"] {
        service.clone().oneshot(to(uri)).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 8);
    tokio::time::advance(20 * SECOND).await;
    ask().await.unwrap();
    ask().await.unwrap_err();
    tokio::time::advance(30 * SECOND).await;
    *status.lock().unwrap() = 401;
    ask().await.unwrap();
    ask().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 11);
    use ChangeReason::{FailuresInARow, ProbeDue, ProbeFailed, ProbeSucceeded};
    use HealthState::{Closed, HalfOpen, Open};
    let expected = [
        (Closed, Open, FailuresInARow),
        (Open, HalfOpen, ProbeDue),
        (HalfOpen, Open, ProbeFailed),
        (Open, HalfOpen, ProbeDue),
        (HalfOpen, Closed, ProbeSucceeded),
    ]
    .map(|(from, to, reason)| ("https://a:8443".to_owned(), from, to, reason));
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// An upstream with an open circuit, at the time when a probe is due.
macro_rules! probe_due {
    ($service:ident, $handle:ident) => {
        let (client, mut $handle): (_, Mock) = mock::pair();
        let $service = open_after(1).layer(client);
        exchange!($service, $handle, to("http://a/"), |send: mock::SendResponse<_>| {
            send.send_error("down");
        })
        .unwrap_err();
        tokio::time::advance(30 * SECOND).await;
    };
}

#[tokio::test(start_paused = true)]
async fn only_one_probe_runs_and_a_dropped_one_is_replaced() {
    probe_due!(service, handle);
    for _ in 0..3 {
        let mut probe = pin!(service.clone().oneshot(to("http://a/")));
        assert!(poll_once(probe.as_mut()).is_pending());
        handle.next_request().await.unwrap();
        let error = service.clone().oneshot(to("http://a/")).await.unwrap_err();
        assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, SECOND));
    }
    let mut probe = pin!(service.oneshot(to("http://a/")));
    assert!(poll_once(probe.as_mut()).is_pending());
    handle.next_request().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_probe_closes_the_circuit_while_its_body_lasts() {
    probe_due!(service, handle);
    let response = exchange!(service, handle, to("http://a/"), |send: mock::SendResponse<_>| {
        send.send_response(answer(200, breaking()));
    });
    let mut next = pin!(service.clone().oneshot(to("http://a/")));
    assert!(poll_once(next.as_mut()).is_pending(), "calls are made again");
    response.unwrap().into_body().collect().await.unwrap_err();
    let Poll::Ready(Err(error)) = poll_once(pin!(service.oneshot(to("http://a/")))) else {
        panic!("a call was made");
    };
    assert_eq!(unavailable(&error), (UnavailableReason::CircuitOpen, 30 * SECOND));
}
