//! Failures of providers, early or late: what clients get, and that it never looks like success.

use std::time::Duration;

use http::{Response, Version};

use crate::support::client::{Connection, collect, full, next_data, request as hyper_request};
use crate::support::gateway::{Gateway, Setup};
use crate::support::hyper_upstream::{HyperUpstream, body};
use crate::support::message::{Message, STREAM_HEAD, chunk, ok, request, response};
use crate::support::noise;
use crate::support::raw_upstream::{RawUpstream, Recorder};

const UNIFIED: &[u8] = br#"{"model":"grok/grok-4"}"#;

/// A native and a model-routed request.
fn both_kinds() -> [Vec<u8>; 2] {
    [request("POST /ai/grok/v1/x", &[], b"{}"), request("POST /ai/compat/responses", &[], UNIFIED)]
}

/// The client's response if the provider reads a request and then sends `answer`.
async fn answered(answer: &[u8], ending: Ending) -> Message {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client.send(request("POST /ai/grok/v1/x", &[], b"{}")).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    provider.send(answer).await;
    match ending {
        Ending::Close => drop(provider),
        Ending::Reset => provider.reset(),
    }
    client.read_message().await
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Close,
    Reset,
}

#[tokio::test]
async fn a_refused_connection_is_502_and_worth_a_retry() {
    // Bound and closed again, so nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(format!("http://{gone}/v1")).await;
    for request in both_kinds() {
        let answer = gateway.answer(request).await;
        answer.gateway_error(502, 2005);
        assert_eq!(answer.head.get("x-should-retry"), Some("true"));
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_connect_timeout_is_504_and_says_so() {
    // TCP is accepted, and TLS never answers.
    let upstream = RawUpstream::start().await;
    let gateway = Setup::new(upstream.base("/v1").replace("http:", "https:"))
        .client(|client| client.connect_timeout(Duration::from_millis(100)))
        .start()
        .await;
    for request in both_kinds() {
        let answer = gateway.answer(request).await;
        let error = answer.gateway_error(504, 2504);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("Connect timeout"), "{message}");
        assert_eq!(answer.head.get("x-should-retry"), Some("true"));
    }
    assert!(upstream.connections() >= 2);
}

#[tokio::test]
async fn an_untrusted_certificate_is_502_and_worth_a_retry() {
    let upstream =
        HyperUpstream::start_tls(&["h2", "http/1.1"], |_| async { Response::new(body("")) }).await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let answer = gateway.answer(request("GET /ai/grok/x", &[], b"")).await;
    answer.gateway_error(502, 2005);
    assert_eq!(answer.head.get("x-should-retry"), Some("true"));
}

#[tokio::test]
async fn no_head_or_a_broken_one_is_502() {
    for ending in [Ending::Close, Ending::Reset] {
        for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 100 Continue\r\n\r\n"]
        {
            let came = answered(answer, ending).await;
            let error = came.gateway_error(502, 2005).to_string();
            assert!(error.contains("closed the connection"), "{error}");
            // It is unknown whether the provider has acted on the request.
            assert_eq!(came.head.get("x-should-retry"), None, "{ending:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn garbage_instead_of_http_is_502() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..],
        b"\x00\x01\x02\x03\xff\xfe\r\n\r\n",
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
    ] {
        let came = answered(answer, Ending::Close).await;
        assert_eq!(came.status(), 502, "{:?}: {}", String::from_utf8_lossy(answer), came.text());
        let text = came.gateway_error(502, 2005).to_string();
        assert!(text.contains("broke the HTTP protocol"), "{text}");
        assert!(!text.contains("OpenSSH") && !text.contains("html"), "{text}");
    }
}

#[tokio::test]
async fn an_unrequested_101_is_502_and_no_tunnel() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client.send(request("GET /ai/grok/v1/realtime", &[], b"")).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nforged";
    provider.send(answer).await;
    let came = client.read_message().await;
    came.gateway_error(502, 2005);
    assert!(!came.text().contains("forged"));
}

#[tokio::test]
async fn a_broken_body_never_ends_cleanly() {
    for (head, part) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n"[..], &b"data: {}\n\n"[..]),
        (STREAM_HEAD, &chunk(b"data: {}\n\n")),
        (STREAM_HEAD, b"64\r\ndata: {}\n\n"),
    ] {
        for ending in [Ending::Close, Ending::Reset] {
            for version in [Version::HTTP_11, Version::HTTP_2] {
                let mut upstream = RawUpstream::start().await;
                let gateway = Gateway::start(upstream.base("/v1")).await;
                let mut client = Connection::open(gateway.addr, version).await;
                let request = hyper_request(version, "POST", "/ai/grok/x", &[], full("{}"));
                let exchange = async {
                    let response = client.send(request).await;
                    assert_eq!(response.status(), 200);
                    let mut body = response.into_body();
                    assert_eq!(next_data(&mut body).await.unwrap(), "data: {}\n\n");
                    body
                };
                let script = async {
                    let mut provider = upstream.accept().await;
                    provider.read_message().await;
                    provider.send(head).await;
                    provider.send(part).await;
                    provider
                };
                let (body, provider) = tokio::join!(exchange, script);
                match ending {
                    Ending::Close => drop(provider),
                    Ending::Reset => provider.reset(),
                }
                let rest = collect(body).await;
                let head = head.escape_ascii();
                assert!(rest.is_err(), "{version:?} {ending:?} {head}: {rest:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_broken_body_lacks_its_last_chunk_on_the_wire() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = [head.as_bytes(), &chunk(b"data: 1\n\n")].concat();
    let came = answered(&answer, Ending::Close).await;
    assert_eq!(came.status(), 200);
    assert_eq!(came.content.bytes, b"data: 1\n\n", "and nothing made up, such as [DONE]");
    assert!(!came.content.is_whole);
    let came = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ndata", Ending::Close).await;
    assert_eq!(came.head.get("content-length"), Some("9"));
    assert_eq!(came.content.bytes, b"data");
    assert!(!came.content.is_whole);
}

#[tokio::test]
async fn a_malformed_chunk_breaks_the_body_off() {
    for bad in [
        "zz\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nx",
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = [head.as_bytes(), &chunk(b"good"), bad.as_bytes()].concat();
        let came = answered(&answer, Ending::Close).await;
        // If head and chunks arrive together, the error may come before the head was relayed.
        assert!(came.status() == 502 || !came.content.is_whole, "{bad:?}: {}", came.text());
    }
}

#[tokio::test]
async fn a_reset_after_the_last_byte_leaves_the_body_complete() {
    let body = noise(100_000);
    let chunked = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(),
        &chunk(&body),
        &chunk(b""),
    ];
    for answer in [ok(&body), chunked.concat()] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut upstream = RawUpstream::start().await;
            let gateway = Gateway::start(upstream.base("/v1")).await;
            let mut client = Connection::open(gateway.addr, version).await;
            let request = hyper_request(version, "POST", "/ai/grok/x", &[], full("{}"));
            let exchange = async {
                let mut body = client.send(request).await.into_body();
                // When the first byte arrives, the last one has been sent too: it is one write, and
                // a reset does not discard received data.
                let first = next_data(&mut body).await.unwrap();
                (first, body)
            };
            let script = async {
                let mut provider = upstream.accept().await;
                provider.read_message().await;
                provider.send(&answer).await;
                provider
            };
            let ((first, rest), provider) = tokio::join!(exchange, script);
            drop(provider);
            let whole = [first, collect(rest).await.unwrap()].concat();
            assert!(whole == body, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    let came = answered(b"HTTP/1.1 200 OK\r\n\r\nall of it", Ending::Close).await;
    assert_eq!(came.body(), b"all of it");
}

#[tokio::test]
async fn a_providers_errors_pass_unchanged() {
    for (status, extra) in [
        ("400 Bad Request", "x-should-retry: false"),
        ("401 Unauthorized", "www-authenticate: Bearer"),
        ("403 Forbidden", "x-a: 1"),
        ("404 Not Found", "x-a: 1"),
        ("422 Unprocessable Entity", "x-a: 1"),
        ("429 Too Many Requests", "retry-after: 7"),
        ("500 Internal Server Error", "x-a: 1"),
        ("502 Bad Gateway", "x-a: 1"),
        ("503 Service Unavailable", "retry-after: 1"),
        ("504 Gateway Timeout", "x-a: 1"),
        ("529 Overloaded", "x-should-retry: true"),
        ("599 Odd", "x-a: 1"),
    ] {
        let body = format!("{{\"error\" : \"{status}\",\"error\":1e400}}\n\u{feff}");
        let headers = [extra, "content-type: application/problem+json"];
        let answer = response(status, &headers, body.as_bytes());
        let upstream = Recorder::answering(move |_| answer.clone()).await;
        let gateway = Gateway::start(upstream.base("/v1")).await;
        for request in both_kinds() {
            let came = gateway.answer(request).await;
            assert_eq!(came.status().to_string(), status[..3]);
            assert_eq!(came.body(), body.as_bytes());
            assert_eq!(came.head.get("content-type"), Some("application/problem+json"));
            let (name, value) = extra.split_once(": ").unwrap();
            assert_eq!(came.head.get(name), Some(value));
            assert!(name == "x-should-retry" || !came.head.has("x-should-retry"));
        }
        assert_eq!(upstream.requests().len(), 2, "no request is repeated");
    }
}

#[tokio::test]
async fn a_failure_does_not_affect_the_next_exchange() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client.send(request("POST /ai/grok/1", &[], b"{}")).await;
    let mut provider = upstream.accept().await;
    provider.read_message().await;
    // An unsolicited second response must reach nobody.
    provider.send([ok(b"first"), ok(b"forged")].concat()).await;
    assert_eq!(client.read_message().await.body(), b"first");
    client.send(request("POST /ai/grok/2", &[], b"{}")).await;
    let mut provider = upstream.accept().await;
    assert_eq!(provider.read_message().await.head.target(), "/v1/2");
    provider.send(ok(b"second")).await;
    assert_eq!(client.read_message().await.body(), b"second");
}
