//! Clients with one header for a credential, over real sockets.

use std::sync::Arc;

use tower_ai_gateway::settings::GatewaySettings;
use tower_ai_gateway::{GatewayLayer, Mount, Provider};

use crate::gateways::scene::{secret, token};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

const TOKEN: &str = "gw-LEAK-token";

/// A gateway with a token and a stored key for each of its providers.
async fn gateway(upstream: &Recorder) -> Gateway {
    let settings = GatewaySettings::builder()
        .token(token(TOKEN))
        .key("grok", secret("sk-LEAK-grok"))
        .key("openai", secret("sk-LEAK-openai"))
        .key("anthropic", secret("sk-LEAK-anthropic"))
        .key("acme", secret("sk-LEAK-acme"))
        .key("google-ai-studio", secret("sk-LEAK-google"))
        .build()
        .unwrap();
    let layer = GatewayLayer::builder()
        .provider(Provider::xai().base_url(upstream.base("/v1")))
        .provider(Provider::openai().base_url(upstream.base("/v1")))
        .provider(Provider::anthropic().base_url(upstream.base("")))
        .provider(Provider::google_ai_studio().base_url(upstream.base("")))
        .provider(Provider::custom("acme", upstream.base("/v1")).key_header("x-acme-key"))
        .mount(Mount::hosted().universal())
        .mount(Mount::rest())
        .settings(Arc::new(settings));
    Setup::new("http://unused.test").layer(|_| layer).start().await
}

/// Checks that the request reaches its provider with this key only, and never with the token.
async fn passes(line: &str, headers: &[&str], body: &str, key: (&str, &str)) {
    let upstream = Recorder::start().await;
    let gateway = gateway(&upstream).await;
    let answer = gateway.answer(request(line, headers, body.as_bytes())).await;
    assert_eq!(answer.status(), 200, "{line} {headers:?}: {}", answer.text());
    let sent = upstream.only().head;
    assert!(!sent.text().contains(TOKEN), "{}", sent.text());
    let names = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-acme-key"];
    let keys: Vec<_> = names.iter().filter_map(|name| Some((*name, sent.get(name)?))).collect();
    assert_eq!(keys, [key], "{line} {headers:?}");
}

const OPENAI: (&str, &str) = ("authorization", "Bearer sk-LEAK-openai");
const ANTHROPIC: (&str, &str) = ("x-api-key", "sk-LEAK-anthropic");
const GROK: (&str, &str) = ("authorization", "Bearer sk-LEAK-grok");

#[tokio::test]
async fn codex_sends_the_token_as_its_bearer() {
    let token = format!("authorization: Bearer {TOKEN}");
    let headers = [
        &*token,
        "originator: codex_cli_rs",
        "session_id: 0199d1c8-0000-7000-8000-000000000000",
        "user-agent: codex_cli_rs/0.60.0 (Linux; x86_64)",
        "accept: text/event-stream",
        "content-type: application/json",
    ];
    let body = r#"{"model":"gpt-5-codex","stream":true,"store":false,"input":[]}"#;
    passes("POST /v1/acct/gw/openai/responses", &headers, body, OPENAI).await;
    let body = r#"{"model":"openai/gpt-5-codex","input":[]}"#;
    passes("POST /v1/acct/gw/compat/responses", &headers, body, OPENAI).await;
    passes("POST /client/v4/accounts/acct/ai/v1/responses", &headers, body, OPENAI).await;
}

#[tokio::test]
async fn claude_code_sends_the_token_as_bearer_or_key() {
    let line = "POST /v1/acct/gw/anthropic/v1/messages?beta=true";
    let body = r#"{"model":"claude-test","max_tokens":1,"messages":[]}"#;
    for token in [
        format!("authorization: Bearer {TOKEN}"),
        format!("x-api-key: {TOKEN}"),
        // With both variables set, Claude Code sends both.
        format!("authorization: Bearer {TOKEN}\r\nx-api-key: {TOKEN}"),
    ] {
        let headers = [
            &*token,
            "anthropic-version: 2023-06-01",
            "anthropic-beta: claude-code-20250219",
            "user-agent: claude-cli/2.0.1 (external, cli)",
            "x-app: cli",
        ];
        passes(line, &headers, body, ANTHROPIC).await;
    }
    let own = format!("authorization: Bearer {TOKEN}\r\nx-api-key: sk-LEAK-own");
    passes(line, &[&*own], body, ("x-api-key", "sk-LEAK-own")).await;
}

#[tokio::test]
async fn xcode_sends_the_token_in_a_chosen_header() {
    let body = r#"{"model":"grok/grok-4","messages":[],"stream":true}"#;
    for token in [
        format!("authorization: Bearer {TOKEN}"),
        format!("Authorization: {TOKEN}"),
        format!("x-api-key: {TOKEN}"),
        format!("api-key: {TOKEN}"),
        format!("x-goog-api-key: {TOKEN}"),
    ] {
        let headers = [&*token, "user-agent: Xcode/24000 CFNetwork/3826", "accept: */*"];
        passes("POST /v1/acct/gw/compat/v1/chat/completions", &headers, body, GROK).await;
        passes("GET /v1/acct/gw/grok/v1/models", &headers, "", GROK).await;
    }
}

#[tokio::test]
async fn open_code_sends_an_empty_key_beside_the_token() {
    let token = format!("cf-aig-authorization: Bearer {TOKEN}");
    for empty in
        ["authorization: Bearer ", "Authorization: Bearer", "authorization:", "x-api-key: "]
    {
        let headers = [&*token, empty, "user-agent: opencode/1.0.0"];
        let body = r#"{"model":"grok/grok-4","messages":[]}"#;
        passes("POST /v1/acct/gw/compat/chat/completions", &headers, body, GROK).await;
        passes("POST /v1/acct/gw/grok/v1/chat/completions", &headers, body, GROK).await;
        let headers = [&*token, empty, "anthropic-version: 2023-06-01"];
        passes("POST /v1/acct/gw/anthropic/v1/messages", &headers, body, ANTHROPIC).await;
        let headers = [&*token, empty, "x-acme-key:"];
        passes("POST /v1/acct/gw/acme/x", &headers, body, ("x-acme-key", "sk-LEAK-acme")).await;
    }
}

#[tokio::test]
async fn open_code_sends_the_token_in_entries_too() {
    for (outer, inner) in [
        ("cf-aig-authorization", format!("Bearer {TOKEN}")),
        ("authorization", format!("Bearer {TOKEN}")),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", String::new()),
    ] {
        let body = serde_json::json!([{
            "provider": "grok", "endpoint": "v1/chat/completions",
            "headers": { "authorization": inner }, "query": { "model": "grok-4" },
        }]);
        let outer = format!("{outer}: Bearer {TOKEN}");
        passes("POST /v1/acct/gw", &[&*outer], &body.to_string(), GROK).await;
    }
}

#[tokio::test]
async fn a_key_is_not_accepted_as_a_token() {
    let upstream = Recorder::start().await;
    let gateway = gateway(&upstream).await;
    let line = "POST /v1/acct/gw/grok/v1/chat/completions";
    for wrong in ["Bearer sk-LEAK-own", "Bearer", "", "Basic gw-LEAK-token", "Bearer gw-LEAK-toke"]
    {
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            let header = format!("{name}: {wrong}");
            let answer = gateway.answer(request(line, &[&*header], b"{}")).await;
            answer.gateway_error(401, 2009);
        }
    }
    upstream.assert_untouched("nobody was let in");
    let token = format!("cf-aig-authorization: {TOKEN}");
    let own = ("authorization", "Bearer sk-LEAK-own");
    passes(line, &[&*token, "authorization: Bearer sk-LEAK-own"], "{}", own).await;
}

#[tokio::test]
async fn a_token_in_the_query_is_removed() {
    let shown = format!("cf-aig-authorization: Bearer {TOKEN}");
    let google = ("x-goog-api-key", "sk-LEAK-google");
    let generate = "POST /v1/acct/gw/google-ai-studio/v1beta/models/m:generateContent";
    for key in [TOKEN.to_owned(), TOKEN.replace('-', "%2D"), format!("Bearer%20{TOKEN}")] {
        passes(&format!("{generate}?key={key}"), &[&*shown], "{}", google).await;
        passes(&format!("{generate}?alt=sse&access_token={key}"), &[&*shown], "{}", google).await;
        let line = format!("POST /v1/acct/gw/grok/v1/chat/completions?key={key}");
        passes(&line, &[&*shown], "{}", GROK).await;
    }
}
