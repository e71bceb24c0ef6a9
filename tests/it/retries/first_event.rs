//! Errors in the first event of a stream, and in JSON with a status of success.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tokio::time::{Instant, timeout};
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::{
    Alternative, FallbackLayer, ReplayLayer, RetryLayer, RetrySettings,
};

use crate::retries::scene::{request, send, three};
use crate::support::scripted::{Answer, Upstream, answer, broken, read};

const SSE: (&str, &str) = ("content-type", "text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");
const WELL: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Once\"}}]}\n\ndata: [DONE]\n\n";

fn error(kind: &str) -> String {
    format!("event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\"}}}}\n\n")
}

#[tokio::test(start_paused = true)]
async fn a_temporary_error_is_retried() {
    for (kind, expected) in [
        ("overloaded_error", &[0, 1000][..]),
        ("rate_limit_error", &[0, 1000]),
        ("api_error", &[0, 1000]),
        ("timeout_error", &[0, 1000]),
        ("invalid_request_error", &[0]),
        ("authentication_error", &[0]),
        ("billing_error", &[0]),
        ("something_else", &[0]),
    ] {
        let json = format!(r#"{{"error":{{"type":"{kind}","message":"no"}}}}"#);
        let start = ": hi\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
        for (header, body) in
            [(SSE, error(kind)), (SSE, [start, &error(kind)].concat()), (JSON, json)]
        {
            let first = body.clone();
            let upstream = Upstream::new(move |_, before| match before {
                // The `retry-after` of a successful response does not apply to the error.
                0 => answer(200, &[header, ("retry-after", "20")], first.clone()),
                _ => answer(200, &[SSE], WELL),
            });
            let response = send(&upstream, three(), request()).await.unwrap();
            assert_eq!(upstream.times(), expected, "{body}");
            let got = read(response.into_body()).await.unwrap();
            let expected = if expected.len() > 1 { WELL } else { &body };
            assert_eq!(str::from_utf8(&got).unwrap(), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_passes_unchanged() {
    let body = error("overloaded_error");
    let sent = body.clone();
    let upstream = Upstream::new(move |_, _| answer(200, &[SSE], sent.clone()));
    let response = send(&upstream, three(), request()).await.unwrap();
    assert_eq!(upstream.times(), [0, 1000, 3000]);
    assert_eq!(read(response.into_body()).await.unwrap(), body.as_bytes());
    // It is not retried if the provider forbids that or has started to answer.
    let sent = body.clone();
    let forbids =
        Upstream::new(move |_, _| answer(200, &[SSE, ("x-should-retry", "false")], sent.clone()));
    send(&forbids, three(), request()).await.unwrap();
    assert_eq!(forbids.count(), 1);
    let late = [WELL, &body].concat();
    let begun = Upstream::new(move |_, _| answer(200, &[SSE], late.clone()));
    send(&begun, three(), request()).await.unwrap();
    assert_eq!(begun.count(), 1);
    let half = Upstream::new(|_, _| {
        Ok(Response::builder().header(SSE.0, SSE.1).body(broken(&[": hi\n\n"])).unwrap())
    });
    let response = send(&half, three(), request()).await.unwrap();
    assert_eq!(read(response.into_body()).await.unwrap_err(), b": hi\n\n");
    assert_eq!(half.count(), 1);
}

/// A stream without data, open while the sender lives.
fn silent() -> (http_body_util::channel::Sender<Bytes, BoxError>, impl Fn() -> Answer + Send + Sync)
{
    let (sender, body) = Channel::<Bytes, BoxError>::new(8);
    let body = Mutex::new(Some(body));
    let rule = move || {
        let body = body.lock().unwrap().take().unwrap().boxed_unsync();
        Ok(Response::builder().header(SSE.0, SSE.1).body(body).unwrap())
    };
    (sender, rule)
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_is_not_held_back() {
    let (_sender, rule) = silent();
    let upstream = Upstream::new(move |_, _| rule());
    let once = RetrySettings::attempts(1);
    let head = timeout(Duration::from_millis(1), send(&upstream, once, request()));
    assert!(head.await.is_ok());
    let (_sender, rule) = silent();
    let upstream = Upstream::new(move |_, before| match before {
        0 => answer(503, &[], ""),
        _ => rule(),
    });
    let twice = RetrySettings::attempts(2).delay(Duration::ZERO);
    let head = timeout(Duration::from_millis(1), send(&upstream, twice, request()));
    assert!(head.await.is_ok());
}

/// Below a fallback to another provider.
async fn below_a_fallback(upstream: &Upstream) -> (Duration, Vec<String>) {
    let other = Provider::custom("other", "https://other.test/v1");
    let secret = tower_ai_gateway::settings::Secret::new("sk-for-other").unwrap();
    let fallback =
        FallbackLayer::between(Provider::xai(), [Alternative::new(other).key(secret)]).unwrap();
    let client = RetryLayer::new(three()).layer(upstream.clone());
    let client = ReplayLayer::new().layer(fallback.layer(client));
    let began = Instant::now();
    client.oneshot(request()).await.unwrap();
    (began.elapsed(), upstream.authorities())
}

#[tokio::test(start_paused = true)]
async fn a_head_is_held_back_once_below_a_fallback() {
    let (_sender, rule) = silent();
    let upstream = Upstream::new(move |_, _| rule());
    let (held, calls) = below_a_fallback(&upstream).await;
    assert_eq!(held, Duration::from_secs(1), "and not for a second by each of the two");
    assert_eq!(calls, ["api.x.ai"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_every_attempt_leads_to_the_next_step() {
    for (kind, attempts) in [("overloaded_error", 3), ("something_else", 1)] {
        let upstream = Upstream::new(move |call, _| match call.authority() {
            "api.x.ai" => answer(200, &[SSE], error(kind)),
            _ => answer(200, &[SSE], WELL),
        });
        let (_, calls) = below_a_fallback(&upstream).await;
        assert_eq!(calls.len(), attempts + 1, "{kind}");
        assert_eq!(calls.last().unwrap(), "other.test");
    }
}
