//! Asking for the usage of streams: the option is added, and the usage chunk is hidden from the
//! client.

use bytes::Bytes;
use http::header::ETAG;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Collected, StreamBody};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tower::BoxError;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::client::HttpClientBuilder;

use crate::support::client::{Connection, full, request as hyper_request};
use crate::support::gateway::Setup;
use crate::support::guard;
use crate::support::hyper_upstream::HyperUpstream;
use crate::support::message::{Message, chunk, request};
use crate::support::metered::{
    CHAT, CHAT_REQUEST, CHAT_USAGE, DONE, SSE_HEAD, Scene, chat_event, json, post, sse, usage_event,
};

const OPTION: &str = r#","stream_options":{"include_usage":true}"#;
const COMPAT: &str = "/v1/acct/gw/compat/chat/completions";

async fn scene() -> Scene {
    Scene::with(|layer| layer.ask_for_usage(true)).await
}

fn shown() -> String {
    [chat_event(r#"{"role":"assistant"}"#), chat_event(r#"{"content":"a \"usage\""}"#)].concat()
}

/// The provider's stream if usage is requested.
fn stream() -> String {
    [&shown(), &usage_event(CHAT_USAGE)[..], DONE].concat()
}

/// Runs an exchange. Returns the provider's request and the client's response.
async fn exchange(scene: &mut Scene, request: &[u8], answer: &[u8]) -> (Message, Message) {
    let mut client = scene.gateway.connect().await;
    client.send(request).await;
    let mut provider = scene.provider.accept().await;
    let sent = provider.read_message().await;
    provider.send(answer).await;
    drop(provider);
    (sent, client.read_message().await)
}

#[tokio::test]
async fn the_usage_option_is_added_and_hidden_from_the_client() {
    let mut scene = scene().await;
    let native = br#"{"stream":true,"messages":[{"content":"}\"{"}],"model":"grok-4"}  "#;
    let unified = br#"{"messages":[],"stream":true,"model":"grok/grok-4"}  "#;
    for (path, body, prefix) in [
        (CHAT, &native[..], ""),
        (COMPAT, &unified[..], "grok/"),
        ("/v1/acct/gw/grok/v1/completions", &native[..], ""),
    ] {
        for size in [1, 7, 10_000] {
            let answer = sse(&stream(), size);
            let (sent, got) = exchange(&mut scene, &post(path, body), &answer).await;
            let text = str::from_utf8(body).unwrap().replace(prefix, "");
            let expected = text.replace("}  ", &format!("{OPTION}}}  "));
            assert_eq!(str::from_utf8(sent.body()).unwrap(), expected);
            let json: serde_json::Value = sent.json();
            assert_eq!(json["stream_options"]["include_usage"], true);
            let expected = [&shown(), DONE].concat();
            assert_eq!(str::from_utf8(got.body()).unwrap(), expected, "{path} by {size}");
            let end = scene.end().await;
            assert_eq!((end.outcome, end.cost.unwrap().ticks), (Outcome::Complete, 2_244_800));
            assert_eq!(end.request_bytes, body.len() as u64);
            assert_eq!(end.response_bytes, expected.len() as u64);
        }
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_gets_no_padding() {
    let mut scene = scene().await;
    for (body, added) in [(CHAT_REQUEST, OPTION), (b"{\"stream\":false}", ""), (b"[]", "")] {
        let mut request = request(&format!("POST {CHAT}"), &["transfer-encoding: chunked"], b"");
        for piece in body.chunks(3) {
            request.extend(chunk(piece));
        }
        request.extend(chunk(b""));
        let (sent, _) = exchange(&mut scene, &request, &json("200 OK", "{}")).await;
        let text = str::from_utf8(body).unwrap();
        let expected = format!("{}{added}{}", &text[..text.len() - 1], &text[text.len() - 1..]);
        assert_eq!(str::from_utf8(sent.body()).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_provider_may_respond_before_the_request_is_complete() {
    let mut scene = scene().await;
    let asking = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
    for (body, expected) in [(r#"{"stream":true}"#, [&shown(), DONE].concat()), (asking, stream())]
    {
        let mut client = scene.gateway.connect().await;
        let sent = post(CHAT, body.as_bytes());
        let (beginning, rest) = sent.split_at(sent.len() - 1);
        client.send(beginning).await;
        let mut provider = scene.provider.accept().await;
        let head = provider.read_head().await;
        provider.send(SSE_HEAD).await;
        let answer = client.read_head().await;
        client.send(rest).await;
        let content = provider.read_content(&head).await;
        let length = body.len() + OPTION.len();
        assert_eq!((content.is_whole, content.bytes.len()), (true, length));
        provider.send(chunk(stream().as_bytes())).await;
        provider.send(chunk(b"")).await;
        let content = guard("the answer", client.read_content(&answer)).await;
        assert_eq!(str::from_utf8(&content.bytes).unwrap(), expected);
        assert_eq!(scene.end().await.cost.unwrap().ticks, 2_244_800);
    }
}

#[tokio::test]
async fn a_client_that_sets_the_option_decides() {
    let mut scene = scene().await;
    for options in [r#"{"include_usage":true}"#, r#"{"include_usage":false}"#, "null"] {
        for key in ["stream_options", "stream_\\u006fptions"] {
            let body = format!(r#"{{"{key}":{options},"stream":true}}"#);
            let answer = sse(&stream(), 50);
            let (sent, got) = exchange(&mut scene, &post(CHAT, body.as_bytes()), &answer).await;
            assert_eq!(str::from_utf8(sent.body()).unwrap().trim_end(), body);
            assert_eq!(str::from_utf8(got.body()).unwrap(), stream());
        }
    }
}

#[tokio::test]
async fn other_requests_pass_unchanged() {
    let mut scene = scene().await;
    // Its length was announced before it is known not to be a stream.
    for body in ["{}", r#"{"stream":false}"#, "no json", r#"{"stream":true"#] {
        let (sent, got) =
            exchange(&mut scene, &post(CHAT, body.as_bytes()), &json("200 OK", "{}")).await;
        let sent = str::from_utf8(sent.body()).unwrap();
        assert_eq!(sent, format!("{body}{}", " ".repeat(OPTION.len())));
        assert_eq!(got.body(), b"{}");
    }
    let stream = r#"{"stream":true}"#;
    for path in ["/v1/acct/gw/grok/v1/responses", "/v1/acct/gw/grok/v1/messages"] {
        let (sent, _) =
            exchange(&mut scene, &post(path, stream.as_bytes()), &json("200 OK", "{}")).await;
        assert_eq!(sent.body(), stream.as_bytes());
    }
    for (method, header) in [
        ("POST", "content-encoding: gzip"),
        ("POST", "content-type: text/plain"),
        ("PUT", "content-type: application/json"),
    ] {
        let request = request(&format!("{method} {CHAT}"), &[header], stream.as_bytes());
        let (sent, _) = exchange(&mut scene, &request, &json("200 OK", "{}")).await;
        assert_eq!(sent.body(), stream.as_bytes(), "{method} {header}");
    }
}

/// Answers with its stream and trailers, with a declared length.
async fn hyper_upstream() -> (HyperUpstream, mpsc::UnboundedReceiver<(Parts, Collected<Bytes>)>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let handler = move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let (head, body) = request.into_parts();
            sender.send((head, body.collect().await.unwrap())).unwrap();
            let trailers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("sum"))]);
            let frames =
                [Ok::<_, BoxError>(Frame::data(stream().into())), Ok(Frame::trailers(trailers))];
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let response = Response::builder().header("content-type", "text/event-stream");
            let response = response.header("content-length", stream().len());
            response.body(BodyExt::boxed(body)).unwrap()
        }
    };
    (HyperUpstream::start(handler).await, seen)
}

#[tokio::test]
async fn lengths_and_trailers_are_right_in_both_http_versions() {
    let (upstream, mut seen) = hyper_upstream().await;
    for is_http2_upstream in [false, true] {
        let setup = Setup::new(upstream.base("/v1")).layer(|layer| layer.ask_for_usage(true));
        let setup = match is_http2_upstream {
            true => setup.client(HttpClientBuilder::http2_prior_knowledge),
            false => setup,
        };
        let gateway = setup.start().await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for (body, asks) in [(&br#"{"stream":true}"#[..], true), (b"{}", false), (b"", false)] {
                let mut client = Connection::open(gateway.addr, version).await;
                let length = body.len().to_string();
                let headers = [("te", "trailers"), ("content-length", length.as_str())];
                let answer =
                    client.send(hyper_request(version, "POST", CHAT, &headers, full(body))).await;
                let (head, came) = guard("a request", seen.recv()).await.unwrap();
                let came = came.to_bytes();
                assert_eq!(came.len(), body.len() + OPTION.len());
                assert_eq!(head.headers["content-length"], came.len().to_string());
                let said = answer.headers().get("content-length").cloned();
                let got = guard("the answer", answer.into_body().collect()).await.unwrap();
                // HTTP/1.1 has no trailers after a declared length, or without an announcement.
                let has_trailers = is_http2_upstream && version == Version::HTTP_2;
                assert_eq!(got.trailers().is_some(), has_trailers, "{version:?} {asks}");
                let got = got.to_bytes();
                let expected = if asks { [&shown(), DONE].concat() } else { stream() };
                assert_eq!(str::from_utf8(&got).unwrap(), expected, "{version:?}");
                assert_eq!(said.is_none(), asks);
            }
        }
    }
}

#[tokio::test]
async fn errors_pass_unchanged() {
    let mut scene = scene().await;
    let error = r#"{"code":"x","error":"no","choices":[],"usage":{}}"#;
    let answer = json("400 Bad Request", error);
    let (_, got) = exchange(&mut scene, &post(CHAT, CHAT_REQUEST), &answer).await;
    assert_eq!((got.status(), got.body()), (400, error.as_bytes()));
    // Nothing is hidden in responses other than plain successful streams.
    for (status, headers) in [
        ("200 OK", "content-type: application/json"),
        ("500 Oh", "content-type: text/event-stream"),
        ("200 OK", "content-type: text/event-stream\r\ncontent-encoding: x-none"),
    ] {
        let length = stream().len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}\r\ncontent-length: {length}\r\n\r\n");
        let answer = [head, stream()].concat();
        let (_, got) = exchange(&mut scene, &post(CHAT, CHAT_REQUEST), answer.as_bytes()).await;
        assert_eq!(got.head.content_length(), Some(length), "{headers}");
        assert_eq!(got.body(), stream().as_bytes(), "{headers}");
    }
    // A broken stream also breaks off for the client.
    let mut broken = sse(&stream(), 50);
    broken.truncate(broken.len() - 30);
    let (_, got) = exchange(&mut scene, &post(CHAT, CHAT_REQUEST), &broken).await;
    assert!(!got.content.is_whole);
}

#[tokio::test]
async fn an_event_without_its_end_passes_and_counts() {
    let mut scene = scene().await;
    let body = [&stream(), "data: {"].concat();
    let (_, got) = exchange(&mut scene, &post(CHAT, CHAT_REQUEST), &sse(&body, 50)).await;
    let expected = [&shown(), DONE, "data: {"].concat();
    assert_eq!(str::from_utf8(got.body()).unwrap(), expected);
    assert_eq!(scene.end().await.response_bytes, expected.len() as u64);
}

#[tokio::test]
async fn by_default_nothing_is_added() {
    let mut scene = Scene::new().await;
    let (sent, got) = exchange(&mut scene, &post(CHAT, CHAT_REQUEST), &sse(&stream(), 50)).await;
    assert_eq!(sent.body(), CHAT_REQUEST);
    assert_eq!(str::from_utf8(got.body()).unwrap(), stream());
}
