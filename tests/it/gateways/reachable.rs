//! Rules on models apply wherever a request names a model.

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::gateways::scene::{NATIVE, Scene, UNIFIED, UNIVERSAL, entry, with_body};
use crate::support::memory::{Step, Steps};

fn allowing() -> Scene {
    Scene::with(|of| of.allow_models(["ok", "ok-*", "gemini-2*", "@preset/good", "good-agent"]))
}

fn denying() -> Scene {
    Scene::with(|of| of.deny_models(["no", "no-*", "grok-4*", "gemini-1*"]))
}

/// `provider/path` of a POST.
fn post(path: &str) -> String {
    format!("POST /v1/a/b/{path}")
}

/// Checks that the model is refused by an allow list and a deny list, on its own path and as a
/// universal entry.
async fn refused(path: &str, body: &Value) {
    for scene in [allowing(), denying()] {
        let answer = scene.ask(&post(path), &[], &body.to_string()).await;
        assert_eq!(answer.status, 403, "{path} {body}: {answer:?}");
        assert!(scene.sent().is_empty(), "{path} {body}");
        let (provider, endpoint) = path.split_once('/').unwrap();
        let answer = scene.ask(UNIVERSAL, &[], &entry(provider, endpoint, &json!({}), body)).await;
        assert_eq!(answer.status, 403, "universal {path} {body}: {answer:?}");
        assert!(scene.sent().is_empty(), "universal {path} {body}");
    }
}

async fn passes(path: &str, body: &Value) {
    let body = body.to_string();
    let sent = allowing().passes(&post(path), &[], &body).await;
    assert_eq!(sent.body.unwrap(), body, "{path}");
}

#[tokio::test]
async fn a_batch_is_refused_in_every_spelling_of_its_path() {
    for path in [
        "openai/v1/batches",
        "openai/v1/b%61tches",
        "openai/v1/b%2561tches",
        "openai/v1/BATCHES",
        "openai/v1//batches",
        "openai/v1/batches/",
        "openai/v1/batches;a=b",
        "openai/v1%2Fbatches",
        "mistral/v1/batch/jobs",
        "grok/v1/batches/b_1/requests",
        "google-ai-studio/v1beta/models/gemini-2:batchGenerateContent",
        "google-ai-studio/v1beta/models/gemini-2%3AbatchGenerateContent",
        "google-ai-studio/v1beta/models/gemini-2:asyncBatchEmbedContent",
    ] {
        refused(path, &json!({ "model": "ok", "input_file_id": "f" })).await;
    }
    let form = "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    allowing().passes(&post("openai/v1/files"), &headers, form).await;
}

#[tokio::test]
async fn the_requests_of_a_messages_batch_are_read_on_their_way() {
    let request =
        |model: &str| json!({ "params": { "model": model, "messages": [{ "model": "x" }] } });
    for path in ["anthropic/v1/messages/batches", "anthropic/v1//messages/batches/"] {
        passes(path, &json!({ "requests": [request("ok"), request("ok-2")] })).await;
        let body = json!({ "requests": [request("ok"), request("no")] });
        refused(path, &body).await;
        refused(path, &json!({ "requests": [{ "params": {} }] })).await;
        refused(path, &json!({ "model": "ok", "requests": [{ "params": {} }] })).await;
        refused(path, &json!({ "requests": [request("ok"), { "params": {} }] })).await;
        refused(path, &json!({ "requests": [{ "model": "ok", "params": {} }] })).await;
        refused(path, &json!({ "model": "ok", "requests": [] })).await;
        refused(path, &json!({ "model": "ok", "requests": [request("no")] })).await;
    }
    // Far larger than the buffer.
    let many: Vec<_> = (0..2000).map(|_| request("ok")).collect();
    let line = post("anthropic/v1/messages/batches");
    let send = async |body: String| {
        let scene = allowing();
        let pieces: Vec<_> = body.as_bytes().chunks(700).map(Bytes::copy_from_slice).collect();
        let frames =
            pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(http_body::Frame::data(piece)));
        let frames: Vec<_> = frames.collect();
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        let answer = scene.send(with_body(&line, &[], body)).await;
        (answer, scene.sent())
    };
    let body = json!({ "requests": many }).to_string();
    let (answer, sent) = send(body.clone()).await;
    assert_eq!((answer.status.as_u16(), sent[0].body.as_deref()), (200, Some(body.as_bytes())));
    let late = format!("{},{}]}}", body.trim_end_matches("]}"), request("no"));
    let (answer, sent) = send(late).await;
    answer.refused(403, 2403);
    assert!(sent.iter().all(|sent| sent.body.is_none()), "the provider got no whole request");
}

#[tokio::test]
async fn models_beside_the_model_count() {
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
async fn nested_models_count() {
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
async fn models_in_paths_and_queries_count() {
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
async fn an_unknown_call_names_a_model_or_goes_nowhere() {
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
async fn a_session_names_its_model_where_the_provider_takes_it() {
    let ear = |model: &str| json!({ "input": { "transcription": { "model": model } } });
    let secrets = "openai/v1/realtime/client_secrets";
    for path in [secrets, "openai/v1/realtime%2Fclient_secrets", "openai/v1/realtime/calls"] {
        for body in [
            json!({ "model": "ok" }),
            json!({ "model": "ok", "session": { "prompt": { "id": "p" } } }),
            json!({ "session": { "model": "ok", "prompt": { "id": "p" } } }),
            json!({ "session": { "model": "ok" }, "prompt": { "id": "p" } }),
            json!({ "session": { "type": "realtime", "audio": ear("ok") } }),
            json!({ "session": { "type": "transcription", "model": "ok" } }),
            json!({ "session": { "model": null } }),
            json!({ "session": { "other": { "model": "ok" } } }),
            json!({ "session": [{ "model": "ok" }] }),
            json!({ "Session": { "model": "ok" } }),
            json!({ "session": { "model": "ok" }, "Session": {} }),
        ] {
            refused(path, &body).await;
        }
    }
    for twice in [
        r#"{"session":{"model":"ok"},"session":{}}"#,
        r#"{"session":{"model":"ok","model":null}}"#,
        r#"{"session":{"model":"ok","model":"ok-2"}}"#,
        r#"{"session":{"type":"transcription","type":"realtime","audio":{}}}"#,
    ] {
        allowing().refuses(&post(secrets), &[], twice, (403, 2403)).await;
    }
    for body in [
        json!({ "session": { "type": "realtime", "model": "ok", "audio": ear("ok-2") } }),
        json!({ "session": { "model": "ok", "prompt": null } }),
        json!({ "session": { "audio": ear("ok"), "type": "transcription" } }),
    ] {
        passes(secrets, &body).await;
    }
    for path in ["openai/v1/realtime/sessions", "openai/v1/realtime/calls/c/accept"] {
        refused(path, &json!({ "input_audio_transcription": { "model": "ok" } })).await;
        refused(path, &json!({ "model": "ok", "prompt": { "id": "p" } })).await;
        refused(path, &json!({ "models": ["ok"] })).await;
        let ear = json!({ "model": "ok", "prompt": "p" });
        refused(path, &json!({ "session": ear })).await;
        passes(path, &json!({ "model": "ok", "input_audio_transcription": { "prompt": "x" } }))
            .await;
    }
    let path = "openai/v1/realtime/transcription_sessions";
    refused(path, &json!({ "model": "ok" })).await;
    passes(path, &json!({ "input_audio_transcription": { "model": "ok" } })).await;
}

#[tokio::test]
async fn a_run_names_its_model_where_the_provider_takes_it() {
    let path = "openai/v1/evals/e/runs";
    refused(path, &json!({ "model": "ok", "data_source": { "type": "completions" } })).await;
    refused(path, &json!({ "data_source": { "a": { "model": "ok" } } })).await;
    let path = "google-ai-studio/v1alpha/auth_tokens";
    refused(path, &json!({ "model": "ok" })).await;
    passes(path, &json!({ "bidiGenerateContentSetup": { "model": "models/gemini-2" } })).await;
}

#[tokio::test]
async fn keys_that_end_like_models_count() {
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

#[tokio::test]
async fn a_preset_behind_a_model_is_a_name_of_its_own() {
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
async fn every_model_of_a_path_counts() {
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
async fn what_keeps_items_and_metadata_needs_no_model() {
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

#[tokio::test]
async fn a_denied_model_is_denied_in_every_form() {
    let scene = denying();
    for model in
        ["xai/grok-4", " grok-4", "GROK-4", "x-ai/grok-4:free", "models/grok-4", "grok-4@1"]
    {
        let body = json!({ "model": model }).to_string();
        scene.refuses("POST /v1/a/b/openrouter/chat/completions", &[], &body, (403, 2403)).await;
    }
    for model in ["openrouter/auto", "@preset/x"] {
        let body = json!({ "model": model }).to_string();
        for scene in [denying(), allowing(), Scene::with(|of| of.allow_models(["*"]))] {
            scene
                .refuses("POST /v1/a/b/openrouter/chat/completions", &[], &body, (403, 2403))
                .await;
        }
    }
}

#[tokio::test]
async fn a_model_that_is_found_late_breaks_the_request_off() {
    for late in [r#"1],"models":["no"]}"#, r#"1],"tools":[{"model":"no"}]}"#] {
        for (line, model) in [(NATIVE, "ok"), (UNIFIED, "grok/ok")] {
            let scene = allowing();
            let head: &'static str = format!(r#"{{"model":"{model}","a":["#).leak();
            let frames = [Step::Data(head), Step::Data(late)];
            let answer = scene.send(with_body(line, &[], Steps::new(&frames).boxed())).await;
            answer.refused(403, 2403);
            assert!(scene.sent().iter().all(|sent| sent.body.is_none()), "{line} {late}");
        }
    }
}

#[tokio::test]
async fn nothing_is_read_without_rules() {
    let scene = Scene::with(|of| of);
    for (path, body) in [
        ("openai/v1/batches", r#"{"model":"a","models":["b"]}"#),
        ("openai/v1/anything", r#"{"a":[}"#),
        ("openai/v1/realtime?model=x", ""),
    ] {
        assert_eq!(scene.passes(&post(path), &[], body).await.body.unwrap(), body);
    }
}
