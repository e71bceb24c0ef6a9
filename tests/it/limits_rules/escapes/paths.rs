//! A call counts as itself however its path is spelled.

use tower_ai_gateway::settings::limits::OnUnknownPrice;

use super::*;
use crate::limits_rules::Reply;

const USED: &str = r#"{"usage":{"prompt_tokens":1000,"completion_tokens":500}}"#;
const USED_AT_GOOGLE: &str =
    r#"{"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500}}"#;
const USED_AT_OLLAMA: &str = r#"{"done":true,"prompt_eval_count":1000,"eval_count":500}"#;

fn at(path: &str) -> Sent {
    post(&format!("/v1/acct/gw/{path}"), r#"{"model":"m","max_tokens":100}"#)
}

fn tokens() -> Scene {
    Scene::new(|set| set.limit(LimitRule::tokens("tokens", 1_000_000, fixed())))
}

#[tokio::test]
async fn no_spelling_of_a_path_makes_a_call_free() {
    for (path, usage) in [
        ("google-ai-studio/v1beta/models/g:%67enerateContent", USED_AT_GOOGLE),
        ("google-ai-studio/v1beta/models%2Fg%3AgenerateConten%74", USED_AT_GOOGLE),
        ("openai/api/ch%61t", USED_AT_OLLAMA),
        ("openai/%61pi/chat", USED_AT_OLLAMA),
        ("openai/api//chat;x", USED_AT_OLLAMA),
        ("openai/v1/chat/completions/%2f", USED),
        ("openai/v1/chat/completions/;x", USED),
        ("openai/v1/chat/completions/%20", USED),
        ("openai/v1/responses/%2f", USED),
        ("openai/v1/images/generations/cancel", USED),
        ("openai/v1/new/cancel", USED),
        ("openai/v1/new", USED),
    ] {
        let scene = tokens();
        scene.replies([Reply::Json(200, usage.to_owned())]);
        assert_eq!(scene.ask(at(path)).await.0, 200, "{path}");
        assert_eq!(scene.end().used("tokens"), 1500, "{path}");
    }
}

#[tokio::test]
async fn a_spelled_path_is_sent_as_it_is() {
    let scene = tokens();
    scene.ask(at("openai/%61pi//ch%61t;x")).await;
    assert_eq!(scene.sent()[0].uri.path(), "/v1/%61pi//ch%61t;x");
}

#[tokio::test]
async fn an_unknown_call_counts_its_estimate_unless_it_reports_its_usage() {
    let (nothing, body) = (Reply::Json(200, "{}".to_owned()), r#"{"model":"m","max_tokens":100}"#);
    for (path, expected) in [
        ("openai/v1/new/call", body.len().div_ceil(4) as u64 + 100),
        ("openai/v1/vector_stores", 0),
        ("openai/v1/assistants", 0),
    ] {
        let scene = tokens();
        scene.replies([nothing.clone()]);
        assert_eq!(scene.ask(at(path)).await.0, 200, "{path}");
        assert_eq!(scene.end().used("tokens"), expected, "{path}");
    }
    let rule = LimitRule::usd("money", 1.0, fixed()).on_unknown_price(OnUnknownPrice::Refuse);
    let scene = Scene::new(|set| set.limit(rule));
    assert_eq!(scene.ask(at("openai/v1/new/call")).await.0, 429);
    assert_eq!(scene.ask(at("openai/v1/vector_stores")).await.0, 200);
    assert_eq!(scene.ask(at("openai/v1/files")).await.0, 200);
}
