//! Requests that the gateway refuses, in the format of the caller's SDK and without sending
//! anything upstream.

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tower::BoxError;
use tower_ai_gateway::ErrorFormat;
use tower_ai_gateway::client::HttpClientBuilder;

use crate::support;
use crate::support::client::{
    Connection, channel, collect, full, next_data, request as hyper_request,
};
use crate::support::gateway::{Gateway, Setup};
use crate::support::hyper_upstream::HyperUpstream;
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::wire::Wire;
use crate::support::{guard, noise};

/// Control headers with invalid values, and the text that the answer must contain in addition to
/// the name.
const MALFORMED: [(&str, &str, &str); 42] = [
    ("cf-aig-gateway-id", "a b", "1 to 64"),
    ("cf-aig-gateway-id", "..", "1 to 64"),
    ("cf-aig-request-timeout", "0", "3600000"),
    ("cf-aig-request-timeout", "3600001", "3600000"),
    ("cf-aig-request-timeout", "-1", "3600000"),
    ("cf-aig-request-timeout", "+5", "3600000"),
    ("cf-aig-request-timeout", "1.5", "3600000"),
    ("cf-aig-request-timeout", "5s", "3600000"),
    ("cf-aig-request-timeout", "99999999999999999999", "3600000"),
    ("cf-aig-request-timeout", "", "3600000"),
    ("cf-aig-max-attempts", "0", "1 to 5"),
    ("cf-aig-max-attempts", "6", "1 to 5"),
    ("cf-aig-retry-delay", "5001", "0 to 5000"),
    ("cf-aig-backoff", "Constant", "exponential"),
    ("cf-aig-backoff", "random", "exponential"),
    ("cf-aig-skip-cache", "yes", "true or false"),
    ("cf-skip-cache", "1", "true or false"),
    ("cf-aig-cache-ttl", "59", "60 to 2592000"),
    ("cf-aig-cache-ttl", "2592001", "60 to 2592000"),
    ("cf-cache-ttl", "-60", "60 to 2592000"),
    ("cf-aig-cache-key", "a b", "1 to 256"),
    ("cf-aig-cache-key", "", "1 to 256"),
    ("cf-aig-metadata", "team=a", "JSON object"),
    ("cf-aig-metadata", "[1]", "JSON object"),
    ("cf-aig-metadata", "{\"a\":1", "JSON object"),
    ("cf-aig-metadata", "{\"a\":1}}", "JSON object"),
    ("cf-aig-custom-cost", "{}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":1,\"currency\":\"EUR\"}", "no member `currency`"),
    ("cf-aig-custom-cost", "0.1", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":-1}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":\"1\"}", "total_cost"),
    ("cf-aig-custom-cost", "{\"total_cost\":1e999}", "total_cost"),
    ("cf-aig-collect-log", "on", "true or false"),
    ("cf-aig-collect-log-payload", "TRUE", "true or false"),
    ("cf-aig-event-id", "a b", "1 to 64"),
    ("cf-aig-event-id", "", "1 to 64"),
    ("cf-aig-byok-alias", "a/b", "1 to 64"),
    ("cf-aig-byok-alias", "", "1 to 64"),
    ("cf-aig-otel-trace-id", "0af7651916cd43dd", "32 hex"),
    ("cf-aig-otel-trace-id", "00000000000000000000000000000000", "32 hex"),
    ("cf-aig-otel-parent-span-id", "b7ad6b716920333g", "16 hex"),
    ("cf-aig-otel-parent-span-id", "b7ad6b71692033310", "16 hex"),
];

#[tokio::test]
async fn a_malformed_control_header_is_named_to_openai_and_anthropic_sdks() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).all_controls().start().await;
    let long = "x".repeat(300);
    let long = ["cf-aig-event-id", "cf-aig-cache-key", "cf-aig-gateway-id"]
        .map(|name| (name, &*long, "1 to"));
    let body = br#"{"model":"grok/grok-4"}"#;
    for (name, value, must_be) in MALFORMED.into_iter().chain(long) {
        for (path, is_anthropic) in [
            ("/v1/a/g/grok/v1/chat/completions", false),
            ("/ai/grok/v1/messages", true),
            ("/ai/grok/v1/messages/count_tokens", true),
            ("/ai/grok/v1/messages/batches/b_1/results", true),
            ("/ai/grok/v1/threads/t_1/messages", false),
            ("/ai/compat/responses", false),
            ("/ai/compat/messages", true),
            ("/client/v4/accounts/a/ai/v1/messages", true),
            ("/ai/compat/nosuch", false),
        ] {
            let header = format!("{name}: {value}");
            let answer = gateway.answer(request(&format!("POST {path}"), &[&header], body)).await;
            let error = answer.gateway_error(400, 2400);
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains(name) && message.contains(must_be), "{header}: {message}");
            assert_eq!(error["error"]["type"], "invalid_request_error");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"));
            if is_anthropic {
                assert_eq!(error["type"], "error");
                assert_eq!(error["error"].as_object().unwrap().len(), 2, "{error}");
            } else {
                assert_eq!(error["error"]["code"], "malformed_request");
                assert_eq!(error["error"]["param"], name);
            }
        }
    }
    upstream.assert_untouched("the headers were malformed");
}

#[tokio::test]
async fn a_control_header_that_is_there_twice_is_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for header in ["cf-aig-max-attempts: 1", "cf-aig-metadata: {}", "cf-aig-event-id: a"] {
        let answer = gateway.answer(request("POST /ai/grok/x", &[header, header], b"{}")).await;
        let error = answer.gateway_error(400, 2400);
        let (name, _) = header.split_once(':').unwrap();
        assert!(error["error"]["message"].as_str().unwrap().contains(name), "{error}");
    }
    upstream.assert_untouched("the headers were there twice");
}

#[tokio::test]
async fn the_bounds_of_every_control_header_are_accepted() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1")).all_controls().start().await;
    for header in [
        "cf-aig-request-timeout: 1",
        "cf-aig-request-timeout: 3600000",
        "cf-aig-max-attempts: 1",
        "cf-aig-max-attempts: 5",
        "cf-aig-retry-delay: 0",
        "cf-aig-retry-delay: 5000",
        "cf-aig-backoff: constant",
        "cf-aig-backoff: linear",
        "cf-aig-cache-ttl: 0",
        "cf-aig-cache-ttl: 60",
        "cf-aig-cache-ttl: 2592000",
        "cf-aig-skip-cache: true",
        "cf-skip-cache: false",
        "cf-aig-cache-key: !~",
        "cf-aig-metadata: {}",
        "cf-aig-metadata:  { \"a\" : \"\\u00e9\" } ",
        "cf-aig-custom-cost: {\"total_cost\":0}",
        "cf-aig-custom-cost: {\"per_token_in\":1e-6,\"per_token_out\":0.5}",
        "cf-aig-otel-trace-id: 0AF7651916cd43dd8448eb211c80319c",
        "cf-aig-otel-parent-span-id: b7ad6b7169203331",
        "cf-aig-of-the-future: anything",
    ] {
        let answer = gateway.answer(request("POST /ai/grok/x", &[header], b"{}")).await;
        assert_eq!(answer.status(), 200, "{header}: {}", answer.text());
        assert_eq!(answer.head.get("cf-aig-warning"), None, "{header}");
    }
}

#[tokio::test]
async fn a_host_can_choose_the_hosted_gateways_envelope() {
    let upstream = Recorder::start().await;
    let gateway = Setup::new(upstream.base("/v1"));
    let gateway = gateway.layer(|layer| layer.error_format(ErrorFormat::Cloudflare)).start().await;
    let answer = gateway.answer(request("POST /ai/compat/messages", &[], b"{}")).await;
    assert_eq!(answer.status(), 400);
    let error = answer.json();
    assert_eq!(error["success"], false);
    assert_eq!(error["internalCode"], 2008);
    assert_eq!(error["httpCode"], 400);
    assert_eq!(error["error"][0]["code"], 2008);
    upstream.assert_untouched("the body has no model");
}

/// Bodies that cannot be routed, with the code of the answer.
fn unroutable() -> Vec<(Vec<u8>, u16)> {
    let mut bodies: Vec<(Vec<u8>, u16)> = [
        // Not a JSON object.
        ("[]", 2400),
        (r#"[{"model":"grok/grok-4"}]"#, 2400),
        (r#""grok/grok-4""#, 2400),
        ("null", 2400),
        ("1", 2400),
        ("   ", 2400),
        ("grok/grok-4", 2400),
        ("model=grok/grok-4", 2400),
        // Malformed before the model.
        ("{", 2400),
        (r#"{"model"#, 2400),
        (r#"{"model":"#, 2400),
        (r#"{"model":"grok/grok-4"#, 2400),
        (r#"{"a":1,"#, 2400),
        (r#"{"a":1 "model":"grok/grok-4"}"#, 2400),
        (r#"{'model':'grok/grok-4'}"#, 2400),
        (r#"{model:"grok/grok-4"}"#, 2400),
        (r#"{"a":1,,"model":"grok/grok-4"}"#, 2400),
        (r#"{,"model":"grok/grok-4"}"#, 2400),
        (r#"{/**/"model":"grok/grok-4"}"#, 2400),
        // Malformed after the model, and received completely.
        (r#"{"model":"grok/grok-4""#, 2400),
        (r#"{"model":"grok/grok-4","#, 2400),
        (r#"{"model":"grok/grok-4"}{"model":"openai/x"}"#, 2400),
        (r#"{"model":"grok/grok-4"} x"#, 2400),
        // More than one model.
        (r#"{"model":"grok/a","model":"grok/a"}"#, 2400),
        (r#"{"model":"grok/a","x":[{}],"mod\u0065l":"openai/b"}"#, 2400),
        (r#"{"\u006Dodel":"grok/a","model":"openai/b"}"#, 2400),
        (r#"{"model":"grok/a","model":null}"#, 2400),
        // No usable model.
        ("{}", 2008),
        (r#"{"messages":[{"model":"grok/grok-4"}]}"#, 2008),
        (r#"{"Model":"grok/grok-4"}"#, 2008),
        (r#"{"model":null}"#, 2008),
        (r#"{"model":4}"#, 2008),
        (r#"{"model":["grok/grok-4"]}"#, 2008),
        (r#"{"model":{"grok/":"grok-4"}}"#, 2008),
        (r#"{"model":""}"#, 2008),
        (r#"{"model":"grok-4"}"#, 2008),
        (r#"{"model":"/grok-4"}"#, 2008),
        (r#"{"model":"grok/"}"#, 2008),
        (r#"{"model":"nosuch/grok-4"}"#, 2008),
        (r#"{"model":"Grok/grok-4"}"#, 2008),
        (r#"{"model":" grok/grok-4"}"#, 2008),
        (r#"{"model":"custom-nosuch/x"}"#, 2008),
        (r#"{"model":"compat/grok/x"}"#, 2008),
        (r#"{"model":"http://evil.example/x"}"#, 2008),
        (r#"{"model":"grok/\x"}"#, 2008),
        (r#"{"model":"grok/\ud800"}"#, 2008),
    ]
    .map(|(body, code)| (body.as_bytes().to_vec(), code))
    .into();
    bodies.push((b"\xff\xfe{\0}\0".to_vec(), 2400));
    bodies.push((b"{\"model\":\"grok/\xff\"}".to_vec(), 2008));
    bodies.push((b"{\"model\":\"gr\xffok/x\"}".to_vec(), 2008));
    let deep = "[".repeat(1_000_000);
    bodies.push((format!("{{\"a\":{deep}").into_bytes(), 2400));
    bodies.push((format!("{{\"a\":{deep}{}}}", "]".repeat(1_000_000)).into_bytes(), 2008));
    bodies.push((format!("{{\"model\":{deep}").into_bytes(), 2008));
    bodies.push((format!(r#"{{"model":"grok/{}"}}"#, "x".repeat(100_000)).into_bytes(), 2008));
    bodies
}

#[tokio::test]
async fn a_body_that_cannot_be_routed_is_refused_and_never_sent() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for (body, code) in unroutable() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        for (path, is_anthropic) in [("/ai/compat/responses", false), ("/ai/compat/messages", true)]
        {
            let mut client = gateway.connect().await;
            let answer = client.send_and_read(&request(&format!("POST {path}"), &[], &body)).await;
            assert_eq!(answer.status(), 400, "{shown}: {}", answer.text());
            let error = answer.json();
            assert_eq!(error["gateway"]["code"], code, "{shown}: {error}");
            assert_eq!(answer.head.get("x-should-retry"), Some("false"));
            assert_eq!(error["error"]["type"], "invalid_request_error");
            if is_anthropic {
                assert_eq!(error["type"], "error");
            } else {
                assert_eq!(error["error"]["param"], "model", "{shown}: {error}");
            }
        }
    }
    upstream.assert_untouched("no body could be routed");
}

#[tokio::test]
async fn a_request_without_any_body_is_refused() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let no_length = request("POST /ai/compat/responses", &[], b"");
    let zero = request("POST /ai/compat/responses", &["content-length: 0"], b"");
    let chunked = request("POST /ai/compat/responses", &["transfer-encoding: chunked"], b"");
    for message in [no_length, zero, [chunked, chunk(b"")].concat()] {
        gateway.answer(message).await.gateway_error(400, 2400);
    }
    upstream.assert_untouched("there was no body");
}

#[tokio::test]
async fn a_compressed_body_is_refused_where_its_model_must_be_read() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let answer = gateway
        .answer(request("POST /ai/compat/responses", &["content-encoding: gzip"], b"\x1f\x8b"))
        .await;
    let error = answer.gateway_error(400, 2400);
    assert_eq!(error["error"]["param"], "content-encoding");
    upstream.assert_untouched("the body was compressed");
    let plain = request(
        "POST /ai/compat/responses",
        &["content-encoding: identity"],
        br#"{"model":"grok/m"}"#,
    );
    assert_eq!(gateway.answer(plain).await.status(), 200);
}

#[tokio::test]
async fn an_upload_that_breaks_off_before_its_model_sends_nothing() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    let mut client = gateway.connect().await;
    client
        .send("POST /ai/compat/responses HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{\"a\":")
        .await;
    client.finish().await;
    client.ended().await;
    upstream.assert_untouched("no model came");
}

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
async fn a_late_contradiction_in_chunks_is_refused_and_the_provider_has_no_whole_request() {
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
async fn a_late_contradiction_in_a_sized_body_is_refused_as_well() {
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
async fn a_late_contradiction_is_refused_over_http2_too() {
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
async fn a_contradiction_after_the_response_has_begun_breaks_it_off() {
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
async fn over_http2_a_contradiction_reaches_neither_side_as_a_clean_end() {
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
async fn a_client_that_reads_only_when_all_is_sent_reads_why_its_body_was_refused() {
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
async fn what_a_refused_request_has_in_its_body_is_not_the_next_request() {
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
async fn who_reads_only_when_all_is_sent_reads_why_the_head_was_refused() {
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
