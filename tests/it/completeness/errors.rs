//! A response that is an error, by its body or an event, is reported as one.

use super::*;

#[tokio::test]
async fn an_error_is_reported_with_any_status() {
    let mut scene = Scene::new().await;
    for (status, body, code) in [
        (
            "200 OK",
            r#"{"code":"unavailable","error":"Timed out waiting for first token"}"#,
            Some("unavailable"),
        ),
        ("200 OK", r#"{"error":{"message":"m","type":"t","code":"c"}}"#, Some("c")),
        (
            "400 Bad Request",
            r#"{"code":"invalid-argument","error":"Incorrect API key"}"#,
            Some("invalid-argument"),
        ),
        (
            "529 Overloaded",
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            Some("overloaded_error"),
        ),
        ("400 Bad Request", r#"{"error":"speed must be between 0.7 and 1.5"}"#, None),
    ] {
        let (message, end) = scene.exchange(&post(CHAT, CHAT_REQUEST), &json(status, body)).await;
        assert_eq!(message.body(), body.as_bytes());
        assert_eq!(message.status().to_string(), status[..3]);
        let error = end.provider_error.unwrap_or_else(|| panic!("{body}"));
        assert_eq!(error.code.as_deref(), code, "{body}");
        assert_eq!((end.outcome, end.usage, end.cost), (Outcome::Complete, None, None));
        assert!(end.stream_requested && !end.stream);
    }
    let (_, end) = scene
        .exchange(&post(CHAT, b"{}"), &json("200 OK", r#"{"model":"m","choices":[],"error":null}"#))
        .await;
    assert_eq!(end.provider_error, None);
}

#[tokio::test]
async fn an_error_within_a_stream_is_reported() {
    let mut scene = Scene::new().await;
    for (path, event, code, outcome) in [
        (CHAT, r#"data: {"code":"unavailable","error":"gone"}"#, "unavailable", Outcome::Broken),
        (
            MESSAGES,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
            "overloaded_error",
            Outcome::Broken,
        ),
        (
            RESPONSES,
            r#"data: {"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
            "server_error",
            Outcome::Complete,
        ),
    ] {
        for size in [1, 500] {
            let body = format!("{}{event}\n\n", chat_event(r#"{"content":"a"}"#));
            let end = scene.stream(path, &body, size).await;
            assert_eq!(end.status.unwrap().as_u16(), 200);
            assert_eq!(end.provider_error.unwrap().code.as_deref(), Some(code));
            assert_eq!(end.outcome, outcome, "{path}");
        }
    }
}
