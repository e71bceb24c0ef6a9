//! Responses are reported at their end and not delayed.

use tower_ai_gateway::Outcome;
use tower_ai_gateway::guard::Verdict;

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::{STREAM_HEAD, chunk, ok, request, response};
use crate::support::raw_upstream::{RawUpstream, Recorder};

const EVENT: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

#[tokio::test]
async fn a_stream_is_relayed_as_it_arrives_and_reported_once() {
    for end in [Outcome::Complete, Outcome::Broken, Outcome::Cancelled] {
        let mut provider = RawUpstream::start().await;
        let (spy, mut reports) = Spy::new(100, |_| Verdict::flag("odd"));
        let (other, mut nothing) = Spy::passing(100);
        let (hook, mut ends) = Ends::by(|end| (end.outcome, end.response_payload.is_some()));
        let spy = spy.response_limit(EVENT.len() + 4);
        let layer = at(&provider.base("/v1")).guard(spy).guard(other).metrics_hook(hook);
        let gateway = serve(layer).await;
        let mut wire = gateway.connect().await;
        wire.send(request(NATIVE, &[], br#"{"model":"grok-4","stream":true}"#)).await;
        let mut upstream = provider.accept().await;
        upstream.read_message().await;
        upstream.send([STREAM_HEAD, &chunk(EVENT)].concat()).await;
        // The client gets the first event while the provider continues.
        assert_eq!(wire.read_head().await.status(), 200);
        assert_eq!(wire.read_chunk().await.unwrap(), EVENT);
        upstream.send(chunk(EVENT)).await;
        assert_eq!(wire.read_chunk().await.unwrap(), EVENT);
        assert!(reports.reported.is_empty());
        match end {
            Outcome::Complete => {
                upstream.send([chunk(DONE), chunk(b"")].concat()).await;
                assert_eq!(wire.read_chunk().await.unwrap(), DONE);
            }
            Outcome::Broken => upstream.reset(),
            _ => wire.reset(),
        }
        let body = String::from_utf8([EVENT, b"data"].concat()).unwrap();
        let flags = vec!["odd".to_owned()];
        let reported =
            Reported { status: 200, outcome: end, stream: true, body, is_whole: false, flags };
        assert_eq!(reports.reported().await, reported);
        // Hooks get only the part of a response that they requested.
        assert_eq!(ends.next().await, (end, false));
        assert!(reports.reported.try_recv().is_err(), "once");
        assert!(nothing.reported.try_recv().is_err(), "the other has not asked");
    }
}

#[tokio::test]
async fn a_complete_response_is_reported_complete_with_any_status() {
    for status in ["200 OK", "429 Too Many Requests"] {
        let provider = Recorder::answering(move |_| response(status, &[JSON], b"{\"a\":1}")).await;
        let (spy, mut reports) = Spy::passing(0);
        let gateway = serve(layer(&provider).guard(spy.response_limit(7))).await;
        gateway.answer(request(NATIVE, &["cf-aig-max-attempts: 1"], b"{}")).await;
        let reported = reports.reported().await;
        assert_eq!(
            (reported.body.as_str(), reported.is_whole, reported.stream),
            ("{\"a\":1}", true, false)
        );
        assert_eq!(reported.status.to_string(), status[..3]);
    }
}

#[tokio::test]
async fn a_refusal_is_not_reported_as_a_response() {
    let provider = Recorder::answering(|_| ok(b"")).await;
    let (spy, mut reports) = Spy::new(0, |seen| match seen.method.as_str() {
        "PUT" => tower_ai_gateway::Refusal::forbidden("no").into(),
        _ => Verdict::Pass,
    });
    let gateway = serve(layer(&provider).guard(spy.response_limit(7))).await;
    let line = NATIVE.replace("POST", "PUT");
    gateway.answer(request(&line, &[], b"{}")).await.gateway_error(403, 2403);
    gateway.answer(request(NATIVE, &[], b"{}")).await;
    assert_eq!(reports.reported().await.status, 200);
    assert!(reports.reported.try_recv().is_err());
}
