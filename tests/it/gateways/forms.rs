//! Forms are scanned for their `model` while they pass, if models are restricted.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;

use crate::gateways::scene::{Answer, Scene, with_body};
use crate::support::scripted::Call;

const KIND: (&str, &str) = ("content-type", "multipart/form-data; boundary=----b1");
const LINE: &str = "POST /v1/a/b/openai/v1/audio/transcriptions";

fn scene() -> Scene {
    Scene::with(|of| of.allow_models(["whisper-*", "gpt-image-*"]))
}

fn field(name: &str, value: &str) -> String {
    format!("------b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(size: usize) -> String {
    let data = "\r\n------b\0".repeat(size / 10);
    format!(
        "------b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n{data}\r\n"
    )
}

fn form(parts: &[String]) -> String {
    format!("{}------b1--\r\n", parts.concat())
}

async fn send(scene: &Scene, line: &str, body: &str, length: usize) -> (Answer, Vec<Call>) {
    let pieces: Vec<_> = body.as_bytes().chunks(length).map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(Frame::data(piece)));
    let body = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
    let answer = scene.send(with_body(line, &[KIND], body)).await;
    (answer, scene.sent())
}

#[tokio::test]
async fn an_allowed_model_passes_byte_for_byte() {
    let scene = scene();
    for (line, model) in [
        (LINE, "whisper-1"),
        ("POST /v1/a/b/groq/audio/translations", "whisper-large-v3"),
        ("POST /v1/a/b/openai/v1/images/edits", "gpt-image-1"),
        ("POST /v1/a/b/openai/v1/images/variations", "gpt-image-1"),
        ("POST /v1/a/b/openai/v1/videos", "gpt-image-1"),
    ] {
        for size in [0, 100, 300_000] {
            let model = field("model", model);
            for parts in [[model.clone(), file(size)], [file(size), model]] {
                let body = form(&parts);
                for length in [997, 16_384, body.len()] {
                    let (answer, sent) = send(&scene, line, &body, length).await;
                    assert_eq!(answer.status, 200, "{line} {size} {length}: {answer:?}");
                    assert!(sent[0].whole() == Some(&*body), "byte for byte");
                }
            }
        }
    }
    let ends = scene.hook.ends();
    assert!(ends.iter().all(|end| end.request_model.is_some()), "the model is reported to hooks");
}

#[tokio::test]
async fn no_provider_gets_a_complete_form_of_a_forbidden_model() {
    let scene = scene();
    for size in [0, 100, 300_000] {
        for parts in [
            vec![field("model", "gpt-4o"), file(size)],
            vec![file(size), field("model", "gpt-4o")],
            vec![file(size)],
            vec![file(size), field("model", "")],
            vec![field("model", "whisper-1"), file(size), field("model", "gpt-4o")],
            vec![field("model", "whisper-1"), file(size), field("Model", "gpt-4o")],
            vec![field("model", "whisper-1"), file(size), field("models", "gpt-4o")],
            vec![field("model", "whisper-1"), file(size), field("session", "{}")],
        ] {
            let body = form(&parts);
            for length in [997, 16_384, body.len()] {
                let (answer, sent) = send(&scene, LINE, &body, length).await;
                answer.refused(403, 2403);
                assert!(sent.iter().all(|sent| !sent.is_whole), "{parts:?}");
            }
        }
        // A form without an end, and one with data after its end.
        let model = field("model", "whisper-1");
        for body in [format!("{model}{}", file(size)), format!("{}x", form(&[model, file(size)]))] {
            let (answer, sent) = send(&scene, LINE, &body, 997).await;
            answer.refused(403, 2403);
            assert!(sent.iter().all(|sent| !sent.is_whole));
        }
    }
}

#[tokio::test]
async fn a_small_form_of_a_forbidden_model_is_not_sent() {
    let scene = scene();
    let body = form(&[file(1000), field("model", "gpt-4o")]);
    let json = scene.refuses(LINE, &[KIND], &body, (403, 2403)).await;
    assert!(json["error"]["message"].as_str().unwrap().contains("`gpt-4o`"), "{json}");
}

#[tokio::test]
async fn the_path_may_name_the_model_of_a_form() {
    let scene = scene();
    let line = |model| format!("POST /v1/a/b/acme/deployments/{model}/audio/transcriptions");
    let body = form(&[file(100)]);
    scene.passes(&line("whisper-1"), &[KIND], &body).await;
    scene.refuses(&line("gpt-4o"), &[KIND], &body, (403, 2403)).await;
    scene.passes("POST /v1/a/b/grok/v1/stt", &[KIND], &body).await;
}

#[tokio::test]
async fn a_realtime_call_as_a_form_is_refused() {
    let scene = scene();
    let model = field("model", "whisper-1");
    for parts in [vec![model.clone()], vec![field("sdp", "v=0"), model.clone()], vec![]] {
        let body = form(&parts);
        for path in ["realtime/calls", "realtime/client_secrets", "realtime/sessions"] {
            let line = format!("POST /v1/a/b/openai/v1/{path}");
            scene.refuses(&line, &[KIND], &body, (403, 2403)).await;
        }
    }
}

#[tokio::test]
async fn unified_routes_refuse_forms() {
    let scene = scene();
    let body = form(&[field("model", "openai/whisper-1")]);
    let line = "POST /v1/a/b/compat/chat/completions";
    scene.refuses(line, &[KIND], &body, (403, 2403)).await;
}
