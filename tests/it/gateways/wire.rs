//! The effect of rules and tokens on the bytes of real connections.

use std::sync::Arc;

use tower_ai_gateway::Mount;
use tower_ai_gateway::settings::{
    GatewaySettings, GatewaySettingsBuilder, Settings, SettingsTable,
};

use crate::gateways::scene::{secret, token};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{chunk, request};
use crate::support::raw_upstream::{RawUpstream, Recorder};
use crate::support::{assert_same_bytes, noise};

const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";

async fn gateway(
    base: String,
    set: fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder,
) -> Gateway {
    let settings = Arc::new(set(GatewaySettings::builder()).build().unwrap());
    Setup::new(base).layer(|layer| layer.settings(settings)).start().await
}

#[tokio::test]
async fn a_peeked_native_body_passes_byte_for_byte() {
    let upstream = Recorder::start().await;
    let gateway = gateway(upstream.base("/v1"), |of| of.allow_models(["grok-4"])).await;
    let user: String = noise(70_000).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let body = format!(
        "\u{feff} {{\n\"user\" : \"{user}\",\"n\":1.0e+2,\t\"mod\\u0065l\":\"grok\\u002d4\" ,\"x\":\"{user}\"}}\r\n"
    );
    let answer = gateway.answer(request(CHAT, &["authorization: Bearer k"], body.as_bytes())).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = upstream.only();
    assert_same_bytes(sent.body(), body.as_bytes(), "the body");
    assert_eq!(sent.head.content_length(), Some(body.len()));
    assert_eq!(sent.head.get("authorization"), Some("Bearer k"));
    upstream.clear();
    let head = format!("{CHAT} HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut wire = gateway.connect().await;
    wire.send(head).await;
    for piece in body.as_bytes().chunks(1000) {
        wire.send(chunk(piece)).await;
    }
    wire.send(chunk(b"")).await;
    assert_eq!(wire.read_message().await.status(), 200);
    let sent = upstream.only();
    assert_same_bytes(sent.body(), body.as_bytes(), "the chunked body");
    assert!(sent.head.is_chunked());
}

#[tokio::test]
async fn nothing_is_sent_before_the_model_is_allowed() {
    let upstream = Recorder::start().await;
    let gateway = gateway(upstream.base("/v1"), |of| of.allow_models(["grok-4"])).await;
    let body = format!(r#"{{"user":"{}","model":"grok-3"}}"#, "x".repeat(100_000));
    let answer = gateway.answer(request(CHAT, &[], body.as_bytes())).await;
    answer.gateway_error(403, 2403);
    upstream.assert_untouched("the model is not allowed");
}

#[tokio::test]
async fn a_body_with_a_late_duplicate_never_arrives_completely() {
    let mut upstream = RawUpstream::start().await;
    let gateway = gateway(upstream.base("/v1"), |of| of.allow_models(["grok-4"])).await;
    let mut wire = gateway.connect().await;
    let head = format!("{CHAT} HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n");
    wire.send([head.as_bytes(), &chunk(br#"{"model":"grok-4","a":"#)].concat()).await;
    let mut provider = upstream.accept().await;
    let got = provider.read_head().await;
    assert_eq!(provider.read_chunk().await.unwrap(), br#"{"model":"grok-4","a":"#);
    wire.send([chunk(br#"1,"model":"grok-3"}"#), chunk(b"")].concat()).await;
    wire.read_message().await.gateway_error(400, 2400);
    assert!(got.is_chunked() && !provider.read_chunks().await.is_whole);
}

#[tokio::test]
async fn tokens_and_stored_keys_reach_only_their_destination() {
    let upstream = Recorder::start().await;
    let gateway = gateway(upstream.base("/v1"), |of| {
        of.token(token("sk-LEAK-token")).key("grok", secret("sk-LEAK-stored"))
    })
    .await;
    let none = gateway.answer(request(CHAT, &[], b"{}")).await;
    none.gateway_error(401, 2009);
    assert_eq!(none.head.get("www-authenticate"), Some("Bearer"));
    let lines = ["authorization: Bearer sk-LEAK-token", "cf-aig-authorization: sk-LEAK-token"];
    let wrong = gateway.answer(request(CHAT, &["authorization: Bearer sk-LEAK"], b"{}")).await;
    wrong.gateway_error(401, 2009);
    upstream.assert_untouched("nobody was let in");
    for lines in [&lines[..1], &lines[1..], &lines[..]] {
        let answer = gateway.answer(request(CHAT, lines, b"{}")).await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.text().contains("LEAK"));
        let sent = upstream.only().head;
        assert_eq!(sent.get("authorization"), Some("Bearer sk-LEAK-stored"));
        assert!(!sent.text().contains("sk-LEAK-token"), "{}", sent.text());
        upstream.clear();
    }
}

#[tokio::test]
async fn gateways_differ_on_one_connection() {
    let upstream = Recorder::start().await;
    let locked = GatewaySettings::builder().token(token("t")).build().unwrap();
    let table = SettingsTable::new().gateway("acct", "locked", locked).gateway(
        "acct",
        "open",
        GatewaySettings::default(),
    );
    let settings = Settings::new(table);
    let gateway = Setup::new(upstream.base("/v1"))
        .layer(|layer| layer.settings(settings).mount(Mount::at("/x")))
        .start()
        .await;
    let mut wire = gateway.connect().await;
    for (path, status) in [
        ("/v1/acct/open/grok/x", 200),
        ("/v1/acct/locked/grok/x", 401),
        ("/v1/acct/none/grok/x", 400),
        ("/ai/grok/x", 400),
        ("/health", 200),
    ] {
        wire.send(request(&format!("GET {path}"), &[], b"")).await;
        assert_eq!(wire.read_message().await.status(), status, "{path}");
    }
}
