//! Dynamic routes: each model of a route is a step.

use std::time::Duration;

use tower_ai_gateway::settings::route::{DynamicRoute, Node};
use tower_ai_gateway::settings::{Backoff, FallbackChain, GatewaySettingsBuilder};

use crate::fallbacks::scene::*;
use crate::support::scripted::answer;

const BODY: &str = r#"{"messages":[],"model":"dynamic/support","n":1}"#;

fn settings() -> GatewaySettingsBuilder {
    let route = DynamicRoute::builder("support")
        .start("a")
        .node(
            "a",
            Node::model("grok", "grok-4")
                .key_alias("eu")
                .attempts(2)
                .retry_delay(Duration::from_secs(1))
                .backoff(Backoff::Constant)
                .fallback("b"),
        )
        .node("b", Node::model("grok", "grok-3").fallback("c"))
        // This key does not exist.
        .node("c", Node::model("openai", "gpt").key_alias("eu").fallback("d"))
        .node("d", Node::model("acme", "m"))
        .build()
        .unwrap();
    keys()
        .key("grok", secret("sk-for-grok"))
        .key_as("grok", "eu", secret("sk-for-grok-eu"))
        .route(route)
        .fallback(FallbackChain::on("*").to("google-ai-studio", "gemini"))
}

#[tokio::test(start_paused = true)]
async fn each_model_node_has_its_own_key_and_attempts() {
    let scene = Scene::new(settings(), busy(&[GROK]));
    let headers = [
        ("authorization", "Bearer sk-of-nobody-knows-whom"),
        ("x-acme-key", "sk-of-nobody-knows-whom"),
        ("cf-aig-retry-delay", "10"),
    ];
    let got = scene.send(&format!("{COMPAT}?key=sk-of-nobody-knows-whom"), &headers, BODY).await;
    assert_eq!((got.status, got.text()), (200, r#"{"from":"acme.test"}"#));
    assert_eq!(got.answered_by(), ("2", Some("custom-acme"), Some("m")));
    let calls = scene.upstream.calls();
    let got: Vec<_> = calls
        .iter()
        .map(|call| {
            assert!(!format!("{:?} {}", call.headers, call.uri).contains("nobody"));
            assert_eq!(call.header("content-length"), Some(&*call.body.len().to_string()));
            let key = call.headers.get("authorization").or(call.headers.get("x-acme-key"));
            (call.uri.to_string(), key.unwrap().to_str().unwrap(), call.text())
        })
        .collect();
    let grok = "https://api.x.ai/v1/chat/completions";
    let expected = [
        (grok, "Bearer sk-for-grok-eu", r#"{"messages":[],"model":"grok-4","n":1}"#),
        (grok, "Bearer sk-for-grok-eu", r#"{"messages":[],"model":"grok-4","n":1}"#),
        (grok, "Bearer sk-for-grok", r#"{"messages":[],"model":"grok-3","n":1}"#),
        (
            "https://acme.test/v1/chat/completions",
            "sk-for-acme",
            r#"{"messages":[],"model":"m","n":1}"#,
        ),
    ];
    assert_eq!(got, expected.map(|(uri, key, body)| (uri.to_owned(), key, body)));
    // The request's delay takes precedence over the node's; only the node sets its growth.
    assert_eq!(scene.upstream.times(), [0, 10, 10, 10]);
    let end = scene.events.end();
    assert_eq!((end.step, end.attempts, end.provider.as_deref()), (2, 4, Some("custom-acme")));
}

#[tokio::test]
async fn no_provider_of_a_route_gets_a_header_that_another_may_take_for_a_key() {
    let secrets = [
        "xi-api-key",
        "x-amz-security-token",
        "ocp-apim-subscription-key",
        "openai-organization",
        "x-acme-key",
        "x-of-the-client",
    ];
    let harmless = [
        ("accept", "application/json"),
        ("user-agent", "sdk/1"),
        ("idempotency-key", "i1"),
        ("x-stainless-lang", "rust"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let named = secrets.map(|name| (name, "sk-of-nobody-knows-whom"));
    let headers: Vec<_> = named.into_iter().chain(harmless).collect();
    let scene = Scene::new(settings(), busy(&[]));
    scene.send(COMPAT, &headers, BODY).await;
    let call = &scene.upstream.calls()[0];
    assert!(!format!("{:?}", call.headers).contains("nobody"), "{:?}", call.headers);
    for (name, value) in harmless {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    assert_eq!(call.header("host"), Some(GROK));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("authorization"), Some("Bearer sk-for-grok-eu"));
    // A session is known by its header all the same.
    let keeps = settings().session_affinity(true);
    let scene = Scene::new(keeps, busy(&[]));
    scene.send(COMPAT, &[("x-session-id", "s1")], BODY).await;
    let call = &scene.upstream.calls()[0];
    assert!(call.header("x-grok-conv-id").is_some() && call.header("x-session-id").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_overrides_a_node_and_a_node_the_gateways_defaults() {
    let settings = || {
        settings().defaults(|defaults| {
            defaults.max_attempts = Some(5);
            defaults.retry_delay = Some(Duration::from_secs(3));
        })
    };
    // Two attempts at the first node, which sets them, and five at the second, which does not.
    let scene = Scene::new(settings(), busy(&[GROK]));
    scene.send(COMPAT, &[], BODY).await;
    assert_eq!(scene.events.end().attempts, 2 + 5 + 1);
    assert_eq!(scene.upstream.times()[..2], [0, 1000]);
    let scene = Scene::new(settings(), busy(&[GROK]));
    scene.send(COMPAT, &[("cf-aig-max-attempts", "1")], BODY).await;
    assert_eq!(scene.events.end().attempts, 3);
}

#[tokio::test]
async fn a_response_ends_the_route() {
    for status in [200, 400, 307] {
        let scene = Scene::new(settings(), move |_, _| {
            answer(status, &[("location", "https://evil.test/")], "")
        });
        let got = scene.send(COMPAT, &[], BODY).await;
        assert_eq!((got.status, scene.upstream.count()), (status, 1));
        assert_eq!(got.answered_by(), ("0", Some("grok"), Some("grok-4")));
    }
}

#[tokio::test(start_paused = true)]
async fn if_all_nodes_fail_the_last_response_passes() {
    let scene = Scene::new(settings(), busy(&[GROK, ACME]));
    let got = scene.send(COMPAT, &[], BODY).await;
    assert_eq!((got.status, got.text()), (503, r#"{"from":"acme.test"}"#));
    assert_eq!(got.answered_by(), ("2", Some("custom-acme"), Some("m")));
}
