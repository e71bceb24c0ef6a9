//! Models in paths and queries.

use super::*;

#[tokio::test]
async fn models_in_paths_and_queries_are_checked() {
    let nothing = json!({ "model": "ok" });
    for path in [
        "acme/model/no%3A0/invoke",
        "acme/model/arn%3Aaws%3Abedrock%2Fno/converse",
        "acme/publishers/google/models/gemini-1:rawPredict",
        "acme/projects/p/locations/r/endpoints/12:predict",
        "acme/tunedModels/gemini-1:generateContent",
        "acme/presets/x/chat/completions",
        "acme/run/no",
        "acme/models/no",
        "acme/openai/deployments/no/chat/completions",
        "acme/v1/realtime?model=no",
        "acme/v1/anything?deployment=n%6f",
    ] {
        let deny_alone = !path.contains("endpoints");
        let scenes = [Some(allowing()), deny_alone.then(denying)];
        for scene in scenes.into_iter().flatten() {
            scene.refuses(&post(path), &[], &nothing.to_string(), (403, 2403)).await;
        }
    }
    let scene = allowing();
    for query in ["?model=no", "?mod%65l=no", "?deployment=no", ""] {
        let line = format!("GET /v1/a/b/openai/v1/realtime{query}");
        scene.refuses(&line, &[], "", (403, 2403)).await;
    }
    for line in [
        "GET /v1/a/b/openai/v1/realtime?model=ok",
        "GET /v1/a/b/openai/v1/realtime?call_id=c",
        "GET /v1/a/b/openai/v1/chat/completions?limit=2",
        "DELETE /v1/a/b/openai/v1/models/ft:no",
        "DELETE /v1/a/b/openai/v1/batches/b",
    ] {
        scene.passes(line, &[], "").await;
    }
}

#[tokio::test]
async fn an_unknown_call_without_a_model_is_refused() {
    for scene in [allowing(), denying()] {
        for method in ["POST", "PUT", "PATCH", "RUN"] {
            let line = format!("{method} /v1/a/b/openai/v1/anything");
            for body in ["", "{}", r#"{"a":{"b":1}}"#, r#"{"model_x":"ok"}"#] {
                scene.refuses(&line, &[], body, (403, 2403)).await;
            }
            // It has no effect there.
            scene.refuses(&line, &[], r#"{"a":{"model":"ok"}}"#, (403, 2403)).await;
            for body in [r#"{"model":"ok"}"#, r#"{"modelId":"ok"}"#, r#"{"models":["ok"]}"#] {
                scene.passes(&line, &[], body).await;
            }
        }
        for line in ["GET /v1/a/b/openai/v1/anything", "DELETE /v1/a/b/openai/v1/anything"] {
            scene.passes(line, &[], "").await;
        }
    }
}

#[tokio::test]
async fn a_preset_after_a_model_is_checked_too() {
    let chat = "openrouter/chat/completions";
    let scene = || Scene::with(|of| of.allow_models(["ok*", "@preset/good*"]));
    for model in [
        "ok@preset/no",
        "ok@PRESET/no",
        "no@preset/good",
        "ok@preset/good@preset/no",
        "ok@preset/no@preset/good",
        "@preset/good@preset/no",
        "auto@preset/good",
    ] {
        let body = json!({ "model": model }).to_string();
        scene().refuses(&post(chat), &[], &body, (403, 2403)).await;
    }
    let body = json!({ "model": "ok", "preset": "good@preset/no" }).to_string();
    scene().refuses(&post(chat), &[], &body, (403, 2403)).await;
    for model in ["ok@preset/good", "ok-1", "@preset/good-1"] {
        scene().passes(&post(chat), &[], &json!({ "model": model }).to_string()).await;
    }
}

#[tokio::test]
async fn every_model_of_a_path_is_checked() {
    let body = json!({ "model": "ok" }).to_string();
    for path in [
        "acme/deployments/ok/engines/no/completions",
        "acme/engines/ok/deployments/no/completions",
        "acme/deployments/ok/%2565ngines/no/completions",
        "acme/deployments/ok/model/no/invoke",
    ] {
        for scene in [allowing(), denying()] {
            scene.refuses(&post(path), &[], &body, (403, 2403)).await;
        }
    }
    allowing().passes(&post("acme/deployments/ok/engines/ok-2/completions"), &[], &body).await;
    let get = |rest: &str| format!("GET /v1/a/b/{rest}");
    for rest in [
        "google-ai-studio/v1beta/models/no:BidiGenerateContent",
        "google-ai-studio/v1beta/models/no:bidiGenerateContent?model=ok",
        "google-ai-studio/ws/google.ai.v1beta.GenerativeService.BidiGenerateContent",
        "google-ai-studio/ws/google.ai.v1beta.GenerativeService.BidiGenerateContent?model=ok",
        "acme/openai/deployments/no/realtime",
        "acme/openai/deployments/no/realtime?model=ok",
    ] {
        for scene in [allowing(), denying()] {
            scene.refuses(&get(rest), &[], "", (403, 2403)).await;
        }
    }
    for rest in [
        "google-ai-studio/v1beta/models/gemini-2:BidiGenerateContent",
        "acme/openai/deployments/ok/realtime",
        "openai/v1/chat/completions?model=no",
        "openai/chat/completions?model=no&limit=2",
        "openai/v1/models/no",
    ] {
        allowing().passes(&get(rest), &[], "").await;
    }
}

#[tokio::test]
async fn calls_that_store_items_or_metadata_need_no_model() {
    for path in ["openai/v1/conversations/conv_1/items", "openai/conversations/c/items"] {
        passes(path, &json!({ "items": [{ "type": "message", "content": "x" }] })).await;
    }
    let path = "openai/v1/chat/completions/chatcmpl-1";
    passes(path, &json!({ "metadata": { "model": "no" } })).await;
    refused(path, &json!({ "model": "no" })).await;
    // Mistral's answer.
    for path in ["mistral/v1/conversations", "mistral/v1/conversations/c"] {
        refused(path, &json!({ "inputs": "x" })).await;
    }
}
