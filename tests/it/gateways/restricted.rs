//! Attempts to bypass a gateway's allowed models, none of which succeeds.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use tower::BoxError;

use crate::gateways::scene::{NATIVE, REST, Scene, UNIFIED, UNIVERSAL, entry, with_body};
use crate::support::scripted::steps::{Step, Steps};

const ALLOWED: &str = r#"{"model":"ok"}"#;

type Headers<'a> = &'a [(&'a str, &'a str)];

fn scene() -> Scene {
    Scene::with(|of| of.allow_models(["ok"]))
}

/// Checks that no provider got a complete body.
#[track_caller]
fn none_is_whole(scene: &Scene, what: &str) {
    let sent = scene.sent();
    assert!(sent.iter().all(|sent| !sent.is_whole), "{what}: {sent:?}");
}

#[tokio::test]
async fn ambiguous_bodies_are_refused() {
    let scene = scene();
    for body in [
        r#"{"model":"ok","model":"no"}"#,
        r#"{"model":"ok","mod\u0065l":"no"}"#,
        r#"{"model":"no","model":"ok"}"#,
        r#"{"model":"ok","Model":"no"}"#,
        r#"{"MODEL":"no","model":"ok"}"#,
        r#"{"model":"ok","\u004dodel":"no"}"#,
        r#"{"Model":"no"}"#,
        r#"{"model":"ok"}{"model":"no"}"#,
        r#"{"model":"ok"} trailing"#,
        r#"{"model":"ok""#,
        r#"{"model":["no"]}"#,
        r#"{"model":null}"#,
        r#"{"model":"no\ud800"}"#,
        r#"{"model":"no"}"#,
        r#"{"messages":[]}"#,
        r#"[{"model":"no"}]"#,
        "model=no",
        "\u{feff}{\"model\":\"no\"}",
        "{\0\"\0m\0",
        "no",
    ] {
        for line in [NATIVE, UNIFIED, REST] {
            let body =
                if line == NATIVE { body.to_owned() } else { body.replace(r#":""#, r#":"grok/"#) };
            let answer = scene.ask(line, &[], &body).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403), "{line} {body}: {answer:?}");
            none_is_whole(&scene, &body);
            // In pieces, the mistake is found late.
            let pieces: Vec<_> = body.bytes().map(|byte| Bytes::from(vec![byte])).collect();
            let frames = pieces.into_iter().map(|piece| Ok::<_, BoxError>(Frame::data(piece)));
            let pieces = StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()));
            let answer = scene.send(with_body(line, &[], pieces)).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403), "{line} {body}: {answer:?}");
            none_is_whole(&scene, &body);
        }
    }
    for query in [r#"{"model":"ok","Model":"no"}"#, r#"{"model":"ok","model":"no"}"#] {
        let body = format!(r#"[{{"provider":"grok","endpoint":"x","query":{query}}}]"#);
        let answer = scene.ask(UNIVERSAL, &[], &body).await;
        assert_eq!(answer.status, 400, "{body}");
        none_is_whole(&scene, &body);
    }
}

#[tokio::test]
async fn an_invalid_model_gets_the_error_of_its_path() {
    let scene = scene();
    let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(2000));
    for body in [r#"{"model":["ok"]}"#, r#"{"model":null}"#, &long] {
        let json = scene.refuses(NATIVE, &[], body, (403, 2403)).await;
        assert!(!json.to_string().contains("names the provider"), "{json}");
        scene.refuses(UNIFIED, &[], body, (400, 2008)).await;
    }
}

#[tokio::test]
async fn a_late_duplicate_breaks_the_request_off() {
    let scene = scene();
    let frames = [r#"{"model":"ok","a":["#, r#"1],"model":"no"}"#].map(Step::Data);
    let answer = scene.send(with_body(NATIVE, &[], Steps::new(&frames))).await;
    answer.refused(400, 2400);
    let sent = scene.sent();
    assert_eq!((sent.len(), sent[0].is_whole), (1, false), "the provider got a part of it");
}

#[tokio::test]
async fn forms_and_compressed_bodies_are_refused_in_any_disguise() {
    let scene = scene();
    // JSON to one reader, and a form that names another model to the next.
    let form = r#"{"model":"ok","a":"&model=no&"}"#;
    let parts = "{\"model\":\"ok\",\"a\":\"\r\n--x\r\ncontent-disposition: form-data; name=model\r\n\r\nno\r\n--x--\"}";
    let multipart = "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nno\r\n--x--\r\n";
    let kinds: [(Headers<'_>, &str); 8] = [
        (&[("content-type", "application/x-www-form-urlencoded")], form),
        (&[("content-type", "multipart/form-data; boundary=x")], parts),
        (&[("content-type", "multipart/form-data; boundary=x")], multipart),
        (
            &[
                ("content-type", "application/json"),
                ("content-type", "multipart/mixed; boundary=x"),
            ],
            parts,
        ),
        (&[("content-encoding", "gzip")], ALLOWED),
        (&[("content-encoding", "identity"), ("content-encoding", "br")], ALLOWED),
        (&[("content-encoding", "identity, br")], ALLOWED),
        (&[("content-encoding", "gzip")], "\x1f\u{8b}"),
    ];
    for (headers, body) in kinds {
        for line in [
            NATIVE,
            "POST /v1/a/b/openai/v1/audio/transcriptions",
            "POST /v1/a/b/openai/v1/images/edits",
            "POST /v1/a/b/openai/v1/anything",
            "PUT /v1/a/b/openai/v1/chat%2Fcompletions",
            "PATCH /v1/a/b/openai/x",
            "GET /v1/a/b/openai/v1/responses",
        ] {
            let answer = scene.ask(line, headers, body).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403), "{line} {headers:?}: {answer:?}");
            assert!(scene.sent().is_empty(), "{line} {headers:?}");
        }
        let body = body.replace(r#""ok""#, r#""grok/ok""#);
        let answer = scene.ask(UNIFIED, headers, &body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403), "{headers:?}: {answer:?}");
        assert!(scene.sent().is_empty());
    }
    for headers in [
        json!({"content-type":"multipart/form-data; boundary=x"}),
        json!({"content-encoding":"br"}),
    ] {
        let body = entry("grok", "v1/chat/completions", &headers, &json!({"model":"ok"}));
        let answer = scene.ask(UNIVERSAL, &[], &body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 403), "{headers}: {answer:?}");
        assert!(scene.sent().is_empty());
    }
}

#[tokio::test]
async fn a_wrong_content_type_does_not_hide_a_model() {
    let scene = scene();
    for kind in ["text/plain", "application/octet-stream", "application/vnd.x+json", "text/json"] {
        let headers = [("content-type", kind)];
        scene.refuses(NATIVE, &headers, r#"{"model":"no"}"#, (403, 2403)).await;
        assert_eq!(scene.passes(NATIVE, &headers, ALLOWED).await.whole().unwrap(), ALLOWED);
    }
}

#[tokio::test]
async fn batches_with_unreadable_models_are_refused() {
    let scene = scene();
    let inside = r#"{"requests":[{"params":{"model":"no"}}]}"#;
    for (line, body) in [
        ("POST /v1/a/b/anthropic/v1/messages/batches", inside),
        ("POST /v1/a/b/grok/v1/batches/b_1/requests", inside),
        ("POST /v1/a/b/openai/v1/batches", r#"{"input_file_id":"f"}"#),
    ] {
        scene.refuses(line, &[], body, (403, 2403)).await;
    }
    scene.passes("POST /v1/a/b/openai/v1/batches/b_1/cancel", &[], "").await;
    scene.passes("GET /v1/a/b/openai/v1/batches", &[], "").await;
}

#[tokio::test]
async fn calls_without_a_model_pass_byte_for_byte() {
    let scene = scene();
    let multipart =
        "--x\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n\0\u{1}\r\n--x--\r\n";
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let lines: [(&str, Headers<'_>, &str); 9] = [
        ("GET /v1/a/b/grok/v1/models", &[], ""),
        ("GET /v1/a/b/grok/v1/models", &form, ""),
        ("DELETE /v1/a/b/grok/v1/responses/r", &[], ""),
        ("POST /v1/a/b/grok/v1/chat/completions", &[], ""),
        ("POST /v1/a/b/openai/v1/files", &form, multipart),
        ("POST /v1/a/b/grok/v1/stt", &form, multipart),
        ("POST /v1/a/b/openai/v1/uploads/u/parts", &form, multipart),
        ("POST /v1/a/b/openai/v1/moderations", &[], r#"{ "input" : "x" }"#),
        ("POST /v1/a/b/openai/v1/anything", &[], r#"{"models":["ok"],"a":{"model":"ok"}}"#),
    ];
    for (line, headers, body) in lines {
        let sent = scene.passes(line, headers, body).await;
        assert_eq!(sent.whole().unwrap(), body, "{line}");
    }
}

#[tokio::test]
async fn no_more_is_held_than_the_limit() {
    let scene = scene();
    let before = format!(r#"{{"a":"{}","model":"ok"}}"#, "x".repeat(5000));
    for line in [NATIVE, UNIFIED] {
        let json = scene.refuses(line, &[], &before.replace("ok", "grok/ok"), (413, 2413)).await;
        let message = json["error"]["message"].as_str().unwrap();
        assert_eq!(message.contains("own path"), line == UNIFIED, "{message}");
    }
    let none = format!(r#"{{"a":"{}"}}"#, "x".repeat(5000));
    scene.refuses("POST /v1/a/b/openai/v1/anything", &[], &none, (413, 2413)).await;
    let behind = format!(r#"{{"model":"ok","a":"{}"}}"#, "x".repeat(50_000));
    assert_eq!(scene.passes(NATIVE, &[], &behind).await.whole().unwrap(), behind);
}

#[tokio::test]
async fn a_body_is_not_polled_after_its_end() {
    /// Fails if it is polled again after its end.
    fn once(data: &'static str) -> impl http_body::Body<Data = Bytes, Error = BoxError> + Send {
        let unfold = futures_util::stream::unfold(Some(data), |data| async move {
            let frame = Ok(Frame::data(Bytes::from_static(data?.as_bytes())));
            Some((frame, None))
        });
        StreamBody::new(Box::pin(unfold))
    }
    let scene = scene();
    for data in [r#"{"input":"x"}"#, ALLOWED] {
        let line = "POST /v1/a/b/openai/v1/moderations";
        let answer = scene.send(with_body(line, &[], once(data))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(scene.sent()[0].whole(), Some(data));
    }
}
