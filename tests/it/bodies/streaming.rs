//! What has come is passed on at once, in both directions.

use super::*;

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
async fn a_request_refused_by_its_head_gets_no_100_continue() {
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
async fn a_request_with_a_length_is_streamed_too() {
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
async fn a_complete_early_response_does_not_wait_for_the_upload() {
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
