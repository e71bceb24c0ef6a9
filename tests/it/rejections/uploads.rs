//! Who is refused while it uploads can read why, and its body is never the next request.

use super::*;

#[tokio::test]
async fn a_refused_upload_of_20_megabytes_leaves_the_answer_readable() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let body = noise(20_000_000);
    let no_model = [b"{\"x\":0}", &vec![b' '; 20_000_000][..]].concat();
    for (line, header, body) in [
        ("POST /ai/compat/responses", "x-a: 1", &body),
        ("POST /ai/compat/responses", "x-a: 1", &no_model),
        ("POST /ai/compat/responses", "cf-aig-max-attempts: 9", &body),
        ("POST /ai/grok/v1/files", "cf-aig-max-attempts: 9", &body),
        ("POST /ai/grok/../files", "x-a: 1", &body),
        ("POST /only/nosuch/files", "x-a: 1", &body),
    ] {
        let mut client = gateway.connect().await;
        let answer = client.send_and_read(&request(line, &[header], body)).await;
        assert_eq!(answer.status(), 400, "{line} {header}");
        assert!(answer.json()["gateway"]["code"].is_u64());
    }
    upstream.assert_untouched("all uploads were refused");
}

#[tokio::test]
async fn a_client_that_sends_before_reading_sees_why_its_body_was_refused() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.peek_limit(21_000_000)).start().await;
    let mut client = gateway.connect().await;
    // More than all buffers on the way hold, so it can only be sent if it is read.
    client.send(request("POST /ai/compat/responses", &[], &noise(20_000_000))).await;
    client.read_message().await.gateway_error(400, 2400);
    // The connection stays usable.
    client.send(request("GET /health", &[], b"")).await;
    assert_eq!(client.read_message().await.body(), b"well");
    upstream.assert_untouched("the upload was refused");
}

#[tokio::test]
async fn a_refused_upload_over_http2_leaves_the_answer_readable() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let body = Bytes::from(noise(20_000_000));
    for (path, header) in [
        ("/ai/compat/responses", ("x-a", "1")),
        ("/ai/grok/v1/files", ("cf-aig-max-attempts", "9")),
        ("/only/nosuch/files", ("x-a", "1")),
    ] {
        let mut client = Connection::open(gateway.addr, Version::HTTP_2).await;
        let sent = hyper_request(Version::HTTP_2, "POST", path, &[header], full(body.clone()));
        let response = client.send(sent).await;
        assert_eq!(response.status(), 400);
        let error = collect(response.into_body()).await.unwrap();
        let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
        assert!(error["gateway"]["code"].is_u64(), "{error}");
    }
    upstream.assert_untouched("all uploads were refused");
}

#[tokio::test]
async fn the_body_of_a_refused_request_is_not_read_as_the_next_request() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let smuggled = request("POST /ai/grok/smuggled", &[], b"");
    for (line, header) in [
        ("POST /ai/grok/v1/files", "cf-aig-max-attempts: 9"),
        ("POST /ai/compat/responses", "x-a: 1"),
        ("POST /ai/grok/../files", "x-a: 1"),
    ] {
        let mut client = gateway.connect().await;
        client.send(request(line, &[header], &smuggled)).await;
        assert_eq!(client.read_message().await.status(), 400);
        // Either the connection is closed, or the next answer belongs to the next request.
        let next = client.try_send(request("GET /health", &[], b"")).await;
        if next.is_ok()
            && let Some(head) = client.try_read_head().await
        {
            assert_eq!(head.status(), 200);
            assert_eq!(client.read_content(&head).await.bytes, b"well");
        }
    }
    upstream.assert_untouched("nothing but refused requests came");
}

#[tokio::test]
async fn a_client_that_sends_before_reading_sees_why_its_head_was_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for (line, header, code) in [
        ("POST /ai/grok/v1/files", "cf-aig-max-attempts: 9", 2400),
        ("POST /only/nosuch/files", "x-a: 1", 2008),
    ] {
        let mut client = gateway.connect().await;
        client.send(request(line, &[header], &support::noise(20_000_000))).await;
        client.read_message().await.gateway_error(400, code);
    }
}
