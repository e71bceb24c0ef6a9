//! Streams other than server-sent events: arrays, lines and frames, with exact bytes and tokens.

use tower_ai_gateway::Outcome;
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::usage::{Metering, Terminal};

use crate::support::memory::End;
use crate::support::message::{chunk, response};
use crate::support::metered::{CHAT_REQUEST, Scene, post};

const CONVERSE: &str = "/v1/acct/gw/grok/model/amazon.nova-v1%3A0/converse-stream";
const GEMINI: &str = "/v1/acct/gw/grok/v1beta/models/gemini:streamGenerateContent";
const OLLAMA: &str = "/v1/acct/gw/grok/api/chat";
const FRAMES: &str = "application/vnd.amazon.eventstream";

/// An exchange that the provider answers with this stream, in chunks of `size` bytes.
async fn stream(scene: &mut Scene, path: &str, kind: &str, body: &[u8], size: usize) -> End {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    let chunks = body.chunks(size).flat_map(chunk);
    let answer: Vec<u8> = head.bytes().chain(chunks).chain(chunk(b"")).collect();
    let (message, end) = scene.exchange(&post(path, CHAT_REQUEST), &answer).await;
    assert_eq!(message.body(), body);
    assert!(end.stream, "{path}");
    end
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let shift = |crc: u32| (0..8).fold(crc, |crc, _| (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320));
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| shift(crc ^ u32::from(*byte)));
    (!crc).to_be_bytes()
}

/// A frame with a header for its type.
fn frame(name: &str, kind: &str, payload: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    let mut headers = vec![length(name)];
    headers.extend_from_slice(name.as_bytes());
    headers.extend_from_slice(&[7, 0, length(kind)]);
    headers.extend_from_slice(kind.as_bytes());
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&crc(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc(&frame));
    frame
}

fn converse() -> Vec<Vec<u8>> {
    [
        ("messageStart", r#"{"role":"assistant"}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"!"}}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":30,"outputTokens":12,"totalTokens":42},"metrics":{"latencyMs":9}}"#,
        ),
    ]
    .map(|(kind, payload)| frame(":event-type", kind, payload))
    .to_vec()
}

fn assert_tokens(end: &End, input: u64, output: u64) {
    let usage = end.usage.unwrap();
    assert_eq!((usage.input(), usage.output()), (Some(input), Some(output)));
    assert!(!usage.inconsistent);
}

#[tokio::test]
async fn a_stream_of_frames_is_metered_and_passes_unchanged() {
    let mut scene = Scene::new().await;
    let events = converse();
    for size in [1, 17, 10_000] {
        let end = stream(&mut scene, CONVERSE, FRAMES, &events.concat(), size).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete));
        assert_tokens(&end, 30, 12);
        assert_eq!((end.operation.as_str(), end.content_events), ("converse", 2));
        assert_eq!(end.terminal, Some(Terminal::MessageStop));
        assert!(end.timings.to_first_token.is_some());
    }
    let cut = stream(&mut scene, CONVERSE, FRAMES, &events[..4].concat(), 30).await;
    assert_eq!((cut.outcome, cut.failure), (Outcome::Broken, Some(Failure::Unfinished)));
    assert_eq!((cut.metering, cut.usage), (Metering::Partial, None));
}

#[tokio::test]
async fn an_exception_frame_is_the_providers_error() {
    let mut scene = Scene::new().await;
    let exception = frame(":exception-type", "throttlingException", r#"{"message":"slow down"}"#);
    let body = [converse()[0].clone(), exception].concat();
    let end = stream(&mut scene, CONVERSE, FRAMES, &body, 11).await;
    assert_eq!(end.provider_error.unwrap().code.as_deref(), Some("throttlingException"));
    assert_ne!(end.outcome, Outcome::Complete);
}

#[tokio::test]
async fn a_bad_frame_stops_only_the_metering() {
    let mut scene = Scene::new().await;
    let mut body = converse().concat();
    body[8] ^= 1;
    body.extend_from_slice(&[0xff; 3000]);
    let end = stream(&mut scene, CONVERSE, FRAMES, &body, 100).await;
    assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Malformed));
    assert_eq!(end.response_bytes, body.len() as u64);
}

#[tokio::test]
async fn an_array_sent_in_pieces_is_a_stream() {
    let mut scene = Scene::new().await;
    let piece = |text: &str, reason: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}{reason}}}],"usageMetadata":{{"promptTokenCount":8,"candidatesTokenCount":5,"totalTokenCount":13}}}}"#
        )
    };
    let (first, last) = (piece("],", ""), piece("b", r#","finishReason":"STOP""#));
    for size in [1, 40, 10_000] {
        let body = format!("[{first}\n,\r\n{last}\n]\n");
        let end =
            stream(&mut scene, GEMINI, "application/json; charset=UTF-8", body.as_bytes(), size)
                .await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete));
        assert_tokens(&end, 8, 5);
        assert_eq!((end.operation.as_str(), end.content_events), ("generate_content", 2));
        assert!(end.timings.to_first_token.is_some());
    }
    for body in [format!("[{first}\n,\r\n"), format!("[{first}]")] {
        let end = stream(&mut scene, GEMINI, "application/json", body.as_bytes(), 40).await;
        assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(Failure::Unfinished)));
        assert_tokens(&end, 8, 5);
    }
    let error = r#"[{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}]"#;
    let end = stream(&mut scene, GEMINI, "application/json", error.as_bytes(), 9).await;
    assert_eq!(end.provider_error.unwrap().code.as_deref(), Some("429"));
}

#[tokio::test]
async fn json_lines_are_a_stream() {
    let mut scene = Scene::new().await;
    let first = "{\"model\":\"llama\",\"message\":{\"content\":\"Hi\"},\"done\":false}\n";
    let last = "{\"model\":\"llama\",\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n";
    for size in [1, 30, 10_000] {
        let body = [first, first, last].concat();
        let end = stream(&mut scene, OLLAMA, "application/x-ndjson", body.as_bytes(), size).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete));
        assert_tokens(&end, 26, 298);
        assert_eq!((end.terminal, end.content_events), (Some(Terminal::Done), 2));
        assert_eq!(end.response_model.as_deref(), Some("llama"));
    }
    let end = stream(&mut scene, OLLAMA, "application/x-ndjson", first.as_bytes(), 30).await;
    assert_eq!((end.outcome, end.failure), (Outcome::Broken, Some(Failure::Unfinished)));
    let error = [first, "{\"error\":\"out of memory\"}\n"].concat();
    let end = stream(&mut scene, OLLAMA, "application/x-ndjson", error.as_bytes(), 30).await;
    assert!(end.provider_error.is_some());
}

const SPEECH: &str = "/v1/acct/gw/grok/v1/audio/speech";

#[tokio::test]
async fn speech_without_usage_is_counted_in_characters() {
    let mut scene = Scene::new().await;
    let request = br#"{"model":"tts-1","voice":"alloy","input":"caf\u00e9 \"au\" lait"}"#;
    let answer = |status: &str, kind: &str, body: &[u8]| {
        response(status, &[&format!("content-type: {kind}"), "connection: close"], body)
    };
    let audio = answer("200 OK", "audio/mpeg", &[0xff; 300]);
    let (message, end) = scene.exchange(&post(SPEECH, request), &audio).await;
    assert_eq!(message.body(), [0xff; 300]);
    assert_eq!((end.outcome, end.operation.as_str()), (Outcome::Complete, "speech"));
    assert_eq!(end.usage.unwrap().characters, Some(14));
    let failed = answer("400 Bad Request", "application/json", b"{\"error\":{}}");
    assert_eq!(scene.exchange(&post(SPEECH, request), &failed).await.1.usage, None);
    let events = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"UklG\"}\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":14,\"output_tokens\":101,\"total_tokens\":115}}\n\n";
    let events = answer("200 OK", "text/event-stream", events.as_bytes());
    let end = scene.exchange(&post(SPEECH, request), &events).await.1;
    assert_eq!(end.usage.unwrap().characters, None);
    assert_tokens(&end, 14, 101);
}
