//! Models beside the first one, inside members, and behind keys that end like it.

use super::*;

#[tokio::test]
async fn other_members_that_name_models_are_checked() {
    let chat = "openrouter/v1/chat/completions";
    for more in [
        json!({ "models": ["ok", "no"] }),
        json!({ "models": "no" }),
        json!({ "fallbacks": ["no"] }),
        json!({ "fallbacks": [{ "model": "no" }] }),
        json!({ "fallbacks": "default" }),
        json!({ "route": "fallback" }),
        json!({ "preset": "no" }),
        json!({ "agent_id": "ag_1" }),
        json!({ "plugins": [{ "id": "fusion", "model": "no" }] }),
        json!({ "tools": [{ "type": "openrouter:advisor", "parameters": { "model": "no" } }] }),
        json!({ "tools": [{ "type": "image_generation", "model": "no" }] }),
        json!({ "tools": [{ "type": "advisor", "model": "no" }] }),
    ] {
        let mut body = json!({ "model": "ok" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        for path in
            [chat, "anthropic/v1/messages", "openai/v1/responses", "perplexity-ai/v1/responses"]
        {
            refused(path, &body).await;
        }
        let mut unified = body;
        unified["model"] = "openrouter/ok".into();
        for scene in [allowing(), denying()] {
            let answer = scene.ask(UNIFIED, &[], &unified.to_string()).await;
            assert_eq!(answer.status, 403, "{unified}: {answer:?}");
            assert!(scene.sent().is_empty());
        }
    }
    for more in [
        json!({ "models": ["ok", "ok-2"], "route": "fallback" }),
        json!({ "models": [] , "fallbacks": null }),
        json!({ "preset": "good" }),
        json!({ "metadata": { "model": "no" } }),
        json!({ "messages": [{ "role": "user", "content": "\"model\":\"no\"" }] }),
        json!({ "input": [{ "model": "no" }] }),
        json!({ "plugins": [{ "id": "web", "engine": "exa" }] }),
        json!({ "tools": [{ "function": { "parameters": { "properties": { "model": { "type": "string" } } } } }] }),
        json!({ "tools": [{ "input_schema": { "properties": { "models": { "type": "array" } } } }] }),
    ] {
        let mut body = json!({ "model": "ok" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        passes(chat, &body).await;
    }
}

#[tokio::test]
async fn nested_models_are_checked() {
    let session = |model: &str| json!({ "session": { "type": "realtime", "model": model } });
    let ear = json!({ "session": { "model": "ok", "audio": { "input": { "transcription": { "model": "no" } } } } });
    let run = |model: &str| json!({ "data_source": { "type": "completions", "model": model } });
    for (path, body) in [
        ("openai/v1/realtime/client_secrets", session("no")),
        ("openai/v1/realtime/client_secrets", ear),
        ("openai/v1/realtime/client_secrets", json!({ "expires_after": { "seconds": 60 } })),
        ("openai/v1/realtime/sessions", json!({ "model": "no" })),
        ("openai/v1/evals/e/runs", run("no")),
        ("openai/v1/evals/e/runs", json!({ "data_source": { "type": "jsonl" } })),
        (
            "openai/v1/evals",
            json!({ "testing_criteria": [{ "type": "score_model", "model": "no" }] }),
        ),
        ("openai/v1/fine_tuning/jobs", json!({ "model": "no", "training_file": "f" })),
        (
            "openai/v1/fine_tuning/jobs",
            json!({ "model": "ok", "method": { "grader": { "model": "no" } } }),
        ),
        ("openai/v1/threads/runs", json!({ "assistant_id": "a" })),
        ("openai/v1/responses", json!({ "prompt": { "id": "p" } })),
        ("google-ai-studio/v1beta/interactions", json!({ "agent": "bad-agent", "input": "x" })),
        ("google-ai-studio/v1beta/interactions", json!({ "model": "no", "input": "x" })),
        (
            "google-ai-studio/v1beta/models/gemini-2:generateContent",
            json!({ "generationConfig": { "routingConfig": { "manualMode": { "modelName": "gemini-1" } } } }),
        ),
        (
            "google-ai-studio/v1beta/models/gemini-2:batchEmbedContents",
            json!({ "requests": [{ "model": "models/gemini-1" }] }),
        ),
        ("google-ai-studio/v1beta/authTokens", json!({ "uses": 1 })),
        ("mistral/v1/agents/completions", json!({ "agent_id": "a", "messages": [] })),
    ] {
        refused(path, &body).await;
    }
    for (path, body) in [
        ("openai/v1/realtime/client_secrets", session("ok")),
        ("openai/v1/evals/e/runs", run("ok")),
        (
            "openai/v1/evals",
            json!({ "testing_criteria": [{ "type": "string_check", "input": "{{item.model}}" }] }),
        ),
        ("openai/v1/vector_stores", json!({ "name": "x" })),
        ("google-ai-studio/v1beta/interactions", json!({ "agent": "good-agent", "input": "x" })),
        (
            "google-ai-studio/v1beta/models/gemini-2:batchEmbedContents",
            json!({ "requests": [{ "model": "models/gemini-2" }] }),
        ),
        (
            "google-ai-studio/v1beta/openai/chat/completions",
            json!({ "model": "models/gemini-2.5-pro" }),
        ),
    ] {
        passes(path, &body).await;
    }
}

#[tokio::test]
async fn more_models_than_any_request_names_are_refused() {
    let path = "openrouter/v1/chat/completions";
    let body = |names| json!({ "model": "ok", "models": vec!["ok"; names] });
    passes(path, &body(1000)).await;
    for scene in [allowing(), denying()] {
        let answer = scene.ask(&post(path), &[], &body(1025).to_string()).await;
        let error = answer.refused(403, 2403);
        assert!(error["error"]["message"].as_str().unwrap().contains("too many"), "{error}");
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test]
async fn keys_that_end_like_model_are_checked() {
    for (path, more) in [
        (
            "groq/chat/completions",
            json!({ "compound_custom": { "models": { "answering_model": "no" } } }),
        ),
        ("groq/chat/completions", json!({ "compound_custom": { "answeringModel": "no" } })),
        ("openai/v1/responses", json!({ "tools": [{ "embedding_model_id": "no" }] })),
        ("openai/v1/responses", json!({ "a": { "azure_deployment": "no" } })),
        ("openai/v1/responses", json!({ "a": { "reranking_models": ["ok", "no"] } })),
        ("openai/v1/responses", json!({ "input": { "model": "no" } })),
        ("openai/v1/chat/completions", json!({ "messages": { "model": "no" } })),
        ("openai/v1/chat/completions", json!({ "contents": { "a": [{ "model": "no" }] } })),
    ] {
        let mut body = json!({ "model": "ok" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(path, &body).await;
    }
    passes(
        "groq/chat/completions",
        &json!({
            "model": "ok", "messages": [{ "answering_model": "no" }], "is_custom_model": true,
            "metadata": { "my_model": "no" }, "compound_custom": { "answering_model": "ok-1" },
        }),
    )
    .await;
}
