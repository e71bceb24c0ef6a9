//! A body that contradicts itself behind its model is refused, and nobody takes it for whole.

use super::*;

/// A model-routed request whose start, including `model`, has reached the provider.
async fn begun(framing: &str, begin: &[u8]) -> (Wire, Wire, RawUpstream) {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    let head = format!("POST /ai/compat/responses HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n");
    client.send(head).await;
    client.send(begin).await;
    let mut provider = upstream.accept().await;
    let head = provider.read_head().await;
    let begun = br#"{"model":"m","x":["#;
    if head.is_chunked() {
        assert_eq!(provider.read_chunked_bytes(begun.len()).await, begun);
    } else {
        assert_eq!(provider.read_bytes(begun.len()).await, begun);
    }
    (client, provider, upstream)
}

const BEGIN: &[u8] = br#"{"model":"grok/m","x":["#;
/// Continuations that contradict such a start.
const LATE: [&[u8]; 5] = [
    br#"],"model":"openai/b"}"#,
    br#"],"mod\u0065l":"openai/b"}"#,
    br#"],"model":null}"#,
    br#"]} {"model":"openai/b"}"#,
    br#"],,}"#,
];

#[tokio::test]
async fn a_late_contradiction_in_chunks_never_arrives_completely() {
    for late in LATE {
        let (mut client, mut provider, upstream) =
            begun("transfer-encoding: chunked", &chunk(BEGIN)).await;
        // Valid data passes at once.
        client.send(chunk(b"1,2")).await;
        assert_eq!(provider.read_chunked_bytes(3).await, b"1,2");
        client.send([chunk(late), chunk(b"")].concat()).await;
        let answer = client.read_message().await;
        let error = answer.gateway_error(400, 2400);
        assert_eq!(error["error"]["param"], "model", "{error}");
        assert!(!provider.read_chunks().await.is_whole, "{}", String::from_utf8_lossy(late));
        assert_eq!(upstream.connections(), 1, "nor is it sent again");
    }
}

#[tokio::test]
async fn a_late_contradiction_in_a_body_with_a_length_is_refused() {
    for late in LATE {
        let length = BEGIN.len() + late.len();
        let (mut client, mut provider, upstream) =
            begun(&format!("content-length: {length}"), BEGIN).await;
        client.send(late).await;
        client.read_message().await.gateway_error(400, 2400);
        let rest = provider.read_to_end().await;
        assert!(rest.len() < late.len(), "{}", String::from_utf8_lossy(&rest));
        assert_eq!(upstream.connections(), 1);
    }
}

#[tokio::test]
async fn a_late_contradiction_is_refused_over_http2() {
    let mut upstream = RawUpstream::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
    let (mut sender, body) = channel();
    let sent = hyper_request(Version::HTTP_2, "POST", "/ai/compat/responses", &[], body);
    let script = async {
        sender.send_data(Bytes::from_static(BEGIN)).await.unwrap();
        let mut provider = upstream.accept().await;
        provider.read_head().await;
        provider.read_chunk().await.unwrap();
        sender.send_data(Bytes::from_static(LATE[0])).await.unwrap();
        assert!(!provider.read_chunks().await.is_whole);
    };
    let (response, ()) = tokio::join!(client.send(sent), script);
    assert_eq!(response.status(), 400);
    let error = collect(response.into_body()).await.unwrap();
    let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
    assert_eq!(error["gateway"]["code"], 2400);
}

#[tokio::test]
async fn a_contradiction_after_the_response_head_breaks_it_off() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut upstream = RawUpstream::start().await;
        let gateway = Gateway::start(upstream.base("/v1")).await;
        let mut client = Connection::open(gateway.addr, version).await;
        let (mut sender, body) = channel();
        let sent = hyper_request(version, "POST", "/ai/compat/responses", &[], body);
        let script = async {
            sender.send_data(Bytes::from_static(BEGIN)).await.unwrap();
            let mut provider = upstream.accept().await;
            provider.read_head().await;
            provider.read_chunk().await.unwrap();
            provider.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            provider.send(chunk(b"early")).await;
            provider
        };
        let (response, mut provider) = tokio::join!(client.send(sent), script);
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        assert_eq!(next_data(&mut body).await.unwrap(), "early");
        sender.send_data(Bytes::from_static(LATE[0])).await.unwrap();
        // The provider sends nothing more: the contradiction ends the response.
        assert!(collect(body).await.is_err(), "{version:?}");
        assert!(!provider.read_chunks().await.is_whole, "{version:?}");
    }
}

#[tokio::test]
async fn over_http2_a_contradiction_ends_neither_side_cleanly() {
    let (ended, mut endings) = tokio::sync::mpsc::unbounded_channel();
    let upstream = HyperUpstream::start(move |request| {
        let ended = ended.clone();
        async move {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
            tokio::spawn(async move {
                sender.send_data(Bytes::from_static(b"early")).await.unwrap();
                // The response stays open regardless of the request.
                ended.send((request.into_body().collect().await.is_ok(), sender)).unwrap();
            });
            Response::new(body.boxed())
        }
    });
    let base = upstream.await.base("/v1");
    let setup = Setup::new(base).client(HttpClientBuilder::http2_prior_knowledge);
    let gateway = setup.start().await;
    let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
    let (mut sender, body) = channel();
    sender.send_data(Bytes::from_static(BEGIN)).await.unwrap();
    let sent = hyper_request(Version::HTTP_2, "POST", "/ai/compat/responses", &[], body);
    let mut body = client.send(sent).await.into_body();
    assert_eq!(next_data(&mut body).await.unwrap(), "early");
    sender.send_data(Bytes::from_static(LATE[0])).await.unwrap();
    assert!(collect(body).await.is_err());
    let (is_whole, _sender) = guard("the request's end", endings.recv()).await.unwrap();
    assert!(!is_whole);
}
