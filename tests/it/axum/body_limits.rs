//! A limit of request bodies above the gateway: 413 in the caller's format wherever it trips.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use http::Response;
use http_body_util::{BodyExt, Full};
use tower::Layer;
use tower_ai_gateway::control::{ControlLayer, RetrySettings};
use tower_ai_gateway::{EndEvent, GatewayLayer, Mount, Outcome, Provider};
use tower_http::limit::RequestBodyLimitLayer;

use super::serve;
use crate::support::gateway::Gateway;
use crate::support::hyper_upstream::HyperUpstream;
use crate::support::message::{Message, STREAM_HEAD, chunk, ok, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::wire::Wire;

const LIMIT: usize = 1024;
const NATIVE: &str = "POST /v1/acct/gw/grok/chat/completions";

type Ends = Arc<Mutex<Vec<(Outcome, Option<u16>)>>>;

/// A gateway below a body limit, and its end events.
fn limited(base: String, client: HttpClient, observed: bool) -> (Router, Ends) {
    let ends = Ends::default();
    let mut gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(base))
        .mount(Mount::hosted().universal());
    if observed {
        let ends = ends.clone();
        gateway = gateway.metrics_hook(move |end: &EndEvent<'_>| {
            ends.lock().unwrap().push((end.outcome, end.gateway_code));
        });
    }
    let gateway = gateway.build().unwrap().upstream(client);
    let app = Router::new().layer(gateway).layer(RequestBodyLimitLayer::new(LIMIT));
    (app, ends)
}

type HttpClient = tower_ai_gateway::HttpClient<tower_ai_gateway::RequestBody<axum::body::Body>>;

/// A body of unknown length, so the limit trips only while it is read.
fn chunked(line: &str, head: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = request(line, &["transfer-encoding: chunked"], b"");
    for part in std::iter::once(head.as_bytes()).chain(parts.iter().map(|part| &part[..])) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Exceeds the limit in total.
fn parts() -> Vec<Vec<u8>> {
    (0..8).map(|_| vec![b' '; LIMIT / 4]).collect()
}

async fn answer(app: Router, bytes: &[u8]) -> Message {
    Wire::connect(serve(app).await).await.send_and_read(bytes).await
}

/// Reads the request to its end before it answers, if there is an end.
async fn provider() -> HyperUpstream {
    HyperUpstream::start(|request| async move {
        let body = request.into_body().collect().await;
        let length = body.map_or(0, |body| body.to_bytes().len());
        let body = Full::from(format!("{length} bytes")).map_err(|never| match never {}).boxed();
        Response::new(body)
    })
    .await
}

#[tokio::test]
async fn a_limit_exceeded_while_streaming_is_413() {
    let provider = provider().await;
    for observed in [true, false] {
        for http2 in [false, true] {
            let builder = tower_ai_gateway::HttpClient::builder();
            let builder = if http2 { builder.http2_prior_knowledge() } else { builder };
            let (app, ends) = limited(provider.base("/v1"), builder.build().unwrap(), observed);
            let answer = answer(app, &chunked(NATIVE, r#"{"model":"grok-4"}"#, &parts())).await;
            let error = answer.gateway_error(413, 2413);
            assert_eq!(error["error"]["code"], "body_too_large", "http2: {http2}");
            if observed {
                assert_eq!(ends.lock().unwrap()[..], [(Outcome::Rejected, Some(2413))]);
            }
        }
    }
}

#[tokio::test]
async fn a_limit_exceeded_around_a_client_is_413() {
    let provider = provider().await;
    let ends = Ends::default();
    let seen = ends.clone();
    let layer = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.base("/v1")))
        .metrics_hook(move |end: &EndEvent<'_>| {
            seen.lock().unwrap().push((end.outcome, end.gateway_code));
        })
        .build()
        .unwrap();
    let around = layer.around(tower_ai_gateway::HttpClient::new().unwrap());
    let gateway = Gateway::serve(RequestBodyLimitLayer::new(LIMIT).layer(around)).await;
    let mut client = gateway.connect().await;
    let answer = client.send_and_read(&chunked(NATIVE, r#"{"model":"grok-4"}"#, &parts())).await;
    answer.gateway_error(413, 2413);
    assert_eq!(ends.lock().unwrap()[..], [(Outcome::Rejected, Some(2413))]);
}

#[tokio::test]
async fn a_limit_exceeded_under_retries_is_413() {
    let provider = provider().await;
    let client = ControlLayer::new()
        .retry(RetrySettings::attempts(3))
        .layer(tower_ai_gateway::HttpClient::new().unwrap());
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.base("/v1")))
        .build()
        .unwrap()
        .upstream(client);
    let app = Router::new().layer(gateway).layer(RequestBodyLimitLayer::new(LIMIT));
    let answer = answer(app, &chunked(NATIVE, r#"{"model":"grok-4"}"#, &parts())).await;
    answer.gateway_error(413, 2413);
    assert_eq!(answer.head.get("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_limit_exceeded_before_the_model_is_413() {
    let provider = Recorder::answering(|_| ok(b"grok")).await;
    for (line, head) in [
        ("POST /v1/acct/gw/compat/chat/completions", "{"),
        ("POST /v1/acct/gw/compat/messages", "{"),
        ("POST /v1/acct/gw", "["),
    ] {
        let (app, ends) = limited(provider.base("/v1"), HttpClient::new().unwrap(), true);
        let answer = answer(app, &chunked(line, head, &parts())).await;
        answer.gateway_error(413, 2413);
        assert_eq!(ends.lock().unwrap()[..], [(Outcome::Rejected, Some(2413))], "{line}");
    }
    provider.assert_untouched("it was refused before a provider was known");
}

#[tokio::test]
async fn the_413_is_in_the_callers_format() {
    let (app, _) = limited(provider().await.base("/v1"), HttpClient::new().unwrap(), true);
    let line = "POST /v1/acct/gw/compat/messages";
    let answer = answer(app, &chunked(line, r#"{"model":"grok/grok-4"}"#, &parts())).await;
    let error = answer.gateway_error(413, 2413);
    assert_eq!(error["type"], "error");
    assert_eq!(error["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn a_declared_length_is_refused_by_the_layer_itself() {
    let provider = Recorder::answering(|_| ok(b"grok")).await;
    let (app, ends) = limited(provider.base("/v1"), HttpClient::new().unwrap(), true);
    let answer = answer(app, &request(NATIVE, &[], &vec![b' '; LIMIT + 1])).await;
    assert_eq!(answer.status(), 413);
    assert!(ends.lock().unwrap().is_empty(), "the gateway has not seen it");
    provider.assert_untouched("the layer above has refused it");
}

#[tokio::test]
async fn bodies_within_the_limit_pass_and_broken_ones_are_still_400() {
    let provider = Recorder::answering(|_| ok(b"grok")).await;
    let (app, _) = limited(provider.base("/v1"), HttpClient::new().unwrap(), true);
    let addr = serve(app).await;
    let whole = chunked(NATIVE, r#"{"model":"grok-4"}"#, &[]);
    assert_eq!(Wire::connect(addr).await.send_and_read(&whole).await.status(), 200);
    let mut wire = Wire::connect(addr).await;
    let line = "POST /v1/acct/gw/compat/chat/completions";
    wire.send(request(line, &["transfer-encoding: chunked"], b"")).await;
    wire.send("not a chunk\r\n").await;
    assert_eq!(wire.read_message().await.status(), 400);
}

#[tokio::test]
async fn axums_default_body_limit_applies_only_to_extractors() {
    let provider = Recorder::answering(|_| ok(b"grok")).await;
    let gateway = GatewayLayer::builder()
        .provider(Provider::xai().base_url(provider.base("/v1")))
        .build()
        .unwrap()
        .upstream(HttpClient::new().unwrap());
    let app = Router::new().layer(gateway).layer(DefaultBodyLimit::max(LIMIT));
    let answer = answer(app, &chunked(NATIVE, r#"{"model":"grok-4"}"#, &parts())).await;
    assert_eq!(answer.status(), 200);
    assert!(provider.only().body().len() > LIMIT);
}

#[tokio::test]
async fn a_limit_exceeded_after_the_response_head_breaks_the_response_off() {
    let mut upstream = RawUpstream::start().await;
    let (app, ends) = limited(upstream.base("/v1"), HttpClient::new().unwrap(), true);
    let mut client = Wire::connect(serve(app).await).await;
    client.send(request(NATIVE, &["transfer-encoding: chunked"], b"")).await;
    client.send(chunk(br#"{"model":"grok-4","#)).await;
    let mut provider = upstream.accept().await;
    provider.read_head().await;
    provider.send(STREAM_HEAD).await;
    provider.send(chunk(b"data: {}\n\n")).await;
    assert_eq!(client.read_head().await.status(), 200);
    for part in parts() {
        // The connection may have been closed already.
        let _ = client.try_send(chunk(&part)).await;
    }
    let rest = client.read_to_end().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it has no proper end");
    assert_eq!(ends.lock().unwrap()[..], [(Outcome::Broken, None)]);
}
