//! Secrets must not appear in log lines.

use std::fs;

use serde_json::{Value, json};
use tower_ai_gateway::log::LogHook;

use crate::log::directory::{Directory, lines};
use crate::log::scene::{CHAT, Scene};
use crate::support::message::{request, response};
use crate::support::raw_upstream::Recorder;

#[tokio::test]
async fn no_secret_reaches_the_file() {
    const SECRET: &str = "LEAK0123456789LEAK";
    let directory = Directory::new();
    let answer = format!(
        "{{\"error\":{{\"code\":\"sk-{SECRET}\",\"message\":\"Incorrect key xai-{SECRET} in \
         {{\\\"authorization\\\":\\\"{SECRET}\\\"}}\"}},\"token\":\"{SECRET}\"}}"
    );
    let cookie = format!("set-cookie: {SECRET}");
    let id = format!("x-request-id: sk-{SECRET}");
    let headers = ["content-type: application/json", &cookie, &id];
    let answer = response("401 Unauthorized", &headers, answer.as_bytes());
    let upstream = Recorder::answering(move |_| answer.clone()).await;
    let log = LogHook::builder(directory.file()).payloads(true);
    let log = log.redact(|text| *text = text.replace("internal-host", "[HOST]")).build().unwrap();
    let mut scene = Scene::new(upstream.base("/v1"), log).await;
    let headers = [
        format!("authorization: Bearer {SECRET}"),
        format!("x-api-key: {SECRET}"),
        format!("cookie: session={SECRET}"),
        format!("cf-aig-authorization: Bearer {SECRET}"),
        format!("user-agent: curl Bearer {SECRET}"),
        format!("content-type: application/json; key=gsk_{SECRET}"),
        format!(
            r#"cf-aig-metadata: {{"api_key":"{SECRET}","note":"sk-{SECRET}","sk-{SECRET}":1}}"#
        ),
    ];
    let body = format!(
        r#"{{"api_key":"{SECRET}","Client-Secret":"a\"{SECRET}","model":"sk-{SECRET}",
            "messages":[{{"content":"on internal-host, my key is xai-{SECRET}: \u0073k-{SECRET}"}}]}}"#
    );
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let line = format!("{CHAT}/sk-{SECRET}?key={SECRET}&api_key={SECRET}");
    scene.answer(request(&line, &headers, body.as_bytes())).await;
    scene.settle();
    assert!(upstream.only().head.text().contains(SECRET), "the provider does get the keys");
    let text = fs::read_to_string(directory.log()).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("internal-host"), "{text}");
    let line = &lines(directory.log())[0];
    assert_eq!(line["path"], "/v1/acct/gw/grok/v1/chat/completions/[REDACTED]");
    assert_eq!(line["provider_error"], "[REDACTED]");
    assert_eq!(
        line["metadata"],
        json!({ "api_key": "[REDACTED]", "note": "[REDACTED]", "[REDACTED]": 1 })
    );
    let sent: Value = serde_json::from_str(line["request_head"].as_str().unwrap()).unwrap();
    assert_eq!(sent["messages"][0]["content"], "on [HOST], my key is [REDACTED]: [REDACTED]");
}
