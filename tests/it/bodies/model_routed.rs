//! A model-routed body loses its prefix and nothing else; its model may be so deep and no deeper.

use super::*;

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

#[tokio::test]
async fn model_routed_bodies_lose_only_the_prefix() {
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

#[tokio::test]
async fn large_model_routed_bodies_lose_only_the_prefix() {
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
async fn the_host_sets_the_limit_which_counts_only_bytes_before_the_model() {
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
async fn the_limit_holds_in_any_split() {
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
async fn a_body_is_refused_as_soon_as_the_limit_is_exceeded() {
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
