//! Which answers and failures cause another attempt, and when.

use std::io::ErrorKind;
use std::time::Duration;

use tower::timeout::TimeoutLayer;
use tower::{Layer, ServiceExt};
use tower_ai_gateway::control::{ReplayLayer, RetryLayer, RetrySettings};
use tower_ai_gateway::settings::Backoff;

use crate::retries::scene::{SECOND, request, send, three};
use crate::support::scripted::{Upstream, answer, broken, fails, read};

const THREE: &[u64] = &[0, 1000, 3000];
const ONE: &[u64] = &[0];

#[tokio::test(start_paused = true)]
async fn statuses_and_headers_decide_about_a_retry() {
    let transient = [408, 409, 429, 500, 502, 503, 504, 529];
    let final_ones = [200, 204, 301, 400, 401, 403, 404, 422, 425, 501, 505];
    let plain = transient.iter().map(|status| (*status, "", "", THREE));
    let plain = plain.chain(final_ones.iter().map(|status| (*status, "", "", ONE)));
    let with_headers: [(u16, &str, &str, &[u64]); 14] = [
        (429, "retry-after", "7", &[0, 7000, 14_000]),
        (429, "retry-after", "1.5", &[0, 1500, 3500]),
        (503, "retry-after-ms", "1500", &[0, 1500, 3500]),
        (503, "retry-after-ms", "30000", &[0, 30_000, 60_000]),
        (503, "retry-after-ms", "30001", ONE),
        (503, "retry-after", "30", &[0, 30_000, 60_000]),
        (503, "retry-after", "31", ONE),
        (503, "retry-after", "9999999999999999999999999", ONE),
        (503, "retry-after", "0", THREE),
        (503, "retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", THREE),
        (503, "retry-after", "Wed, 21 Oct 2099 07:28:00 GMT", ONE),
        (503, "x-should-retry", "false", ONE),
        (503, "x-should-retry", "true", THREE),
        (400, "x-should-retry", "true", ONE),
    ];
    for (status, name, value, expected) in plain.chain(with_headers) {
        let headers = if name.is_empty() { vec![] } else { vec![(name, value)] };
        let upstream = Upstream::new(move |_, _| answer(status, &headers, "why"));
        let response = send(&upstream, three(), request()).await.unwrap();
        assert_eq!(upstream.times(), expected, "{status} {name}: {value}");
        assert_eq!(response.status(), status);
        assert_eq!(read(response.into_body()).await.unwrap(), b"why", "the last one is handed on");
        for call in upstream.calls() {
            assert_eq!((call.text(), call.is_whole), (r#"{"model":"m"}"#, true));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_good_response_ends_the_retries() {
    let upstream = Upstream::new(|_, before| match before {
        0 => answer(503, &[], "busy"),
        _ => answer(200, &[], "well"),
    });
    let response = send(&upstream, three(), request()).await.unwrap();
    assert_eq!(read(response.into_body()).await.unwrap(), b"well");
    assert_eq!(upstream.times(), [0, 1000]);
}

#[tokio::test(start_paused = true)]
async fn failures_before_a_head_are_retried() {
    for (kind, expected) in [
        (ErrorKind::ConnectionRefused, THREE),
        (ErrorKind::ConnectionReset, THREE),
        (ErrorKind::BrokenPipe, THREE),
        (ErrorKind::UnexpectedEof, THREE),
        (ErrorKind::TimedOut, THREE),
        (ErrorKind::InvalidData, ONE),
        (ErrorKind::Other, ONE),
    ] {
        let upstream = Upstream::new(move |_, _| fails(kind));
        let error = send(&upstream, three(), request()).await.unwrap_err();
        assert_eq!(upstream.times(), expected, "{kind}");
        assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().kind(), kind);
    }
    let shed = Upstream::new(|_, _| Err(tower::load_shed::error::Overloaded::new().into()));
    assert!(send(&shed, three(), request()).await.is_err());
    assert_eq!(shed.count(), 1, "who sheds load does not want more of it");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_head_timeout() {
    let upstream = Upstream::new(|_, _| answer(200, &[], ""));
    let calls = upstream.clone();
    let slow = tower::service_fn(move |request| {
        let mut upstream = upstream.clone();
        async move {
            let response = tower::Service::call(&mut upstream, request).await;
            if upstream.count() < 3 {
                std::future::pending::<()>().await;
            }
            response
        }
    });
    let client = RetryLayer::new(three()).layer(TimeoutLayer::new(5 * SECOND).layer(slow));
    let response = ReplayLayer::new().layer(client).oneshot(request()).await.unwrap();
    assert_eq!((response.status().as_u16(), calls.times()), (200, vec![0, 6000, 13_000]));
}

#[tokio::test(start_paused = true)]
async fn a_started_response_is_never_retried() {
    let upstream = Upstream::new(|_, _| Ok(http::Response::new(broken(&["half ", "an "]))));
    let response = send(&upstream, three(), request()).await.unwrap();
    assert_eq!(read(response.into_body()).await.unwrap_err(), b"half an ");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_are_off_by_default_and_bounded_by_five() {
    for (settings, expected) in [
        (RetrySettings::default(), 1),
        (RetrySettings::attempts(0), 1),
        (RetrySettings::attempts(1), 1),
        (RetrySettings::attempts(2), 2),
        (RetrySettings::attempts(5), 5),
        (RetrySettings::attempts(200), 5),
    ] {
        let upstream = Upstream::new(|_, _| answer(503, &[], ""));
        send(&upstream, settings, request()).await.unwrap();
        assert_eq!(upstream.count(), expected, "{settings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_follow_the_backoff() {
    for (backoff, expected) in [
        (Backoff::Constant, [0, 12_000, 24_000, 36_000, 48_000]),
        (Backoff::Linear, [0, 12_000, 36_000, 66_000, 96_000]),
        (Backoff::Exponential, [0, 12_000, 36_000, 66_000, 96_000]),
    ] {
        let upstream = Upstream::new(|_, _| answer(503, &[], ""));
        let settings = RetrySettings::attempts(5).delay(12 * SECOND).backoff(backoff).jitter(false);
        send(&upstream, settings, request()).await.unwrap();
        assert_eq!(upstream.times(), expected, "{backoff:?}");
    }
    let upstream = Upstream::new(|_, _| answer(503, &[], ""));
    let settings = RetrySettings::attempts(5).jitter(false).max_delay(SECOND);
    send(&upstream, settings, request()).await.unwrap();
    assert_eq!(upstream.times(), [0, 500, 1500, 2500, 3500]);
    let patient = RetrySettings::attempts(2).max_retry_after(Duration::from_secs(90));
    let upstream = Upstream::new(|_, _| answer(503, &[("retry-after", "90")], ""));
    send(&upstream, patient, request()).await.unwrap();
    assert_eq!(upstream.times(), [0, 90_000]);
}

#[tokio::test(start_paused = true)]
async fn with_jitter_delays_vary_up_to_their_length() {
    let mut waits = Vec::<u64>::new();
    for _ in 0..200 {
        let upstream = Upstream::new(|_, _| answer(503, &[], ""));
        send(&upstream, RetrySettings::attempts(2).delay(SECOND), request()).await.unwrap();
        waits.extend(upstream.times().last());
    }
    // tokio's clock counts in milliseconds, and rounds up.
    assert!(waits.iter().all(|wait| *wait <= 1001), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < 250) && waits.iter().any(|wait| *wait > 750));
    let upstream = Upstream::new(|_, _| answer(503, &[("retry-after", "3")], ""));
    send(&upstream, RetrySettings::attempts(2).delay(SECOND), request()).await.unwrap();
    assert_eq!(upstream.times(), [0, 3000], "jitter is no way round what the provider says");
}
