//! Streams whose first event is an error lead to the next step, within bounds.

mod held_heads;

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Instant, timeout};
use tower::BoxError;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::FallbackChain;

use crate::fallbacks::scene::*;
use crate::support::scripted::{Answer, AnswerBody, answer, json};

const BODY: &str = r#"{"model":"grok-4","stream":true}"#;
const MESSAGES: &str = "/v1/acct/gw/grok/v1/messages";
const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";

const SSE: (&str, &str) = ("content-type", "text/event-stream");

const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Once\"}}]}\n\n";
const FAULT: &str = "data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// The first provider answers like this; the second answers with its name.
fn first(rule: impl Fn() -> Answer + Send + Sync + 'static) -> Scene {
    let chain = FallbackChain::on("grok-*").to_model("grok-3");
    Scene::new(keys().fallback(chain), move |_, before| match before {
        0 => rule(),
        _ => json(200, "{\"other\":1}"),
    })
}

/// A body with these frames.
fn frames<'a>(parts: impl Iterator<Item = &'a [u8]>) -> AnswerBody {
    let frames = parts.map(|part| Ok::<_, BoxError>(Frame::data(Bytes::copy_from_slice(part))));
    StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>())).boxed_unsync()
}

fn stream(body: &[u8], size: usize) -> Answer {
    let response = Response::builder().header(SSE.0, SSE.1).header("x-of", "first");
    Ok(response.body(frames(body.chunks(size))).unwrap())
}

/// Returns whether this stream leads to the next step, in any split. If not, checks that it arrives
/// unchanged.
async fn leads_on(path: &str, body: &str) -> bool {
    let mut seen = Vec::new();
    for size in [1, 2, 7, 64, body.len()] {
        let of = body.to_owned();
        let scene = first(move || stream(of.as_bytes(), size));
        let got = scene.send(path, &[], BODY).await;
        let led = got.header("cf-aig-step") == Some("1");
        assert_eq!(scene.upstream.count(), 1 + usize::from(led), "{body}");
        assert_eq!(got.text(), if led { "{\"other\":1}" } else { body });
        assert_eq!(got.header("x-of"), (!led).then_some("first"));
        assert_eq!(scene.events.end().step, u32::from(led), "in the one end event");
        seen.push(led);
    }
    assert!(seen.iter().all(|led| *led == seen[0]), "{seen:?}: {body}");
    seen[0]
}

/// `event: …` and its data.
fn typed(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Frames sent by the test.
fn live() -> (Sender<Bytes, BoxError>, impl Fn() -> Answer + Send + Sync + 'static) {
    let (sender, body) = Channel::<Bytes, BoxError>::new(64);
    let body = Mutex::new(Some(body));
    let rule = move || {
        let body = body.lock().unwrap().take().unwrap().boxed_unsync();
        Ok(Response::builder().header(SSE.0, SSE.1).body(body).unwrap())
    };
    (sender, rule)
}

fn request() -> Vec<Result<Frame<Bytes>, std::io::Error>> {
    vec![Ok(Frame::data(Bytes::from_static(BODY.as_bytes())))]
}

async fn next<B>(body: &mut B) -> Bytes
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn an_error_before_the_first_content_leads_to_the_next_step() {
    let created = typed(
        "response.created",
        r#"{"type":"response.created","response":{"id":"r","error":null,"output":[]}}"#,
    );
    let failed = typed(
        "response.failed",
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"no"}}}"#,
    );
    let nested = typed(
        "error",
        r#"{"type":"error","error":{"type":"server_error","code":null,"message":"no"}}"#,
    );
    let flat = typed("error", r#"{"type":"error","code":"server_error","message":"no"}"#);
    let start = typed(
        "message_start",
        r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
    );
    let ping = typed("ping", r#"{"type":"ping"}"#);
    let overloaded = typed(
        "error",
        r#"{"type":"error","error":{"type":"overloaded_error","message":"no"},"request_id":"q"}"#,
    );
    let groq = typed(
        "error",
        r#"{"error":{"message":"no","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}"#,
    );
    for (path, body) in [
        (CHAT, FAULT.to_owned()),
        (CHAT, FAULT.replace('\n', "\r\n")),
        (CHAT, [": OPENROUTER PROCESSING\n\n".repeat(9).as_str(), FAULT].concat()),
        (CHAT, [ROLE, FAULT, DONE].concat()),
        (CHAT, ["\n\n", FAULT, CONTENT].concat()),
        (CHAT, groq.clone()),
        (CHAT, [ROLE, &groq].concat()),
        // xAI
        (CHAT, r#"data: {"code":"unavailable","error":"timed out"}"#.to_owned() + "\n\n"),
        // Cerebras, with and without a name
        (CHAT, "data: {\"error\":{\"message\":\"no\"},\"status_code\":503}\n\n".to_owned()),
        (CHAT, typed("error", r#"{"error":{"message":"no"},"status_code":503}"#)),
        // vLLM
        (CHAT, format!("data: {{\"error\":{{\"message\":\"no\",\"code\":500}}}}\n\n{DONE}")),
        (RESPONSES, [&*created, &failed].concat()),
        (RESPONSES, [&*created, &nested].concat()),
        (RESPONSES, flat),
        (MESSAGES, overloaded.clone()),
        (MESSAGES, [&*start, &ping, &overloaded].concat()),
        // Without the blank line after it.
        (CHAT, FAULT.trim_end().to_owned()),
    ] {
        assert!(leads_on(path, &body).await, "{body}");
    }
}

#[tokio::test]
async fn a_stream_without_an_early_error_passes() {
    let incomplete = typed(
        "response.incomplete",
        r#"{"type":"response.incomplete","response":{"status":"incomplete","error":null}}"#,
    );
    let delta = typed(
        "response.output_text.delta",
        r#"{"type":"response.output_text.delta","delta":"Once"}"#,
    );
    for (path, body) in [
        (CHAT, [ROLE, CONTENT, FAULT].concat()),
        (CHAT, [ROLE, CONTENT, DONE].concat()),
        (CHAT, [ROLE, DONE].concat()),
        (CHAT, DONE.to_owned()),
        (CHAT, String::new()),
        (CHAT, "data: no json\n\n".to_owned()),
        (CHAT, "data: {\"choices\":[],\"error\":null}\n\n".to_owned()),
        (RESPONSES, incomplete),
        (RESPONSES, [&*delta, &typed("error", r#"{"type":"error","code":"x"}"#)].concat()),
    ] {
        let body = if body.is_empty() { ":\n".to_owned() } else { body };
        assert!(!leads_on(path, &body).await, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn if_all_fail_the_last_stream_passes() {
    let chain = FallbackChain::on("*").to("openai", "gpt");
    let body = [ROLE, FAULT, DONE].concat();
    let expected = body.clone();
    let scene = Scene::new(keys().fallback(chain), move |_, _| stream(body.as_bytes(), 50));
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.text(), got.header("cf-aig-step")), (&*expected, Some("1")));
    // The first response, with the rest of its body, if the second provider gives none.
    let (mut sender, rule) = live();
    let chain = FallbackChain::on("*").to("openai", "gpt");
    let scene = Scene::new(keys().fallback(chain), move |_, before| match before {
        0 => rule(),
        _ => crate::support::scripted::fails(std::io::ErrorKind::ConnectionRefused),
    });
    sender.send_data(Bytes::from_static(FAULT.as_bytes())).await.unwrap();
    let head = scene.head(CHAT, &[], request()).await;
    sender.send_data(Bytes::from_static(DONE.as_bytes())).await.unwrap();
    drop(sender);
    assert_eq!(head.headers()["cf-aig-step"], "0");
    let body = head.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, [FAULT, DONE].concat());
}

#[cfg(feature = "decompression")]
mod compressed {
    use std::io::Write;

    use super::*;

    fn encode(coding: &str, body: &[u8]) -> Vec<u8> {
        match coding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap()
            }
            "br" => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
                encoder.write_all(body).unwrap();
                encoder.into_inner()
            }
            "zstd" => zstd::encode_all(body, 3).unwrap(),
            _ => body.to_vec(),
        }
    }

    #[tokio::test]
    async fn compressed_errors_are_classified_and_pass_unchanged() {
        let error = r#"{"error":{"message":"overloaded"}}"#;
        let answer_json = r#"{"id":"x","choices":[{"message":{"content":"hi"}}]}"#;
        for (content_type, body, leads_on) in [
            ("application/json", error, true),
            ("application/json", answer_json, false),
            ("text/event-stream", &*[ROLE, FAULT].concat(), true),
            ("text/event-stream", &*[ROLE, CONTENT, FAULT].concat(), false),
        ] {
            for coding in ["gzip", "br", "zstd", "identity"] {
                let encoded = encode(coding, body.as_bytes());
                for size in [1, 10, encoded.len()] {
                    let sent = encoded.clone();
                    let scene = first(move || {
                        let response = Response::builder()
                            .header("content-type", content_type)
                            .header("content-encoding", coding);
                        Ok(response.body(frames(sent.chunks(size))).unwrap())
                    });
                    let got = scene.send(CHAT, &[], BODY).await;
                    let step = got.header("cf-aig-step");
                    assert_eq!(step, Some(if leads_on { "1" } else { "0" }), "{coding} {body}");
                    if !leads_on {
                        assert_eq!(got.body.unwrap(), encoded);
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn compressed_data_beyond_the_bound_passes() {
        let long = ["\n".repeat(5000).as_str(), FAULT].concat();
        let bomb = " ".repeat(10_000_000);
        for (body, size) in [(long, 1), (bomb, 4096)] {
            for coding in ["gzip", "br", "zstd"] {
                let encoded = encode(coding, body.as_bytes());
                let sent = encoded.clone();
                let scene = first(move || {
                    let response =
                        Response::builder().header(SSE.0, SSE.1).header("content-encoding", coding);
                    Ok(response.body(frames(sent.chunks(size))).unwrap())
                });
                let got = scene.send(CHAT, &[], BODY).await;
                assert_eq!(got.header("cf-aig-step"), Some("0"), "{coding}");
                assert_eq!(got.body.unwrap(), encoded);
            }
        }
    }
}

#[tokio::test]
async fn a_response_with_an_error_status_is_not_read() {
    let scene = first(|| answer(400, &[SSE], FAULT));
    let got = scene.send(CHAT, &[], BODY).await;
    assert_eq!((got.status, got.text()), (400, FAULT));
}
