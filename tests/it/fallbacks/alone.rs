//! Fallbacks in a client stack without a gateway.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::{Alternative, FallbackLayer, ReplayLayer};

use crate::fallbacks::scene::*;
use crate::support::scripted::{Call, Upstream, json, read};

const BODY: &str = r#"{"model":"grok-4","n":1}"#;

fn layer() -> FallbackLayer {
    let others = [
        Alternative::new(Provider::xai()).model("grok-3"),
        // Without a key only the first provider is possible.
        Alternative::new(Provider::openai()).model("never"),
        Alternative::new(Provider::anthropic()).key(secret("sk-for-anthropic")).model("claude"),
        Alternative::new(Provider::openai()).key(secret("sk-for-openai")),
    ];
    FallbackLayer::between(Provider::xai(), others).unwrap()
}

async fn send(upstream: &Upstream, uri: &str, body: &'static str) -> (u16, Vec<Call>) {
    let client = ReplayLayer::new().layer(layer().layer(upstream.clone()));
    let request = Request::post(uri)
        .header("authorization", "Bearer sk-for-grok")
        .header("content-length", body.len())
        .header("x-team", "t")
        .body(Full::<Bytes>::from(body))
        .unwrap();
    let response = client.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    read(response.into_body()).await.unwrap();
    (status, upstream.calls())
}

#[tokio::test]
async fn without_a_gateway_the_layers_own_chain_is_tried_in_order() {
    let upstream = Upstream::new(busy(&[GROK, ANTHROPIC]));
    let (status, calls) = send(&upstream, "https://api.x.ai/v1/chat/completions?a=b", BODY).await;
    assert_eq!(status, 200);
    let got: Vec<_> = calls
        .iter()
        .map(|call| {
            assert_eq!(call.header("content-length"), Some(&*call.body.len().to_string()));
            (call.uri.to_string(), call.header("authorization").unwrap(), call.text())
        })
        .collect();
    let expected = [
        ("https://api.x.ai/v1/chat/completions?a=b", "Bearer sk-for-grok", BODY),
        (
            "https://api.x.ai/v1/chat/completions?a=b",
            "Bearer sk-for-grok",
            r#"{"model":"grok-3","n":1}"#,
        ),
        (
            "https://api.anthropic.com/v1/chat/completions",
            "Bearer sk-for-anthropic",
            r#"{"model":"claude","n":1}"#,
        ),
        ("https://api.openai.com/v1/chat/completions", "Bearer sk-for-openai", BODY),
    ];
    assert_eq!(got, expected.map(|(uri, key, body)| (uri.to_owned(), key, body)));
    assert!(calls[1].headers.contains_key("x-team") && !calls[2].headers.contains_key("x-team"));
    assert!(calls.iter().all(|call| !call.headers.contains_key("host")), "nobody asked for it");
}

#[tokio::test]
async fn requests_to_other_urls_have_no_fallback() {
    for uri in [
        "https://api.openai.com/v1/chat/completions",
        "http://api.x.ai/v1/chat/completions",
        "https://api.x.ai:444/v1/chat/completions",
        "https://api.x.ai/v1beta/chat/completions",
        "https://api.x.ai/v1",
        "/v1/chat/completions",
    ] {
        let upstream = Upstream::new(|_, _| json(503, "{}"));
        assert_eq!(send(&upstream, uri, BODY).await.1.len(), 1, "{uri}");
    }
    // Another endpoint: only the model of the first provider changes.
    let upstream = Upstream::new(|_, _| json(503, "{}"));
    let (_, calls) = send(&upstream, "https://api.x.ai/v1/images/generations", BODY).await;
    assert_eq!(calls.len(), 2);
}

#[tokio::test]
async fn without_a_model_only_steps_that_keep_it_are_tried() {
    let upstream = Upstream::new(|_, _| json(503, "{}"));
    let uri = "https://api.x.ai/v1/chat/completions";
    let (status, calls) = send(&upstream, uri, r#"{"n":1}"#).await;
    assert_eq!((status, calls.len(), calls[1].authority()), (503, 2, OPENAI));
    let upstream = Upstream::new(|_, _| json(503, "{}"));
    let (status, calls) = send(&upstream, uri, r#"{"model":"a","model":"b"}"#).await;
    assert_eq!((status, calls.len()), (503, 1));
}

#[tokio::test]
async fn errors_of_the_client_pass_unchanged() {
    let upstream = Upstream::new(|_, _| Err("mine".into()));
    let client = ReplayLayer::new().layer(layer().layer(upstream.clone()));
    let request = Request::post("https://api.x.ai/v1/chat/completions");
    let error: BoxError =
        client.oneshot(request.body(Full::from(BODY)).unwrap()).await.unwrap_err();
    assert_eq!((error.to_string(), upstream.begun()), ("mine".to_owned(), 4));
    let unrecorded = FallbackLayer::between(Provider::xai(), [Alternative::new(Provider::xai())]);
    let client = ReplayLayer::on_demand().layer(unrecorded.unwrap().layer(upstream.clone()));
    let request = Request::post("https://api.x.ai/v1/chat/completions");
    assert!(client.oneshot(request.body(Full::<Bytes>::from(BODY)).unwrap()).await.is_err());
    assert_eq!(upstream.begun(), 5, "what is not recorded is sent once");
}
