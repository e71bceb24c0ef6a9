//! Rules on models apply wherever a request names a model.

mod nested;
mod paths;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::gateways::scene::{NATIVE, Scene, UNIFIED, UNIVERSAL, entry, with_body};
use crate::support::scripted::steps::{Step, Steps};

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
    assert_eq!(sent.whole().unwrap(), body, "{path}");
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
async fn the_requests_of_a_messages_batch_are_read_while_sent() {
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
    assert_eq!((answer.status.as_u16(), sent[0].whole()), (200, Some(&*body)));
    let late = format!("{},{}]}}", body.trim_end_matches("]}"), request("no"));
    let (answer, sent) = send(late).await;
    answer.refused(403, 2403);
    assert!(sent.iter().all(|sent| !sent.is_whole), "the provider got no whole request");
}

#[tokio::test]
async fn the_model_of_a_session_is_read_where_the_provider_reads_it() {
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
async fn the_model_of_a_run_is_read_where_the_provider_reads_it() {
    let path = "openai/v1/evals/e/runs";
    refused(path, &json!({ "model": "ok", "data_source": { "type": "completions" } })).await;
    refused(path, &json!({ "data_source": { "a": { "model": "ok" } } })).await;
    let path = "google-ai-studio/v1alpha/auth_tokens";
    refused(path, &json!({ "model": "ok" })).await;
    passes(path, &json!({ "bidiGenerateContentSetup": { "model": "models/gemini-2" } })).await;
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
async fn a_forbidden_model_found_late_breaks_the_request_off() {
    for late in [r#"1],"models":["no"]}"#, r#"1],"tools":[{"model":"no"}]}"#] {
        for (line, model) in [(NATIVE, "ok"), (UNIFIED, "grok/ok")] {
            let scene = allowing();
            let head: &'static str = format!(r#"{{"model":"{model}","a":["#).leak();
            let frames = [Step::Data(head), Step::Data(late)];
            let answer = scene.send(with_body(line, &[], Steps::new(&frames).boxed())).await;
            answer.refused(403, 2403);
            assert!(scene.sent().iter().all(|sent| !sent.is_whole), "{line} {late}");
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
        assert_eq!(scene.passes(&post(path), &[], body).await.whole().unwrap(), body);
    }
}
