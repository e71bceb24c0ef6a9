//! Secrets never appear in spans, and other texts are bounded.

use serde_json::json;

use crate::otel::scene::{CHAT, COMPLETION, PROMPT, Scene, chat_body, streaming};
use crate::support::collector::object;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

const LEAK: &str = "sk-LEAK";

#[tokio::test]
async fn no_secret_and_no_text_is_exported() {
    let provider = streaming().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let bearer = format!("Bearer {LEAK}");
    let secret: Vec<_> = [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cf-aig-authorization",
        "cookie",
    ]
    .map(|name| format!("{name}: {bearer}"))
    .into();
    let headers: Vec<_> = secret.iter().map(String::as_str).collect();
    for line in [
        format!("{CHAT}?key={LEAK}"),
        format!("POST /v1/acct/gw/compat/chat/completions?key={LEAK}"),
        format!("POST /only/nosuch/x?key={LEAK}"),
    ] {
        scene.gateway.answer(request(&line, &headers, chat_body().as_bytes())).await;
        scene.ended().await;
    }
    assert_eq!(scene.spans().await.len(), 3);
    assert_eq!(provider.requests().len(), 1, "one of them was relayed, and answered in full");
    let bytes = scene.collector.bytes();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("grok-4-0709"), "texts are looked for as they are encoded");
    for text in [LEAK, PROMPT, COMPLETION, "Bearer", "key=", "slow down"] {
        assert!(!holds(text), "{text} was exported");
    }
}

#[tokio::test]
async fn texts_from_a_client_are_bounded() {
    let provider = Recorder::start().await;
    let mut scene = Scene::new(provider.base("/v1")).await;
    let model = "é".repeat(300);
    let metadata = format!(
        r#"cf-aig-metadata: {{"{}":"{}","b":1,"c":1,"d":1,"e":1,"f":1}}"#,
        "k".repeat(2000),
        "v".repeat(2000)
    );
    scene.answer(&[&metadata], &json!({ "model": model }).to_string()).await;
    let span = scene.only_span().await;
    assert_eq!(span.name, format!("chat {}", "é".repeat(64)));
    let attributes = object(&span.attributes);
    assert_eq!(attributes["gen_ai.request.model"], model);
    let long = format!("ai_gateway.metadata.{}…", "k".repeat(1024));
    assert_eq!(attributes[&long], "v".repeat(1024) + "…");
    let entries = attributes.keys().filter(|key| key.starts_with("ai_gateway.metadata."));
    assert_eq!(entries.count(), 5);
}
