//! Bodies pass byte for byte, immediately and completely, whatever they contain.

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
async fn a_native_body_is_nobodys_business() {
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

/// Bodies, each with the bytes that the gateway cuts out marked by `«»`.
const ROUTED: [&str; 22] = [
    r#"{"model":"«grok/»grok-4"}"#,
    r#"{"model":"«xai/»grok-4","messages":[{"role":"user","content":"grok/grok-4"}],"stream":true}"#,
    r#"{"messages":[{"model":"openai/x","content":"\"model\":\"a/b\""}],"model":"«grok/»grok-4"}"#,
    "\n\t{ \r\n  \"a\" : [ ] ,\n  \"model\"\t:\n \"«grok/»grok-4\" ,\n  \"b\" : { }\n}\n\n",
    r#"{"a":1,"a":2,"model":"«grok/»m","a":3,"b":{"model":"x","model":"y"}}"#,
    r#"{"model":"«grok\/»grok-4"}"#,
    r#"{"model":"«grok\u002f»grok-4"}"#,
    r#"{"model":"«\u0067r\u006Fk/»grok\u002d4"}"#,
    r#"{"mod\u0065l":"«grok/»grok-4"}"#,
    r#"{"\u006d\u006f\u0064\u0065\u006c":"«grok/»grok-4"}"#,
    "\u{feff}{\"model\":\"«grok/»grok-4\"}",
    r#"{"n":1.00000000000000000000000000012345e-0007,"m":-0,"o":1E400,"model":"«grok/»m","p":123456789012345678901234567890}"#,
    r#"{"model":"«grok/»meta/llama/4","Model":"a","models":["b"],"model ":"c","MODEL":"d"}"#,
    r#"{"model":"«grok/»é\u00e9😀\ud83d\ude00\"\\\/","x":"é"}"#,
    r#"{"":"","x":"\"","y":"\\","z":"\\\"","model":"«grok/»m","w":"}{]["}"#,
    r#"{"x":"model","y":":","model":"«grok/»grok-4","z":"\"model\":\"openai/gpt\""}"#,
    r#"{"x":{"y":[{"model":[["model"]]}]},"model":"«grok/»m"}"#,
    r#"{"a":true,"b":false,"c":null,"model":"«grok/»m","stream":false}"#,
    r#"{"model":"«grok/»m"}   "#,
    r#"{"model":"«grok/» "}"#,
    r#"{"model":"«grok/»grok/grok-4"}"#,
    r#"{"api_base":"http://evil.example","base_url":"http://evil.example","model":"«grok/»m"}"#,
];

/// The sent body, and the one that the provider must get.
fn marked(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (before, rest) = text.split_once('«').unwrap();
    let (cut, after) = rest.split_once('»').unwrap();
    ([before, cut, after].concat().into_bytes(), [before, after].concat().into_bytes())
}

#[tokio::test]
async fn model_routed_bodies_lose_the_prefix_and_nothing_else() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut bodies: Vec<_> = ROUTED.into_iter().map(marked).collect();
    // Bytes that are not text: invalid UTF-8 in other strings and keys.
    let (mut sent, mut expected) = marked(r#"{"x":"@","model":"«grok/»m","@":"@@"}"#);
    for bytes in [&mut sent, &mut expected] {
        bytes.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xff);
    }
    bodies.push((sent, expected));
    for (sent, expected) in bodies {
        let sized = request("POST /ai/compat/responses", &[], &sent);
        for message in [sized, in_chunks(UNIFIED, &sent)] {
            let answer = gateway.answer(&message).await;
            assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&sent));
            let came = upstream.only();
            assert_same_bytes(came.body(), &expected, &String::from_utf8_lossy(&sent));
            if !came.head.is_chunked() {
                assert_eq!(came.head.content_length(), Some(expected.len()));
            }
            upstream.clear();
        }
    }
}

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

#[tokio::test]
async fn large_model_routed_bodies_lose_the_prefix_and_nothing_else() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for size in [0, 1, 65_535, 65_536, 65_537, 20 * MEBIBYTE] {
        for model_first in [true, false] {
            let (sent, expected) = large(size, model_first);
            let sized = request("POST /ai/compat/chat/completions", &[], &sent);
            for message in [sized, in_chunks(UNIFIED, &sent)] {
                let mut client = gateway.connect().await;
                assert_eq!(client.send_and_read(&message).await.status(), 200);
                let came = upstream.only();
                assert_same_bytes(came.body(), &expected, "a model-routed body");
                if !came.head.is_chunked() {
                    assert_eq!(came.head.content_length(), Some(expected.len()));
                }
                upstream.clear();
            }
        }
    }
}

#[tokio::test]
async fn a_model_may_be_32_mebibytes_deep_and_no_deeper() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let (sent, expected) = large(32 * MEBIBYTE - 100, false);
    let message = request("POST /ai/compat/responses", &[], &sent);
    let mut client = gateway.connect().await;
    assert_eq!(client.send_and_read(&message).await.status(), 200);
    assert_same_bytes(upstream.only().body(), &expected, "a body of 32 MiB");
    upstream.clear();

    let (sent, _) = large(34 * MEBIBYTE, false);
    for message in [request("POST /ai/compat/responses", &[], &sent), in_chunks(UNIFIED, &sent)] {
        let mut client = gateway.connect().await;
        let error = client.send_and_read(&message).await.gateway_error(413, 2413);
        assert!(error["error"]["message"].as_str().unwrap().contains("33554432"), "{error}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn the_limit_is_the_hosts_choice_and_counts_only_what_precedes_the_model() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.peek_limit(1000)).start().await;
    for (body, passes) in
        [(large(900, false), true), (large(MEBIBYTE, true), true), (large(MEBIBYTE, false), false)]
    {
        let (sent, expected) = body;
        let sized = request("POST /ai/compat/responses", &[], &sent);
        for message in [sized, in_chunks(UNIFIED, &sent)] {
            let mut client = gateway.connect().await;
            let answer = client.send_and_read(&message).await;
            if passes {
                assert_eq!(answer.status(), 200, "{}", answer.text());
                assert_same_bytes(upstream.only().body(), &expected, "a body");
                upstream.clear();
            } else {
                let error = answer.gateway_error(413, 2413);
                assert!(error["error"]["message"].as_str().unwrap().contains("1000"), "{error}");
                assert_eq!(answer.head.get("x-should-retry"), Some("false"));
                assert!(upstream.requests().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn the_limit_holds_however_the_body_is_cut_into_reads() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.peek_limit(64)).start().await;
    let body = |blanks: usize| format!(r#"{{{}"model":"grok/grok-4"}}"#, " ".repeat(blanks));
    for (blanks, passes) in [(0, true), (30, true), (100, false), (5000, false)] {
        let sent = request("POST /ai/compat/responses", &[], body(blanks).as_bytes());
        // It arrives in one read, including the model.
        let answer = gateway.answer(sent).await;
        if passes {
            assert_eq!(answer.status(), 200, "{blanks}: {}", answer.text());
        } else {
            answer.gateway_error(413, 2413);
        }
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_body_of_two_reads_is_refused_as_soon_as_the_limit_is_passed() {
    let upstream = RawUpstream::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.peek_limit(64)).start().await;
    let mut client = gateway.connect().await;
    // Of unknown length: the gateway must not wait for the rest, which may never end.
    let head = format!("{UNIFIED}transfer-encoding: chunked\r\n\r\n");
    client.send([head.as_bytes(), &chunk(&[b' '; 100])].concat()).await;
    client.read_message().await.gateway_error(413, 2413);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn expect_100_continue_is_answered_once_the_body_is_wanted() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let (routed, expected) = large(100_000, false);
    for (head, body, expected) in [(POST, noise(100_000), None), (UNIFIED, routed, Some(expected))]
    {
        let length = body.len();
        let mut client = gateway.connect().await;
        client
            .send(format!("{head}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n"))
            .await;
        assert_eq!(client.read_head().await.status(), 100);
        client.send(&body).await;
        assert_eq!(client.read_message().await.status(), 200);
        assert_same_bytes(upstream.only().body(), &expected.unwrap_or(body), "an expected body");
        upstream.clear();
    }
}

#[tokio::test]
async fn a_request_that_is_refused_by_its_head_gets_no_100_continue() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    let head = "cf-aig-max-attempts: 9\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    client.send(format!("{POST}{head}")).await;
    client.read_message().await.gateway_error(400, 2400);
    upstream.assert_untouched("the head was refused");
}

#[tokio::test]
async fn events_reach_the_client_one_by_one() {
    for (version, path) in [
        (Version::HTTP_11, "/ai/grok/v1/chat/completions"),
        (Version::HTTP_2, "/ai/grok/v1/chat/completions"),
        (Version::HTTP_11, "/ai/compat/chat/completions"),
        (Version::HTTP_2, "/ai/compat/chat/completions"),
    ] {
        let mut upstream = RawUpstream::start().await;
        let gateway = Gateway::start(upstream.base("/v1")).await;
        let mut client = Connection::open(gateway.addr, version).await;
        let sent = full(r#"{"model":"grok/grok-4","stream":true}"#);
        let asked = hyper_request(version, "POST", path, &[], sent);
        let provider = async {
            let mut provider = upstream.accept().await;
            provider.read_message().await;
            provider.send(STREAM_HEAD).await;
            provider
        };
        // The head arrives before there is any body.
        let (response, mut provider) = tokio::join!(client.send(asked), provider);
        let mut body = response.into_body();
        // Each piece is sent only after the previous one has arrived. Some are half an event or
        // part of a character.
        for event in [
            &b"data: {\"a\":1}\n\n"[..],
            b"data: hal",
            b"f\r\n\r",
            b"\n",
            b"\xc3",
            b"\xa9\n\n",
            b"data: [DONE]\n\n",
        ] {
            provider.send(chunk(event)).await;
            assert_eq!(next_data(&mut body).await.unwrap(), event, "{version:?} {path}");
        }
        provider.send(chunk(b"")).await;
        assert_eq!(next_data(&mut body).await, None);
    }
}

#[tokio::test]
async fn request_chunks_reach_the_provider_one_by_one() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (path, first, expected) in [
            ("/ai/grok/v1/files", "first", "first"),
            ("/ai/compat/responses", r#"{"model":"grok/m","x":["#, r#"{"model":"m","x":["#),
        ] {
            let mut upstream = RawUpstream::start().await;
            let gateway = Gateway::start(upstream.base("/v1")).await;
            let mut client = Connection::open(gateway.addr, version).await;
            let (mut sender, body) = channel();
            let asked = hyper_request(version, "POST", path, &[], body);
            let script = async {
                sender.send_data(Bytes::from(first)).await.unwrap();
                let mut provider = upstream.accept().await;
                let head = provider.read_head().await;
                assert!(head.is_chunked());
                assert_eq!(provider.read_chunked_bytes(expected.len()).await, expected.as_bytes());
                for part in ["1,", "2,", "3]}"] {
                    sender.send_data(Bytes::from(part)).await.unwrap();
                    assert_eq!(provider.read_chunked_bytes(part.len()).await, part.as_bytes());
                }
                drop(sender);
                assert_eq!(provider.read_chunk().await.unwrap(), b"");
                assert_eq!(provider.read_bytes(2).await, b"\r\n");
                provider.send(ok(b"done")).await;
                provider
            };
            let (response, _provider) = tokio::join!(client.send(asked), script);
            assert_eq!(collect(response.into_body()).await.unwrap(), "done");
        }
    }
}

#[tokio::test]
async fn a_sized_request_is_not_held_back_either() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for (head, first, expected) in [
        (POST, "0123456789", "0123456789"),
        (UNIFIED, r#"{"model":"grok/m",     "#, r#"{"model":"m",     "#),
    ] {
        let mut client = gateway.connect().await;
        let length = first.len() + 8;
        client.send(format!("{head}content-length: {length}\r\n\r\n{first}")).await;
        let mut provider = upstream.accept().await;
        let came = provider.read_head().await;
        assert_eq!(came.content_length(), Some(expected.len() + 8));
        assert_eq!(provider.read_bytes(expected.len()).await, expected.as_bytes());
        client.send(r#""a":"b"}"#).await;
        assert_eq!(provider.read_bytes(8).await, br#""a":"b"}"#);
        provider.send(ok(b"done")).await;
        assert_eq!(client.read_message().await.body(), b"done");
    }
}

#[tokio::test]
async fn an_early_response_is_relayed_while_the_upload_goes_on() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (path, first) in
            [("/ai/grok/v1/files", "first"), ("/ai/compat/responses", r#"{"model":"grok/m","x":["#)]
        {
            let mut upstream = RawUpstream::start().await;
            let gateway = Gateway::start(upstream.base("/v1")).await;
            let mut client = Connection::open(gateway.addr, version).await;
            let (mut sender, body) = channel();
            let asked = hyper_request(version, "POST", path, &[], body);
            let script = async {
                sender.send_data(Bytes::from(first)).await.unwrap();
                let mut provider = upstream.accept().await;
                provider.read_head().await;
                provider.read_chunk().await.unwrap();
                provider.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
                provider.send(chunk(b"early")).await;
                provider
            };
            let (response, mut provider) = tokio::join!(client.send(asked), script);
            let mut body = response.into_body();
            assert_eq!(next_data(&mut body).await.unwrap(), "early");
            for part in ["1,", "2]}"] {
                sender.send_data(Bytes::from(part)).await.unwrap();
                assert_eq!(provider.read_chunked_bytes(part.len()).await, part.as_bytes());
                provider.send(chunk(part.as_bytes())).await;
                assert_eq!(next_data(&mut body).await.unwrap(), part, "{version:?} {path}");
            }
            drop(sender);
            assert_eq!(provider.read_chunk().await.unwrap(), b"");
            provider.send(chunk(b"")).await;
            assert_eq!(next_data(&mut body).await, None);
        }
    }
}

#[tokio::test]
async fn a_complete_early_answer_does_not_wait_for_the_rest_of_the_upload() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client.send(format!("{POST}content-length: 1000000\r\n\r\nonly the beginning")).await;
    let mut provider = upstream.accept().await;
    provider.read_head().await;
    let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 7\r\n\r\ntoo big";
    provider.send(answer).await;
    let came = client.read_message().await;
    assert_eq!((came.status(), came.body()), (413, &b"too big"[..]));
}
