//! Which answers lead to the next step, and which are returned.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, StreamBody};
use tower_ai_gateway::Outcome;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{FallbackChain, GatewaySettingsBuilder};

use crate::fallbacks::scene::*;
use crate::support::scripted::{Answer, answer, broken, fails, json};

const BODY: &str = r#"{"model":"grok-4","stream":true}"#;

fn settings() -> GatewaySettingsBuilder {
    keys().fallback(FallbackChain::on("*").to("openai", "gpt"))
}

/// The first provider answers like this, the second one with success.
fn first(rule: impl Fn() -> Answer + Send + Sync + 'static) -> Scene {
    Scene::new(settings(), move |_, before| if before == 0 { rule() } else { json(200, "{}") })
}

#[tokio::test]
async fn the_status_decides_about_a_fallback() {
    for status in (200..=599).filter(|status| ![204, 304].contains(status)) {
        let scene = first(move || json(status, "{\"id\":1}"));
        let got = scene.send(CHAT, &[], BODY).await;
        let leads_on = status >= 500 || [408, 409, 425, 429].contains(&status);
        assert_eq!(got.header("cf-aig-step"), Some(if leads_on { "1" } else { "0" }), "{status}");
        assert_eq!(got.status, if leads_on { 200 } else { status });
        assert_eq!(scene.upstream.count(), 1 + usize::from(leads_on));
    }
}

#[tokio::test]
async fn redirects_are_relayed_to_the_client() {
    for status in [301, 302, 303, 307, 308] {
        let scene = first(move || answer(status, &[("location", "https://evil.test/")], "moved"));
        let got = scene.send(CHAT, &[("cf-aig-max-attempts", "3")], BODY).await;
        assert_eq!((got.status, got.header("location")), (status, Some("https://evil.test/")));
        assert_eq!(scene.upstream.authorities(), [GROK]);
    }
}

#[tokio::test]
async fn any_failure_leads_to_the_next_step() {
    for kind in [
        ErrorKind::ConnectionRefused,
        ErrorKind::ConnectionReset,
        ErrorKind::TimedOut,
        ErrorKind::Other,
    ] {
        let scene = first(move || fails(kind));
        assert_eq!(
            scene.send(CHAT, &[], BODY).await.answered_by(),
            ("1", Some("openai"), Some("gpt"))
        );
        assert_eq!(scene.events.end().outcome, Outcome::Complete);
    }
}

#[tokio::test]
async fn an_error_with_a_success_status_leads_to_the_next_step() {
    for (content_type, body, leads_on) in [
        (
            "application/json",
            r#"{"code":"unavailable","error":"Timed out waiting for first token"}"#,
            true,
        ),
        ("application/json; charset=utf-8", r#"{"error":{"message":"overloaded"}}"#, true),
        ("application/json", r#"{"error":null,"id":"x"}"#, false),
        ("application/json", r#"{"choices":[{"message":{"content":"{\"error\":1}"}}]}"#, false),
        ("application/json", "", false),
        ("application/json", "not json", false),
        ("text/plain", r#"{"error":{"message":"overloaded"}}"#, false),
        ("text/event-stream", "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", true),
        ("text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n", false),
    ] {
        let scene = first(move || answer(200, &[("content-type", content_type)], body));
        let got = scene.send(CHAT, &[], BODY).await;
        assert_eq!(got.header("cf-aig-step"), Some(if leads_on { "1" } else { "0" }), "{body}");
        if !leads_on {
            assert_eq!(got.text(), body);
        }
    }
    // The answer of the last provider is returned unchanged.
    let error = r#"{"error":{"message":"overloaded"}}"#;
    let scene = Scene::new(settings(), move |_, _| json(200, error));
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.text(), got.header("cf-aig-step")), (error, Some("1")));
    // A long body is not an error, and bodies with unknown compression are not read.
    let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(5000));
    let expected = long.clone();
    let scene = first(move || json(200, &long));
    assert_eq!(scene.send(CHAT, &[], BODY).await.text(), expected);
    let scene = first(move || {
        answer(200, &[("content-type", "application/json"), ("content-encoding", "x-none")], error)
    });
    assert_eq!(scene.send(CHAT, &[], BODY).await.text(), error);
}

#[tokio::test]
async fn a_response_read_for_errors_passes_unchanged() {
    let frames = ["{\"id\"", "", ":1,", "\"choices\":[]}"];
    let body = move || {
        let data = frames.map(|data| Ok(Frame::data(Bytes::from_static(data.as_bytes()))));
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "t".parse().unwrap())]);
        let all = data.into_iter().chain([Ok(Frame::trailers(trailers))]);
        let body = StreamBody::new(futures_util::stream::iter(all.collect::<Vec<_>>()));
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(body.boxed_unsync()).unwrap())
    };
    let scene = first(body);
    let frame = Ok(Frame::data(Bytes::from_static(BODY.as_bytes())));
    let mut body = scene.head(CHAT, &[("te", "trailers")], vec![frame]).await.into_body();
    for expected in frames {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
    }
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["etag"], "t");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_as_it_arrives() {
    let (mut sender, body) = Channel::<Bytes, tower::BoxError>::new(4);
    let body = std::sync::Mutex::new(Some(body));
    let scene = first(move || {
        let body = body.lock().unwrap().take().unwrap().boxed_unsync();
        Ok(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
    });
    let frame = Ok(Frame::data(Bytes::from_static(BODY.as_bytes())));
    // No byte has arrived: the layer waits for it, but not for long.
    let began = tokio::time::Instant::now();
    let mut body = scene.head(CHAT, &[], vec![frame]).await.into_body();
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    for part in ["data: 1\n\n", "data", ": [DONE]\n\n"] {
        sender.send_data(Bytes::from(part)).await.unwrap();
        let frame = tokio::time::timeout(Duration::from_secs(1), body.frame()).await.unwrap();
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), part);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    assert_eq!(scene.events.end().step, 0);
}

/// A long body, of which nothing has arrived.
struct Long;

impl http_body::Body for Long {
    type Data = Bytes;
    type Error = tower::BoxError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, tower::BoxError>>> {
        std::task::Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(5000)
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_too_long_for_an_error_passes_at_once() {
    let scene = first(|| {
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(Long.boxed_unsync()).unwrap())
    });
    let frame = Ok(Frame::data(Bytes::from_static(BODY.as_bytes())));
    let head = tokio::time::timeout(Duration::from_millis(1), scene.head(CHAT, &[], vec![frame]));
    assert_eq!(head.await.unwrap().headers()["cf-aig-step"], "0");
}

#[tokio::test]
async fn a_response_that_breaks_off_while_it_is_classified_leads_to_the_next_step() {
    let half = || {
        let response = Response::builder().header("content-type", "application/json");
        Ok(response.body(broken(&["{\"id\""])).unwrap())
    };
    assert_eq!(first(half).send(CHAT, &[], BODY).await.header("cf-aig-step"), Some("1"));
    // If nobody answers, it is returned and breaks off.
    let scene = Scene::new(settings(), move |_, before| {
        if before == 0 { half() } else { fails(ErrorKind::ConnectionRefused) }
    });
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.status, got.body), (200, Err(b"{\"id\"".to_vec())));
    assert_eq!(scene.events.end().outcome, Outcome::Broken);
}

#[tokio::test]
async fn if_all_fail_the_last_response_passes() {
    let scene = Scene::new(settings(), busy(&[GROK, OPENAI]));
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.status, got.text()), (503, r#"{"from":"api.openai.com"}"#));
    assert_eq!(got.answered_by(), ("1", Some("openai"), Some("gpt")));
    // A response takes precedence over a later failure.
    let scene = Scene::new(settings(), |_, before| match before {
        0 => json(429, "{\"slow\":1}"),
        _ => fails(ErrorKind::ConnectionRefused),
    });
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.status, got.text()), (429, "{\"slow\":1}"));
    assert_eq!(got.header("cf-aig-step"), Some("0"));
    let end = scene.events.end();
    assert_eq!((end.step, end.attempts, end.status), (0, 2, Some(429)));
    assert_eq!(scene.events.reported(), [(1, 0, "429".into()), (2, 1, "connect".into())]);
}

#[tokio::test]
async fn without_any_response_the_gateway_answers() {
    for (kind, status, failure) in [
        (ErrorKind::ConnectionRefused, 502, Failure::Connect),
        (ErrorKind::TimedOut, 504, Failure::HeadTimeout),
    ] {
        let scene = Scene::new(settings(), move |_, before| match before {
            0 => fails(ErrorKind::ConnectionReset),
            _ => fails(kind),
        });
        let got = scene.send(CHAT, &[], BODY).await;
        assert_eq!(got.status, status);
        assert!(got.text().contains("\"gateway\""), "{}", got.text());
        let end = scene.events.end();
        assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(failure)));
        assert_eq!((end.step, end.attempts), (1, 2));
    }
}

#[tokio::test]
async fn a_broken_request_body_leads_to_no_other_step() {
    let scene = first(|| json(503, ""));
    let frames = vec![
        Ok(Frame::data(Bytes::from_static(b"{\"model\":"))),
        Err(std::io::Error::from(ErrorKind::ConnectionReset)),
    ];
    let response = scene.head(CHAT, &[], frames).await;
    assert_eq!(response.status(), 502);
    assert_eq!(scene.upstream.begun(), 1);
}
