//! The memory of decoders of compressed responses is bounded, for each and for all together, and
//! clients do not notice it.
//!
//! A separate program: it measures the memory of the process.
#![cfg(all(feature = "decompression", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

#[allow(dead_code, unreachable_pub)]
#[path = "it/support/memory/mod.rs"]
mod memory;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Write;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};
use memory::{End, Recorder};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{GatewayLayer, Outcome, Provider};

const MIB: usize = 1 << 20;

/// Events of a stream that compress to about half.
fn events(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = Vec::with_capacity(length + 1024);
    while text.len() < length {
        text.extend(b"data: {\"choices\":[{\"delta\":{\"content\":\"");
        text.extend((0..900).map(|_| b"0123456789abcdef"[random.usize(..16)]));
        text.extend(b"\"}}]}\n\n");
    }
    text
}

/// The start of an unfinished frame.
fn zstd(text: &[u8], window_log: u32) -> Bytes {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.write_all(text).unwrap();
    encoder.flush().unwrap();
    Bytes::from(encoder.get_ref().clone())
}

type Answer = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

/// A response whose data so far was read.
async fn open(encoded: &Bytes, recorder: &Recorder) -> Answer {
    let sent = encoded.clone();
    let client = service_fn(move |_: Request<_>| {
        let piece = |at: usize| sent.slice(at..sent.len().min(at + 16 * 1024));
        let frames: Vec<_> = (0..sent.len()).step_by(16 * 1024).map(piece).collect();
        let frames = stream::iter(frames).chain(stream::pending());
        let frames = frames.map(|data| Ok::<_, Infallible>(Frame::data(data)));
        let response = Response::builder()
            .header("content-type", "text/event-stream")
            .header("content-encoding", "zstd")
            .body(StreamBody::new(frames));
        std::future::ready(Ok::<_, Infallible>(response.unwrap()))
    });
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(recorder.clone());
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let request = request.body(Full::<Bytes>::from("{}")).unwrap();
    let response =
        layer.build().unwrap().client_layer().layer(client).oneshot(request).await.unwrap();
    let mut body: Answer = Box::pin(response.into_body());
    let mut at = 0;
    while at < encoded.len() {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().unwrap();
        let data = frame.into_data().unwrap();
        assert!(encoded[at..].starts_with(&data), "the relay goes on untouched");
        at += data.len();
    }
    body
}

/// The memory of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn metering(ends: &[End]) -> (usize, usize) {
    let count = |metering| ends.iter().filter(|end| end.metering == metering).count();
    assert!(ends.iter().all(|end| end.outcome == Outcome::Cancelled));
    (count(Metering::Partial), count(Metering::Overflow))
}

/// One test, because two would measure each other's memory.
#[tokio::test]
async fn windows_take_a_bounded_share_of_memory_for_one_and_for_all() {
    let recorder = Recorder::default();
    for (length, window_log, expected) in [
        (MIB, 23, Metering::Partial),
        (5 * MIB, 20, Metering::Partial),
        (5 * MIB, 23, Metering::Overflow),
        // Like `zstd --long`.
        (MIB, 27, Metering::Overflow),
    ] {
        drop(open(&zstd(&events(length), window_log), &recorder).await);
        let end = recorder.ends().pop().unwrap();
        assert_eq!(end.metering, expected, "{length} {window_log}");
    }

    let told = recorder.ends().len();
    let encoded = zstd(&events(3 * MIB), 23);
    let before = resident();
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(open(&encoded, &recorder).await);
    }
    let more = resident().saturating_sub(before);
    assert!(more < 110 * MIB, "{} MiB for 50 windows of 3 MiB each", more / MIB);
    drop(held);
    let (read, stopped) = metering(&recorder.ends()[told..]);
    println!("{} MiB; {read} were read, {stopped} were not", more / MIB);
    assert_eq!(read + stopped, 50);
    assert!((15..=25).contains(&read), "{read}");

    // Ended responses have released their memory.
    let told = recorder.ends().len();
    for _ in 0..3 {
        drop(open(&encoded, &recorder).await);
    }
    assert_eq!(metering(&recorder.ends()[told..]), (3, 0));
}
