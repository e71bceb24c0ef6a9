//! The verdicts of guards.

use http::StatusCode;
use serde_json::json;
use tower_ai_gateway::guard::Verdict;
use tower_ai_gateway::{Outcome, Refusal};

use crate::guards::scene::*;
use crate::support::ends::Ends;
use crate::support::message::request;
use crate::support::noise;
use crate::support::raw_upstream::Recorder;

fn refusal() -> Refusal {
    let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "The prompt has a secret.");
    refusal.code(2029).name("prompt_with_secret").param("messages")
}

#[tokio::test]
async fn a_refusal_is_in_the_callers_format_and_nothing_is_sent() {
    let provider = Recorder::start().await;
    let (hook, mut ends) = Ends::by(|end| (end.outcome, end.gateway_code, end.attempts));
    let (spy, _reports) = Spy::new(1000, |_| refusal().into());
    let gateway = serve(layer(&provider).guard(spy).metrics_hook(hook)).await;
    let body = br#"{"model":"grok/grok-4"}"#;
    for line in [NATIVE, COMPAT, REST, MESSAGES, "POST /v1/acct/gw/grok/v1/messages"] {
        let answer = gateway.answer(request(line, &[JSON], body)).await;
        let error = answer.gateway_error(422, 2029)["error"].clone();
        let expected = match line.ends_with("messages") {
            true => json!({"type": "invalid_request_error", "message": "The prompt has a secret."}),
            false => json!({
                "message": "The prompt has a secret.", "type": "invalid_request_error",
                "code": "prompt_with_secret", "param": "messages",
            }),
        };
        assert_eq!(error, expected, "{line}");
        assert_eq!(answer.head.get("x-should-retry"), Some("false"));
        assert_eq!(ends.next().await, (Outcome::Rejected, Some(2029), 0));
        assert!(ends.is_empty());
    }
    provider.assert_untouched("all is refused");
}

#[tokio::test]
async fn a_refused_body_is_read_to_its_end() {
    let provider = Recorder::start().await;
    let (spy, _reports) = Spy::new(10, |_| refusal().into());
    let gateway = serve(layer(&provider).guard(spy)).await;
    let mut wire = gateway.connect().await;
    let body = noise(4 << 20);
    for _ in 0..2 {
        // A client that sends everything before it reads, on one connection.
        wire.send(request("POST /v1/acct/gw/grok/v1/files", &[], &body)).await;
        wire.read_message().await.gateway_error(422, 2029);
    }
    provider.assert_untouched("all is refused");
}

#[tokio::test]
async fn a_client_with_expect_is_refused_at_once() {
    let provider = Recorder::start().await;
    let (spy, _reports) = Spy::new(0, |_| refusal().into());
    let gateway = serve(layer(&provider).guard(spy)).await;
    let headers = ["expect: 100-continue", "content-length: 1000000"];
    let answer = gateway.answer(request("POST /v1/acct/gw/grok/v1/files", &headers, b"")).await;
    // The answer is not `100 Continue`.
    answer.gateway_error(422, 2029);
}

#[tokio::test]
async fn guards_are_asked_in_order_until_one_refuses() {
    let provider = Recorder::start().await;
    let (hook, mut ends) =
        Ends::by(|end| (end.outcome, end.flags.iter().map(|f| f.to_string()).collect::<Vec<_>>()));
    let flags = |label: &'static str| Spy::new(0, move |_| Verdict::flag(label));
    let ((first, mut first_sees), (third, mut third_sees)) = (flags("first"), flags("third"));
    let ((second, mut second_sees), (fourth, mut fourth_sees)) =
        (Spy::new(100, refusing("two")), Spy::new(100, refusing("four")));
    let layer = layer(&provider).guard(first).guard(second).guard(third).guard(fourth);
    let gateway = serve(layer.metrics_hook(hook)).await;
    let send = |body: &'static [u8]| gateway.answer(request(NATIVE, &[], body));

    send(b"two and four").await.gateway_error(403, 2403);
    assert_eq!(ends.next().await, (Outcome::Rejected, vec!["first".to_owned()]));
    first_sees.only().await;
    second_sees.only().await;
    assert!(third_sees.seen.try_recv().is_err() && fourth_sees.seen.try_recv().is_err());

    send(b"four").await.gateway_error(403, 2403);
    let both = vec!["first".to_owned(), "third".to_owned()];
    assert_eq!(ends.next().await, (Outcome::Rejected, both.clone()));

    assert_eq!(send(b"none").await.status(), 200);
    assert_eq!(ends.next().await, (Outcome::Complete, both));
    assert_eq!(provider.only().body(), b"none");
}

/// Refuses bodies that contain this text.
fn refusing(text: &'static str) -> impl Fn(&Seen) -> Verdict + Send + Sync + 'static {
    move |seen| match seen.text().contains(text) {
        true => Refusal::forbidden("not that").into(),
        false => Verdict::Pass,
    }
}
