//! How much of a body is read before it is sent, and that the provider gets all of it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::guard::{GuardRequest, Verdict};
use tower_ai_gateway::{BodyBudget, GatewayLayer, Guard, Outcome, Provider};

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::{chunk, ok, request};
use crate::support::polling::eventually;
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::{assert_same_bytes, noise};

const FILES: &str = "POST /v1/acct/gw/grok/v1/files";

#[tokio::test]
async fn a_guard_sees_the_start_and_the_provider_gets_all() {
    for (length, limit) in [
        (0, 100),
        (99, 100),
        (100, 100),
        (101, 100),
        (3_000_000, 100),
        (3_000_000, 1_000_000),
        (3_000_000, 3_000_000),
        (3_000_000, usize::MAX),
        (50, 0),
    ] {
        let provider = Recorder::start().await;
        let (spy, mut reports) = Spy::passing(limit);
        let gateway = serve(layer(&provider).guard(spy)).await;
        let body = noise(length);
        let chunked = format!("{FILES} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunks = body.chunks(777).flat_map(chunk).chain(*b"0\r\n\r\n");
        for sent in [request(FILES, &[], &body), chunked.bytes().chain(chunks).collect()] {
            let answer = gateway.connect().await.send_and_read(&sent).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let seen = reports.only().await;
            assert_same_bytes(&seen.body, &body[..length.min(limit)], "what the guard sees");
            // An empty body of known length is whole even if no byte was requested.
            assert_eq!(seen.is_whole, length <= limit, "{length} {limit}");
        }
        for got in provider.requests() {
            assert_same_bytes(got.body(), &body, "what the provider gets");
        }
    }
}

#[tokio::test]
async fn a_guard_sees_a_model_routed_body_beyond_its_model() {
    let filler = "x".repeat(300_000);
    let body = format!(r#"{{"model":"grok/grok-4","a":"{filler}"}}"#);
    let sent = body.replace("grok/", "");
    for limit in [0, 10, 40, 100_000, 1 << 20] {
        let provider = Recorder::start().await;
        let (spy, mut reports) = Spy::passing(limit);
        let gateway = serve(layer(&provider).guard(spy)).await;
        let mut wire = gateway.connect().await;
        let head = request(COMPAT, &[JSON, &format!("content-length: {}", body.len())], b"");
        wire.send([&head[..], &body.as_bytes()[..30]].concat()).await;
        let answer = wire.send_and_read(&body.as_bytes()[30..]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = reports.only().await;
        assert_same_bytes(&seen.body, &body.as_bytes()[..limit.min(body.len())], "seen");
        assert_eq!(seen.is_whole, limit >= body.len(), "{limit}");
        let got = provider.only();
        assert_same_bytes(got.body(), sent.as_bytes(), "sent");
        assert_eq!(got.head.content_length(), Some(sent.len()));
    }
}

#[tokio::test]
async fn a_body_is_read_only_if_a_guard_needs_it() {
    let mut provider = RawUpstream::start().await;
    let (spy, mut reports) = Spy::passing(0);
    let gateway = serve(at(&provider.base("/v1")).guard(spy)).await;
    let mut wire = gateway.connect().await;
    wire.send(request(FILES, &["content-length: 4"], b"")).await;
    // The provider gets the head before the client sends any of the body.
    let mut upstream = provider.accept().await;
    upstream.read_head().await;
    let seen = reports.only().await;
    assert_eq!((seen.body.len(), seen.is_whole), (0, false));
    wire.send("body").await;
    assert_eq!(upstream.read_bytes(4).await, b"body");
    upstream.send(ok(b"")).await;
    assert_eq!(wire.read_message().await.status(), 200);
}

#[tokio::test]
async fn trailers_read_ahead_are_sent_at_the_end() {
    let got = Arc::new(Mutex::new(None));
    let kept = got.clone();
    let client = service_fn(move |request: Request<tower_ai_gateway::RequestBody<_>>| {
        let kept = kept.clone();
        async move {
            let hint = http_body::Body::size_hint(request.body());
            assert_eq!(hint.exact(), None, "a body of a known length is sent without trailers");
            let body = request.into_body().collect().await.map_err(|error| error.to_string());
            let body = body.unwrap();
            *kept.lock().unwrap() = Some((body.trailers().cloned(), body.to_bytes()));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let (spy, mut reports) = Spy::passing(100);
    let layer = GatewayLayer::builder().provider(Provider::xai()).guard(spy).build().unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let frames: [Result<_, Infallible>; 3] = [
        Ok(Frame::data(Bytes::from("bo"))),
        Ok(Frame::data(Bytes::from("dy"))),
        Ok(Frame::trailers(trailers.clone())),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let path = FILES.strip_prefix("POST ").unwrap();
    let request = Request::post(path).header("te", "trailers").body(body).unwrap();
    layer.client_layer().layer(client).oneshot(request).await.unwrap();
    assert!(reports.only().await.is_whole);
    let got = got.lock().unwrap().take().unwrap();
    assert_eq!((got.0, &got.1[..]), (Some(trailers), &b"body"[..]));
}

#[tokio::test]
async fn a_client_that_sends_too_slowly_gets_408() {
    let provider = Recorder::start().await;
    let (hook, mut ends) = Ends::by(|end| (end.outcome, end.gateway_code, end.attempts));
    let (spy, mut reports) = Spy::passing(100);
    let short = Some(Duration::from_millis(100));
    let layer = layer(&provider).guard(spy).body_timeout(short).metrics_hook(hook);
    let gateway = serve(layer).await;
    for line in [FILES, COMPAT] {
        let mut wire = gateway.connect().await;
        let begin = br#"{"model":"grok/grok-4","#;
        wire.send([&request(line, &["content-length: 50"], b"")[..], begin].concat()).await;
        wire.read_message().await.gateway_error(408, 2504);
        assert_eq!(ends.next().await, (Outcome::Rejected, Some(2504), 0));
    }
    assert!(reports.seen.try_recv().is_err());
    provider.assert_untouched("the body did not come");
}

#[tokio::test]
async fn a_broken_body_is_not_shown() {
    let provider = Recorder::start().await;
    let (hook, mut ends) = Ends::by(|end| end.outcome);
    let (spy, mut reports) = Spy::passing(100);
    let gateway = serve(layer(&provider).guard(spy).metrics_hook(hook)).await;
    let mut wire = gateway.connect().await;
    wire.send(request(FILES, &["content-length: 50"], b"")).await;
    wire.send("{").await;
    wire.reset();
    assert!(matches!(ends.next().await, Outcome::Cancelled | Outcome::Rejected));
    assert!(reports.seen.try_recv().is_err() && ends.is_empty());
    provider.assert_untouched("the body broke off");
}

#[tokio::test]
async fn requests_that_wait_for_guards_share_the_budget() {
    const BODY: usize = 40_000;
    let provider = Recorder::start().await;
    let budget = BodyBudget::new(10 * BODY);
    let hanging = Hanging { limit: 1 << 20, ..Hanging::default() };
    let gateway = serve(layer(&provider).guard(hanging.clone()).body_budget(budget.clone())).await;
    let body = noise(BODY);
    let mut waiting = Vec::new();
    let mut refused = 0;
    for _ in 0..20 {
        let mut wire = gateway.connect().await;
        let before = hanging.count();
        wire.send(request(FILES, &[], &body)).await;
        tokio::select! {
            () = eventually("a guard that is asked", async || hanging.count() > before) => waiting.push(wire),
            answer = wire.read_message() => {
                answer.gateway_error(503, 2503);
                refused += 1;
            }
        }
        assert!(budget.used() <= budget.limit());
    }
    assert!(waiting.len() >= 4 && refused >= 10, "{} wait, {refused} refused", waiting.len());
    assert!(budget.used() >= waiting.len() * BODY);
    waiting.into_iter().for_each(crate::support::wire::Wire::reset);
    eventually("all guards are dropped", async || hanging.count() == 0).await;
    eventually("all memory is given back", async || budget.used() == 0).await;
    provider.assert_untouched("no guard has decided");
}

#[tokio::test]
async fn the_usage_option_is_added_after_a_guard() {
    let provider = Recorder::start().await;
    let (spy, mut reports) = Spy::passing(1000);
    let gateway = serve(layer(&provider).guard(spy).ask_for_usage(true)).await;
    let body = r#"{"model":"grok-4","stream":true,"messages":[]}"#;
    for limit in [COMPAT, "POST /v1/acct/gw/openai/chat/completions"] {
        provider.clear();
        let body =
            if limit == COMPAT { body.replace("grok-4", "openai/gpt-5") } else { body.into() };
        let answer = gateway.answer(request(limit, &[JSON], body.as_bytes())).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(reports.only().await.text(), body, "as the client sent it");
        let got = provider.only();
        assert_eq!(got.json()["stream_options"]["include_usage"], true, "{}", got.text());
        assert_eq!(got.head.content_length(), Some(got.body().len()));
    }
}

/// Gets only as much as it asks for, even if another guard asks for more.
#[tokio::test]
async fn each_guard_sees_as_much_as_it_requests() {
    let provider = Recorder::start().await;
    let ((none, mut nothing), (some, mut part), (all, mut whole)) =
        (Spy::passing(0), Spy::passing(3), Spy::passing(100));
    let gateway = serve(layer(&provider).guard(none).guard(some).guard(all)).await;
    gateway.answer(request(FILES, &[], b"12345")).await;
    for (reports, text, is_whole) in
        [(&mut nothing, "", false), (&mut part, "123", false), (&mut whole, "12345", true)]
    {
        let seen = reports.only().await;
        assert_eq!((seen.text(), seen.is_whole), (text, is_whole));
    }
}

#[tokio::test]
async fn the_content_encoding_is_shown() {
    let provider = Recorder::start().await;
    let (spy, mut reports) = Spy::passing(100);
    let gateway = serve(layer(&provider).guard(spy)).await;
    gateway.answer(request(FILES, &["content-encoding: gzip"], b"\x1f\x8b\xff")).await;
    let seen = reports.only().await;
    assert_eq!(
        (seen.content_encoding.as_deref(), &seen.body[..]),
        (Some("gzip"), &b"\x1f\x8b\xff"[..])
    );
}

/// A guard that reads nothing does not delay the body, which streams after the verdict.
#[tokio::test]
async fn with_a_small_limit_the_rest_is_streamed() {
    struct First(Arc<AtomicBool>);
    impl Guard for First {
        fn body_limit(&self, _: &tower_ai_gateway::guard::GuardHead<'_>) -> usize {
            2
        }
        async fn check(&self, request: GuardRequest<'_>) -> Verdict {
            self.0.store(request.body.bytes == b"ab", Ordering::SeqCst);
            Verdict::Pass
        }
    }
    let is_shown = Arc::new(AtomicBool::new(false));
    let mut provider = RawUpstream::start().await;
    let gateway = serve(at(&provider.base("/v1")).guard(First(is_shown.clone()))).await;
    let mut wire = gateway.connect().await;
    wire.send(request(FILES, &["content-length: 6"], b"")).await;
    wire.send("abc").await;
    let mut upstream = provider.accept().await;
    upstream.read_head().await;
    assert_eq!(upstream.read_bytes(3).await, b"abc");
    assert!(is_shown.load(Ordering::SeqCst));
    wire.send("def").await;
    assert_eq!(upstream.read_bytes(3).await, b"def");
    upstream.send(ok(b"")).await;
    assert_eq!(wire.read_message().await.status(), 200);
}
