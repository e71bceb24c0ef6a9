//! Compressed responses pass unchanged and are metered from a decoded copy.

use std::io::Write;
use std::time::{Duration, Instant};

use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tower_ai_gateway::hook::Timings;
use tower_ai_gateway::usage::{Metering, Terminal, Usage};
use tower_ai_gateway::{EndEvent, GatewayContext, MetricsHook, Outcome};

use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::{assert_same_bytes, guard};

const PATH: &str = "POST /ai/grok/v1/chat/completions";
const BODY: &str = r#"{"model":"grok-4","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41}}"#;
const EVENTS: [&str; 3] = [
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":41}}\n\n",
    "data: [DONE]\n\n",
];

/// Encodes pieces with a flush after each, and returns where each of them ends.
fn encode(coding: &str, pieces: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut ends = Vec::new();
    macro_rules! encoded {
        ($encoder:expr, $finish:expr) => {{
            let mut encoder = $encoder;
            for piece in pieces {
                encoder.write_all(piece).unwrap();
                encoder.flush().unwrap();
                ends.push(encoder.get_ref().len());
            }
            $finish(encoder)
        }};
    }
    let bytes: Vec<u8> =
        match coding {
            "gzip" | "x-gzip" => encoded!(
                GzEncoder::new(Vec::new(), Compression::default()),
                |encoder: GzEncoder<Vec<u8>>| encoder.finish().unwrap()
            ),
            "deflate" => encoded!(
                ZlibEncoder::new(Vec::new(), Compression::default()),
                |encoder: ZlibEncoder<Vec<u8>>| encoder.finish().unwrap()
            ),
            "br" => encoded!(
                CompressorWriter::new(Vec::new(), 4096, 5, 22),
                CompressorWriter::into_inner
            ),
            "zstd" => encoded!(
                zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap(),
                |encoder: zstd::stream::write::Encoder<'static, Vec<u8>>| encoder.finish().unwrap()
            ),
            other => panic!("{other}"),
        };
    (bytes, ends)
}

const CODINGS: [&str; 5] = ["gzip", "x-gzip", "deflate", "br", "zstd"];

/// The relevant parts of an end event.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    metering: Metering,
    terminal: Option<Terminal>,
    usage: Option<Usage>,
    timings: Timings,
    response_bytes: u64,
    payload: Vec<u8>,
}

struct Hook(mpsc::UnboundedSender<End>);

impl MetricsHook for Hook {
    fn on_end(&self, end: &EndEvent<'_>) {
        let end = End {
            outcome: end.outcome,
            metering: end.metering,
            terminal: end.terminal,
            usage: end.usage.copied(),
            timings: end.timings,
            response_bytes: end.response_bytes,
            payload: end.response_payload.unwrap().bytes.to_vec(),
        };
        let _ = self.0.send(end);
    }

    fn payload_limit(&self, _: &GatewayContext) -> usize {
        1000
    }
}

async fn gateway(base: String) -> (Gateway, UnboundedReceiver<End>) {
    let (sender, ends) = mpsc::unbounded_channel();
    (Setup::new(base).layer(|layer| layer.metrics_hook(Hook(sender))).start().await, ends)
}

async fn next(ends: &mut UnboundedReceiver<End>) -> End {
    guard("the end event", ends.recv()).await.unwrap()
}

fn head(coding: &str, media: &str, framing: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-type: {media}\r\n{framing}\r\n\r\n"
    )
}

fn sized(coding: &str, media: &str, body: &[u8]) -> Vec<u8> {
    let head = head(coding, media, &format!("content-length: {}", body.len()));
    [head.as_bytes(), body].concat()
}

fn tokens(end: &End) -> (Option<u64>, Option<u64>) {
    let usage = end.usage.as_ref();
    (usage.and_then(Usage::input), usage.and_then(Usage::output))
}

#[tokio::test]
async fn compressed_bodies_and_streams_pass_unchanged_and_are_metered() {
    let stream = EVENTS.concat();
    for coding in CODINGS {
        for (media, text) in [("application/json", BODY), ("text/event-stream", &stream)] {
            let (encoded, _) = encode(coding, &[text.as_bytes()]);
            let answer = sized(coding, media, &encoded);
            let upstream = Recorder::answering(move |_| answer.clone()).await;
            let (gateway, mut ends) = gateway(upstream.base("/v1")).await;
            let came = gateway.answer(request(PATH, &[], b"{}")).await;
            assert_same_bytes(came.body(), &encoded, coding);
            assert_eq!(came.head.get("content-encoding"), Some(coding));
            assert_eq!(came.head.content_length(), Some(encoded.len()));
            let end = next(&mut ends).await;
            assert_eq!((end.outcome, end.metering), (Outcome::Complete, Metering::Complete));
            assert_eq!(tokens(&end), (Some(32), Some(9)), "{coding} {media}");
            assert_eq!(end.response_bytes, encoded.len() as u64);
            assert_eq!(end.payload, text.as_bytes(), "hooks see what the client will read");
        }
    }
}

#[tokio::test]
async fn events_are_counted_as_they_arrive_and_a_broken_stream_is_partial() {
    for coding in CODINGS {
        let (encoded, piece_ends) = encode(coding, &EVENTS.map(str::as_bytes));
        let mut upstream = RawUpstream::start().await;
        let (gateway, mut ends) = gateway(upstream.base("/v1")).await;
        let mut client = gateway.connect().await;
        client.send(request(PATH, &[], b"{}")).await;
        let mut provider = upstream.accept().await;
        provider.read_message().await;
        let head = head(coding, "text/event-stream", "transfer-encoding: chunked");
        provider.send(head).await;
        client.read_head().await;
        let mut at = 0;
        for end in &piece_ends[..2] {
            provider.send(chunk(&encoded[at..*end])).await;
            assert_same_bytes(
                &client.read_chunked_bytes(end - at).await,
                &encoded[at..*end],
                "at once",
            );
            at = *end;
        }
        provider.reset();
        let end = next(&mut ends).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Broken, Metering::Partial), "{coding}");
        assert_eq!((tokens(&end), end.terminal), ((Some(32), Some(9)), None), "{coding}");
        let first = end.timings.to_first_token.expect("the first event had content");
        assert!(first < end.timings.total, "{coding}");
        assert_eq!(end.payload, EVENTS[..2].concat().as_bytes());
    }
}

#[tokio::test]
async fn undecodable_bodies_are_malformed_and_unfinished_streams_partial() {
    for coding in CODINGS {
        let (body, _) = encode(coding, &[BODY.as_bytes()]);
        let (stream, ends_at) = encode(coding, &EVENTS.map(str::as_bytes));
        let stream_without_marker = &stream[..ends_at[1]];
        let cut = &body[..body.len() / 2];
        for (media, answer, metering) in [
            ("application/json", BODY.as_bytes(), Metering::Malformed),
            ("application/json", cut, Metering::Malformed),
            ("text/event-stream", stream_without_marker, Metering::Partial),
            // The client got everything it needs.
            ("text/event-stream", &stream[..ends_at[2]], Metering::Complete),
            ("application/json", b"", Metering::Complete),
        ] {
            let sent = sized(coding, media, answer);
            let upstream = Recorder::answering(move |_| sent.clone()).await;
            let (gateway, mut ends) = gateway(upstream.base("/v1")).await;
            let came = gateway.answer(request(PATH, &[], b"{}")).await;
            assert_same_bytes(came.body(), answer, coding);
            let end = next(&mut ends).await;
            assert_eq!(end.metering, metering, "{coding} {media} {}", answer.len());
        }
    }
}

#[tokio::test]
async fn responses_without_a_body_are_no_errors() {
    // A response to HEAD is never billed, so its metering is not checked.
    for (line, length, method, metering) in [
        ("204 No Content", "", "POST", Metering::Complete),
        ("304 Not Modified", "", "POST", Metering::Complete),
        ("200 OK", "content-length: 70\r\n", "HEAD", Metering::Free),
    ] {
        let answer = format!(
            "HTTP/1.1 {line}\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\n{length}\r\n"
        );
        let upstream = Recorder::answering(move |_| answer.clone().into_bytes()).await;
        let (gateway, mut ends) = gateway(upstream.base("/v1")).await;
        let mut client = gateway.connect().await;
        let asked = format!("{method} /ai/grok/v1/chat/completions");
        client.send(request(&asked, &[], b"")).await;
        assert_eq!(client.read_head().await.get("content-encoding"), Some("gzip"));
        let end = next(&mut ends).await;
        assert_eq!((end.outcome, end.metering), (Outcome::Complete, metering), "{line}");
    }
}

#[tokio::test]
async fn a_bomb_stops_only_the_metering() {
    let zeros = vec![b' '; 1 << 20];
    for coding in CODINGS {
        let (bomb, _) = encode(coding, &[&zeros[..]; 16]);
        let sent = sized(coding, "text/event-stream", &bomb);
        let upstream = Recorder::answering(move |_| sent.clone()).await;
        let (gateway, mut ends) = gateway(upstream.base("/v1")).await;
        let started = Instant::now();
        let came = gateway.answer(request(PATH, &[], b"{}")).await;
        assert_same_bytes(came.body(), &bomb, coding);
        let end = next(&mut ends).await;
        assert_eq!(
            (end.outcome, end.metering),
            (Outcome::Complete, Metering::Overflow),
            "{coding}"
        );
        assert_eq!(end.response_bytes, bomb.len() as u64);
        assert!(started.elapsed() < Duration::from_secs(10), "{coding}");
    }
}
