//! `EndEvent::is_success`.

use tower_ai_gateway::{EndEvent, Provider};

use crate::support::ends::Ends;
use crate::support::gateway::Setup;
use crate::support::message::{request, response};
use crate::support::raw_upstream::RawUpstream;

fn sse(events: &[&str]) -> Vec<u8> {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    answer("text/event-stream", &body)
}

fn answer(content_type: &str, body: &str) -> Vec<u8> {
    let content_type = format!("content-type: {content_type}");
    response("200 OK", &[&content_type, "connection: close"], body.as_bytes())
}

const CHAT: &str = "grok/v1/chat/completions";
const RESPONSES: &str = "grok/v1/responses";
const GEMINI: &str = "google-ai-studio/v1beta/models/gemini-x:generateContent";
const DELTA: &str = r#"{"choices":[{"delta":{"content":"hi"}}]}"#;

/// Whether the exchange was a success, and the provider's error code.
type Classified = (bool, Option<String>);

fn classified(end: &EndEvent<'_>) -> Classified {
    let code = end.provider_error.map(|error| error.code.as_deref().unwrap_or("").to_owned());
    (end.is_success(), code)
}

#[tokio::test]
async fn an_error_in_the_body_is_not_a_success_and_keeps_its_code() {
    let mut provider = RawUpstream::start().await;
    let (hook, mut ends) = Ends::by(classified);
    let google = Provider::google_ai_studio().base_url(provider.base(""));
    let setup = Setup::new(provider.base("/v1")).provider(google);
    let gateway = setup.layer(|layer| layer.metrics_hook(hook)).start().await;
    let json = |body: &str| answer("application/json", body);
    let finished = r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#;
    for (path, answer, expected) in [
        (CHAT, sse(&[DELTA, "[DONE]"]), (true, None)),
        (CHAT, sse(&[DELTA]), (false, None)),
        (
            CHAT,
            sse(&[DELTA, r#"{"error":{"code":502},"choices":[{"delta":{}}]}"#, "[DONE]"]),
            (false, Some("502")),
        ),
        (
            CHAT,
            sse(&[DELTA, r#"{"choices":[],"x_groq":{"error":"over_capacity"}}"#, "[DONE]"]),
            (false, Some("over_capacity")),
        ),
        (CHAT, json(r#"[{"error":{"code":503}}]"#), (false, Some("503"))),
        (RESPONSES, json(r#"{"status":"completed","error":null,"output":[]}"#), (true, None)),
        (RESPONSES, json(r#"{"status":"incomplete","error":null,"output":[]}"#), (true, None)),
        (
            RESPONSES,
            json(r#"{"status":"failed","error":{"code":"server_error"},"output":[]}"#),
            (false, Some("server_error")),
        ),
        (GEMINI, json(finished), (true, None)),
        (GEMINI, sse(&[finished]), (true, None)),
        (GEMINI, sse(&[&finished.replace(r#""STOP""#, "null")]), (false, None)),
        (GEMINI, json(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#), (false, Some("SAFETY"))),
        (GEMINI, json(r#"{"candidates":[]}"#), (false, Some(""))),
    ] {
        let mut client = gateway.connect().await;
        let line = format!("POST /v1/acct/gw/{path}");
        client.send(request(&line, &["content-type: application/json"], b"{}")).await;
        let mut upstream = provider.accept().await;
        upstream.read_message().await;
        upstream.send(&answer).await;
        drop(upstream);
        let message = client.read_message().await;
        assert!(answer.ends_with(message.body()));
        let expected = (expected.0, expected.1.map(str::to_owned));
        assert_eq!(ends.next().await, expected, "{}", String::from_utf8_lossy(&answer));
    }
}

/// What the client has is still right.
#[tokio::test]
async fn an_answer_that_nothing_was_modified_is_a_success() {
    let mut provider = RawUpstream::start().await;
    let (hook, mut ends) = Ends::by(classified);
    let setup = Setup::new(provider.base("/v1")).layer(|layer| layer.metrics_hook(hook));
    let gateway = setup.start().await;
    let mut client = gateway.connect().await;
    client.send(request("GET /v1/acct/gw/grok/v1/models", &[], b"")).await;
    let mut upstream = provider.accept().await;
    upstream.read_message().await;
    upstream.send(response("304 Not Modified", &["connection: close"], b"")).await;
    client.read_head().await;
    assert_eq!(ends.next().await, (true, None));
}
