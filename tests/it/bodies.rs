//! Bodies pass byte for byte, immediately and completely, whatever they contain.

mod model_routed;
mod streaming;

use bytes::Bytes;
use http::Version;

use crate::support::client::{
    Connection, channel, collect, full, next_data, request as hyper_request,
};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{STREAM_HEAD, chunk, ok, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::{assert_same_bytes, noise};

const MEBIBYTE: usize = 1024 * 1024;
const SIZES: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 20 * MEBIBYTE];

/// A message whose body has chunks of odd sizes.
fn in_chunks(head: &str, mut body: &[u8]) -> Vec<u8> {
    let mut message = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for size in [1, 7, 4096, 16_385, 70_001].into_iter().cycle() {
        let (piece, rest) = body.split_at(size.min(body.len()));
        message.extend_from_slice(&chunk(piece));
        if piece.is_empty() {
            return message;
        }
        body = rest;
    }
    message
}

const POST: &str = "POST /ai/grok/v1/files HTTP/1.1\r\nhost: gateway.test\r\n";
const UNIFIED: &str = "POST /ai/compat/responses HTTP/1.1\r\nhost: gateway.test\r\n";

/// A body of about `size` bytes with the model at its start or end.
fn large(size: usize, model_first: bool) -> (Vec<u8>, Vec<u8>) {
    let text: String = noise(size).iter().map(|byte| char::from(b' ' + byte % 64)).collect();
    let text = text.replace(['"', '\\'], "'");
    marked(&if model_first {
        format!(r#"{{"model":"«grok/»grok-4","messages":["{text}"]}}"#)
    } else {
        format!(r#"{{"messages":["{text}"],"model":"«grok/»grok-4"}}"#)
    })
}

/// The sent body, and the one that the provider must get.
fn marked(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (before, rest) = text.split_once('«').unwrap();
    let (cut, after) = rest.split_once('»').unwrap();
    ([before, cut, after].concat().into_bytes(), [before, after].concat().into_bytes())
}

#[tokio::test]
async fn request_bodies_pass_byte_for_byte_at_any_size() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for size in SIZES {
        let body = noise(size);
        let sized = [format!("{POST}content-length: {size}\r\n\r\n").as_bytes(), &body].concat();
        for (message, length) in [(sized, Some(size)), (in_chunks(POST, &body), None)] {
            let mut client = gateway.connect().await;
            assert_eq!(client.send_and_read(&message).await.status(), 200);
            let came = upstream.only();
            assert_same_bytes(came.body(), &body, "a request");
            assert_eq!(came.head.content_length(), length, "the framing is kept");
            assert_eq!(came.head.is_chunked(), length.is_none());
            upstream.clear();
        }
    }
}

#[tokio::test]
async fn response_bodies_pass_byte_for_byte_at_any_size() {
    for size in SIZES {
        let body = noise(size);
        for answer in [ok(&body), in_chunks("HTTP/1.1 200 OK\r\n", &body)] {
            let is_sized = answer.starts_with(b"HTTP/1.1 200 OK\r\ncontent-length");
            let upstream = Recorder::answering(move |_| answer.clone()).await;
            let gateway = Gateway::start(upstream.base("/v1")).await;
            let came = gateway.answer(request("GET /ai/grok/v1/files/1", &[], b"")).await;
            assert_same_bytes(came.body(), &body, "a response over HTTP/1.1");
            assert_eq!(came.head.content_length(), is_sized.then_some(size));

            let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
            let asked = hyper_request(Version::HTTP_2, "GET", "/ai/grok/x", &[], full(""));
            let came = collect(client.send(asked).await.into_body()).await.unwrap();
            assert_same_bytes(&came, &body, "a response over HTTP/2");
        }
    }
}

#[tokio::test]
async fn http2_request_bodies_pass_byte_for_byte() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let body = Bytes::from(noise(20 * MEBIBYTE));
    let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
    let sent = hyper_request(Version::HTTP_2, "POST", "/ai/grok/x", &[], full(body.clone()));
    assert_eq!(client.send(sent).await.status(), 200);
    assert_same_bytes(upstream.only().body(), &body, "a request over HTTP/2");
}

#[tokio::test]
async fn any_native_body_passes_unread() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for body in [
        &br#"{"model":"grok/grok-4","model":"x"}"#[..],
        br#"{"model":null"#,
        b"[1,2",
        b"\xef\xbb\xbf{}\xff\xfe\x00",
        b"{\"n\":1.000000000000000000000001e+400,\"n\":-0}",
        b"\x1f\x8b\x08\x00",
        b" \r\n\t ",
    ] {
        let headers = ["content-encoding: gzip", "content-type: application/json"];
        let answer =
            gateway.answer(request("POST /ai/grok/chat/completions", &headers, body)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(upstream.only().body(), body);
        upstream.clear();
    }
}
