//! Allowed providers and models of a gateway, on all kinds of paths.

use serde_json::json;

use crate::gateways::scene::{NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry};

fn asks(model: &str) -> String {
    format!(r#"{{"messages":[{{"model":"x"}}], "model" : "{model}" ,"n":1.50}}"#)
}

fn chat(provider: &str, model: &str) -> String {
    entry(provider, "v1/chat/completions", &json!({}), &json!({ "model": model }))
}

#[tokio::test]
async fn only_allowed_providers_are_reached() {
    let scene = Scene::with(|of| of.allow_providers(["xai", "acme"]));
    for line in ["POST /v1/a/b/grok/x", "GET /v1/a/b/xai/v1/models", "POST /ai/custom-acme/x"] {
        scene.passes(line, &[], "").await;
    }
    for model in ["grok/m", "xai/m", "custom-acme/m", "acme/m"] {
        scene.passes(UNIFIED, &[], &asks(model)).await;
        scene.passes(REST, &[], &asks(model)).await;
        scene.passes(UNIVERSAL, &[], &chat("compat", model)).await;
    }
    let forbidden = (403, 2403);
    for line in ["POST /v1/a/b/openai/x", "GET /ai/anthropic/v1/models", "DELETE /ai/groq/x"] {
        let json = scene.refuses(line, &[], "", forbidden).await;
        assert_eq!(json["error"]["code"], "not_allowed", "{line}");
    }
    for line in [UNIFIED, REST] {
        let json = scene.refuses(line, &[], &asks("openai/m"), forbidden).await;
        assert!(json["error"]["message"].as_str().unwrap().contains("`openai`"), "{json}");
    }
    for (provider, model) in [("openai", "m"), ("compat", "openai/m")] {
        scene.refuses(UNIVERSAL, &[], &chat(provider, model), forbidden).await;
    }
    let first = chat("grok", "m");
    let both = format!("{},{}", first.trim_end_matches(']'), &chat("openai", "m")[1..]);
    scene.refuses(UNIVERSAL, &[], &both, forbidden).await;
    let line = "POST /v1/a/b/anthropic/v1/messages";
    let json = scene.refuses(line, &[], "{}", forbidden).await;
    assert_eq!(
        (&json["type"], &json["error"]["type"]),
        (&json!("error"), &json!("permission_error"))
    );
}

#[tokio::test]
async fn only_allowed_models_are_reached() {
    let scene = Scene::with(|of| of.allow_models(["grok-4*", "meta/*"]).deny_models(["*-fast"]));
    for model in ["grok-4", "grok-4.3", "meta/llama", "grok-4/x"] {
        let body = asks(model);
        let sent = scene.passes(NATIVE, &[], &body).await;
        assert_eq!(sent.whole().unwrap(), body, "byte for byte");
        let body = asks(&format!("grok/{model}"));
        for line in [UNIFIED, REST] {
            let sent = scene.passes(line, &[], &body).await;
            assert_eq!(sent.whole().unwrap(), asks(model), "{line}");
        }
        scene.passes(UNIVERSAL, &[], &chat("grok", model)).await;
        scene.passes(UNIVERSAL, &[], &chat("compat", &format!("xai/{model}"))).await;
    }
    for model in
        ["grok-3", "grok-4-fast", "Grok-4", "xgrok-4", "meta", "", " grok-4", "grok\\u002d3"]
    {
        let line = NATIVE;
        let json = scene.refuses(line, &[], &asks(model), (403, 2403)).await;
        assert_eq!(
            (&json["error"]["code"], &json["error"]["param"]),
            (&json!("not_allowed"), &json!("model"))
        );
        if !model.is_empty() {
            for line in [UNIFIED, REST] {
                let json =
                    scene.refuses(line, &[], &asks(&format!("grok/{model}")), (403, 2403)).await;
                assert_eq!(json["error"]["param"], "model");
            }
        }
        scene.refuses(UNIVERSAL, &[], &chat("grok", model), (403, 2403)).await;
    }
    for spelling in ["grok\\u002d4", "\\u0067rok-4"] {
        scene.passes(NATIVE, &[], &asks(spelling)).await;
    }
}

#[tokio::test]
async fn denied_models_leave_all_others_allowed() {
    let scene = Scene::with(|of| of.deny_models(["grok-3*"]));
    scene.passes(NATIVE, &[], &asks("anything")).await;
    scene.refuses(NATIVE, &[], &asks("grok-3-mini"), (403, 2403)).await;
    scene.refuses(NATIVE, &[], "{}", (403, 2403)).await;
    let none = Scene::with(|of| of.allow_models([""; 0]));
    none.refuses(NATIVE, &[], &asks("m"), (403, 2403)).await;
}

#[tokio::test]
async fn the_model_of_a_peeked_request_is_reported_to_hooks() {
    let scene = Scene::with(|of| of.allow_models(["grok-4"]));
    scene.passes(NATIVE, &[], &asks("grok-4")).await;
    scene.refuses(NATIVE, &[], &asks("grok-3"), (403, 2403)).await;
    let ends = scene.hook.ends();
    assert_eq!(ends[0].request_model.as_deref(), Some("grok-4"));
    assert_eq!(ends[1].request_model.as_deref(), Some("grok-3"));
    assert_eq!(ends[1].gateway_code, Some(2403));
}

#[tokio::test]
async fn a_model_in_the_path_is_checked_like_one_in_the_body() {
    let scene = Scene::with(|of| of.allow_models(["gemini-2*"]));
    let google = |path: &str| format!("POST /v1/a/b/google-ai-studio/{path}");
    let body = r#"{"contents":[]}"#;
    for path in [
        "v1beta/models/gemini-2.5-pro:generateContent",
        "v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    ] {
        let sent = scene.passes(&google(path), &[], body).await;
        assert_eq!(sent.whole().unwrap(), body);
    }
    for path in [
        "v1beta/models/gemini-1:generateContent",
        "v1beta/models/gemini-1%3AgenerateContent",
        "v1beta//models//gemini-1:streamGenerateContent?alt=sse",
        "v1beta/%6dodels/gemini-1:generateContent",
        "v1beta/tunedModels/gemini-1:generateContent",
    ] {
        scene.refuses(&google(path), &[], body, (403, 2403)).await;
        let path = path.split('?').next().unwrap();
        let body = entry("google-ai-studio", path, &json!({}), &json!({ "contents": [] }));
        scene.refuses(UNIVERSAL, &[], &body, (403, 2403)).await;
    }
    let line = "POST /v1/a/b/acme/deployments/gpt-5/chat/completions";
    scene.refuses(line, &[], "{}", (403, 2403)).await;
    scene.passes("GET /v1/a/b/google-ai-studio/v1beta/models/gemini-1", &[], "").await;
}
