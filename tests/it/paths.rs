//! The mapping from gateway paths to provider paths, and paths that are refused.

mod refused;
mod styles;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tower_ai_gateway::Provider;

use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, chunk, request};
use crate::support::raw_upstream::Recorder;

/// `grok` below `/v1` of one listener, and `custom-acme` below `/api/v2` of another.
async fn two_providers() -> (Gateway, Recorder, Recorder) {
    let grok = Recorder::start().await;
    let acme = Recorder::start().await;
    let gateway = Setup::new(grok.base("/v1"))
        .provider(Provider::custom("acme", acme.base("/api/v2/")).alias("acme-eu"))
        .start()
        .await;
    (gateway, grok, acme)
}

fn post(target: &str, body: &str) -> Vec<u8> {
    request(&format!("POST {target}"), &[], body.as_bytes())
}

fn reached_the_app(answer: &Message) -> bool {
    answer.status() == 418 && answer.head.has("x-app")
}

#[tokio::test]
async fn every_kind_of_path_leads_to_its_provider() {
    let (gateway, grok, acme) = two_providers().await;
    for (target, provider, line) in [
        // Native, in every style, with and without the version.
        ("/v1/acct/gw/grok/v1/chat/completions", &grok, "POST /v1/chat/completions HTTP/1.1"),
        ("/v1/acct/gw/grok/chat/completions", &grok, "POST /v1/chat/completions HTTP/1.1"),
        ("/v1/acct/gw/xai/v1/models", &grok, "POST /v1/models HTTP/1.1"),
        ("/ai/grok/v1/responses", &grok, "POST /v1/responses HTTP/1.1"),
        ("/ai/xai/responses", &grok, "POST /v1/responses HTTP/1.1"),
        ("/only/grok/responses", &grok, "POST /v1/responses HTTP/1.1"),
        ("/v1/acct/gw/custom-acme/v2/chat", &acme, "POST /api/v2/chat HTTP/1.1"),
        ("/v1/acct/gw/acme/chat", &acme, "POST /api/v2/chat HTTP/1.1"),
        ("/v1/acct/gw/acme-eu/chat", &acme, "POST /api/v2/chat HTTP/1.1"),
        ("/ai/custom-acme/v2/chat", &acme, "POST /api/v2/chat HTTP/1.1"),
        // The join rule compares whole segments, as many as match.
        ("/ai/grok/v1/v1/messages", &grok, "POST /v1/v1/messages HTTP/1.1"),
        ("/ai/grok/v1beta/models", &grok, "POST /v1/v1beta/models HTTP/1.1"),
        ("/ai/grok/V1/models", &grok, "POST /v1/V1/models HTTP/1.1"),
        ("/ai/grok/%761/models", &grok, "POST /v1/%761/models HTTP/1.1"),
        ("/ai/acme/api/v2/chat", &acme, "POST /api/v2/chat HTTP/1.1"),
        ("/ai/acme/api/v2", &acme, "POST /api/v2 HTTP/1.1"),
        ("/ai/acme/api/chat", &acme, "POST /api/v2/api/chat HTTP/1.1"),
        ("/ai/grok", &grok, "POST /v1 HTTP/1.1"),
        ("/ai/grok?a", &grok, "POST /v1?a HTTP/1.1"),
        // Empty segments collapse after the slug and nowhere else.
        ("/ai/grok//chat/completions", &grok, "POST /v1/chat/completions HTTP/1.1"),
        ("/v1/acct/gw/grok////v1/models", &grok, "POST /v1/models HTTP/1.1"),
        ("/ai/grok/a//b///c/", &grok, "POST /v1/a//b///c/ HTTP/1.1"),
        // Path and query, byte for byte.
        (
            "/ai/grok/models/grok%2F4%20x/%E2%82%ac",
            &grok,
            "POST /v1/models/grok%2F4%20x/%E2%82%ac HTTP/1.1",
        ),
        (
            "/ai/grok/batches/b_1:cancel;v=1,2@!$&'()*+=~",
            &grok,
            "POST /v1/batches/b_1:cancel;v=1,2@!$&'()*+=~ HTTP/1.1",
        ),
        ("/ai/grok/x?", &grok, "POST /v1/x? HTTP/1.1"),
        ("/ai/grok/x?a=1&a=2&b", &grok, "POST /v1/x?a=1&a=2&b HTTP/1.1"),
        (
            "/ai/grok/x?q=%2e%2e/../%00+%zz?/:@!$'()*,;=[]{}|^`\\",
            &grok,
            "POST /v1/x?q=%2e%2e/../%00+%zz?/:@!$'()*,;=[]{}|^`\\ HTTP/1.1",
        ),
        ("/ai/grok/.well-known/a..b/...", &grok, "POST /v1/.well-known/a..b/... HTTP/1.1"),
        // Only path and query of the target count, whatever its authority.
        ("http://127.0.0.1:9/v1/acct/gw/grok/models?x=1", &grok, "POST /v1/models?x=1 HTTP/1.1"),
        ("https://user@evil.example/ai/acme/x", &acme, "POST /api/v2/x HTTP/1.1"),
    ] {
        let answer = gateway.answer(post(target, "")).await;
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        let came = provider.only();
        assert_eq!(came.head.line, line, "{target}");
        assert_eq!(came.head.get("host"), Some(&*provider.addr().to_string()), "{target}");
        assert_eq!(grok.requests().len() + acme.requests().len(), 1, "{target}");
        provider.clear();
    }
}

#[tokio::test]
async fn model_routed_paths_lead_to_the_providers_openai_api() {
    let (gateway, grok, acme) = two_providers().await;
    for (target, model, provider, line) in [
        ("/v1/a/g/compat/chat/completions", "grok/grok-4", &grok, "/v1/chat/completions"),
        ("/v1/a/g/compat/v1/chat/completions", "xai/grok-4", &grok, "/v1/chat/completions"),
        ("/v1/a/g/compat/responses?x=%2F", "grok/grok-4", &grok, "/v1/responses?x=%2F"),
        ("/v1/a/g/compat/embeddings", "custom-acme/e", &acme, "/api/v2/embeddings"),
        ("/v1/a/g/compat/messages", "acme/a/b/c", &acme, "/api/v2/messages"),
        ("/ai/compat/chat/completions", "acme-eu/e", &acme, "/api/v2/chat/completions"),
        ("/client/v4/accounts/a/ai/v1/responses", "grok/grok-4", &grok, "/v1/responses"),
        (
            "/client/v4/accounts/a/ai/v1/chat/completions",
            "acme/e",
            &acme,
            "/api/v2/chat/completions",
        ),
        ("/client/v4/accounts/a/ai/v1/messages", "grok/grok-4", &grok, "/v1/messages"),
        ("/client/v4/accounts/a/ai/v1/embeddings", "grok/grok-4", &grok, "/v1/embeddings"),
        ("http://evil.example/ai/compat/responses", "grok/grok-4", &grok, "/v1/responses"),
    ] {
        let body = format!(r#"{{"model":"{model}"}}"#);
        let answer = gateway.answer(post(target, &body)).await;
        assert_eq!(answer.status(), 200, "{target}: {}", answer.text());
        let came = provider.only();
        assert_eq!(came.head.target(), line, "{target}");
        let (_, name) = model.split_once('/').unwrap();
        assert_eq!(came.json()["model"], name, "{target}");
        assert_eq!(came.head.get("host"), Some(&*provider.addr().to_string()), "{target}");
        assert_eq!(grok.requests().len() + acme.requests().len(), 1, "{target}");
        provider.clear();
    }
}

#[tokio::test]
async fn a_provider_without_the_join_rule_gets_the_path_unchanged() {
    let upstream = Recorder::start().await;
    let provider = Provider::custom("raw", upstream.base("/v1")).merge_repeated_segments(false);
    let gateway = Setup::new(upstream.base("/other")).provider(provider).start().await;
    gateway.answer(post("/ai/raw/v1/chat", "")).await;
    assert_eq!(upstream.only().head.target(), "/v1/v1/chat");
}

#[tokio::test]
async fn other_paths_reach_the_app_unchanged() {
    let (gateway, grok, acme) = two_providers().await;
    for target in [
        "/v1/users/42/posts?a=%2F&a=1",
        "/v1/users/42/posts",
        "/v1/acct/gw/nosuch/chat",
        "/v1/acct/gw/%67rok/chat",
        "/v1/acct/gw",
        "/v1",
        "/v1/../secret/./x//",
        "/ai/nosuch/x",
        "/ai",
        "/ain/grok/x",
        "/only",
        "/client/v4/accounts/a/ai/run",
        "/v1beta/acct/gw/grok/x",
        "http://evil.example/elsewhere?x",
        "/",
        "/?x",
    ] {
        let headers = [
            "x-repeat: 1",
            "x-repeat: 2",
            "cookie: session=1",
            "cf-aig-metadata: not json",
            "x-forwarded-for: 10.0.0.1",
            "connection: x-hop",
            "x-hop: 1",
        ];
        let answer =
            gateway.answer(request(&format!("PATCH {target}"), &headers, b"the body")).await;
        assert!(reached_the_app(&answer), "{target}: {}", answer.text());
        // The gateway does not change the app's response either.
        assert_eq!(answer.head.get("set-cookie"), Some("session=1"));
        assert_eq!(answer.head.get("cf-aig-log-id"), Some("the app's own"));
        assert!(!answer.head.has("cf-aig-event-id"));
        let seen = answer.json();
        assert_eq!(seen["uri"], target);
        assert_eq!(seen["method"], "PATCH");
        assert_eq!(seen["body"], "the body");
        assert_eq!(seen["mark"], true, "extensions reach the app");
        assert_eq!(seen["context"], false);
        let mut expected = vec!["host: gateway.test"];
        expected.extend(headers);
        expected.push("content-length: 8");
        assert_eq!(seen["headers"], serde_json::json!(expected));
    }
    let health = gateway.answer(request("GET /health", &[], b"")).await;
    assert_eq!(health.body(), b"well");
    grok.assert_untouched("nothing was the gateway's");
    acme.assert_untouched("nothing was the gateway's");
}

#[tokio::test]
async fn a_preflight_on_a_gateway_path_reaches_the_app() {
    let (gateway, grok, _acme) = two_providers().await;
    for target in ["/ai/grok/v1/models", "/ai/compat/responses", "/only/nosuch", "/ai/grok/.."] {
        let preflight = ["origin: https://a.example", "access-control-request-method: POST"];
        let answer = gateway.answer(request(&format!("OPTIONS {target}"), &preflight, b"")).await;
        assert!(reached_the_app(&answer), "{target}: {}", answer.text());
    }
    grok.assert_untouched("preflights are the app's");
    gateway
        .answer(request("OPTIONS /ai/grok/v1/models", &["origin: https://a.example"], b""))
        .await;
    assert_eq!(grok.only().head.line, "OPTIONS /v1/models HTTP/1.1");
}

#[tokio::test]
async fn any_method_is_relayed_on_native_paths() {
    let upstream = Recorder::answering(|request| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
        if request.head.line.starts_with("HEAD ") {
            head.into()
        } else {
            format!("{head}body").into()
        }
    });
    let upstream = upstream.await;
    let gateway = Gateway::start(upstream.base("/v1")).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "M-SEARCH", "get"] {
        for body in ["", "{}"] {
            let line = format!("{method} /ai/grok/v1/files/1");
            let answer = gateway.answer(request(&line, &[], body.as_bytes())).await;
            assert_eq!(answer.body(), b"body", "{method}");
            let came = upstream.only();
            assert_eq!(came.head.line, format!("{method} /v1/files/1 HTTP/1.1"));
            assert_eq!(came.body(), body.as_bytes(), "{method}");
            upstream.clear();
        }
    }
    // hyper sends a GET of unknown length without its body unless it is told of one.
    for method in ["GET", "POST", "DELETE"] {
        let head = format!(
            "{method} /ai/grok/v1/files/1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let body = [chunk(b"in "), chunk(b"parts"), chunk(b"")].concat();
        let answer = gateway.answer([head.as_bytes(), &body].concat()).await;
        assert_eq!(answer.body(), b"body", "{method}");
        let came = upstream.only();
        assert_eq!((came.body(), came.head.is_chunked()), (&b"in parts"[..], true), "{method}");
        upstream.clear();
    }
    // `HEAD` has no body, and the connection stays usable.
    let mut wire = gateway.connect().await;
    for _ in 0..2 {
        wire.send(request("HEAD /ai/grok/v1/files/1", &[], b"")).await;
        let head = wire.read_head().await;
        assert_eq!((head.status(), head.get("content-length")), (200, Some("4")));
    }
    wire.send(request("GET /ai/grok/v1/files/1", &[], b"")).await;
    assert_eq!(wire.read_message().await.body(), b"body");
    assert!(upstream.requests()[1].head.line.starts_with("HEAD /v1/files/1 "));
}
