//! Errors in the bodies of answers with a success status.

use super::*;

#[test]
fn errors_inside_of_a_200() {
    for (body, code) in [
        (r#"{"code":"unavailable","error":"Timed out"}"#, Some("unavailable")),
        (r#"{"error":"speed must be less"}"#, None),
        (r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#, Some("t")),
        (r#"{"error":{"code":"c","message":"m","type":"t"}}"#, Some("c")),
        (r#"{"code":429,"error":"m"}"#, Some("429")),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            Some("overloaded_error"),
        ),
        (r#"{"type":"error","code":"caf\u00e9","message":"m"}"#, Some("café")),
    ] {
        let whole = json(Operation::Chat, body);
        assert!(whole.error.is_some(), "{body}");
        assert_eq!(whole.error_code(), code, "{body}");
        let content = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
        let event = sse(Operation::Chat, &format!("{content}data: {body}\n\n{content}"));
        assert_eq!(event.error, whole.error, "{body}");
        assert_eq!(event.terminal, None);
    }
    // Regardless of other members.
    for body in [
        r#"{"error":"x","choices":[]}"#,
        r#"{"error":{"message":null},"output":[]}"#,
        r#"{"error":"x","content":[]}"#,
        r#"{"error":"x","data":[]}"#,
    ] {
        let error = Some(ProviderError { code: None });
        assert_eq!(json(Operation::Chat, body).error, error, "{body}");
    }
    for body in [
        r#"{"error":null}"#,
        r#"{"error":"","choices":[]}"#,
        r#"{"error":false,"choices":[]}"#,
        r#"{"error":{},"choices":[]}"#,
        r#"{"error": { } ,"choices":[]}"#,
        r#"{"choices":[{"error":{},"delta":{"content":"x"}}]}"#,
        r#"{"response":{"status":"completed","error":{}}}"#,
        r#"{"nested":{"error":"x"}}"#,
    ] {
        assert_eq!(json(Operation::Chat, body).error, None, "{body}");
        assert_eq!(sse(Operation::Chat, &data(&[body])).error, None, "{body}");
    }
    // An empty one excuses no other.
    let both = r#"{"choices":[{"error":{"code":"c"}},{"error":{}}],"error":{}}"#;
    assert_eq!(json(Operation::Chat, both).error_code(), Some("c"));
    let named = sse(Operation::Messages, "event: error\ndata: {\"code\":\"c\"}\n\n");
    assert_eq!(named.error_code(), Some("c"));
    let text = sse(Operation::Messages, "event: error\ndata: overloaded\n\n");
    assert_eq!(text.error, Some(ProviderError { code: None }));
}

#[test]
fn a_long_code_is_cut() {
    let code = "é".repeat(100);
    let reading = json(Operation::Chat, &format!(r#"{{"error":"x","code":"{code}"}}"#));
    assert_eq!(reading.error_code(), Some(&code[..128]));
}

#[test]
fn failed_responses_in_json() {
    let failed = r#"{"id":"resp_1","object":"response","status":"failed","model":"m","output":[],"usage":null,"error":{"code":"server_error","message":"m"}}"#;
    assert_eq!(json(Shape::Responses, failed).error_code(), Some("server_error"));
    let unsaid = r#"{"object":"response","status":"failed","error":null,"output":[]}"#;
    assert!(json(Shape::Responses, unsaid).error.is_some());
    for status in ["completed", "incomplete", "queued", "in_progress", "cancelled"] {
        let body = format!(
            r#"{{"id":"resp_1","object":"response","status":"{status}","error":null,"output":[]}}"#
        );
        let reading = json(Shape::Responses, &body);
        assert_eq!(reading.error, None, "{status}");
        assert_eq!(reading.is_pending, matches!(status, "queued" | "in_progress"), "{status}");
    }
    let nested = r#"{"type":"error","sequence_number":1,"error":{"type":"server_error","code":"overloaded","message":"m"}}"#;
    let flat =
        r#"{"type":"error","sequence_number":1,"code":"overloaded","message":"m","param":null}"#;
    for event in [nested, flat] {
        let reading = sse(Shape::Responses, &data(&[event]));
        assert_eq!(reading.error_code(), Some("overloaded"));
    }
}

#[test]
fn gemini_errors() {
    let blocked = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#;
    let stream = sse(Shape::GenerateContent, &data(&[blocked]));
    for reading in [&json(Shape::GenerateContent, blocked), &stream] {
        assert_eq!(reading.error_code(), Some("PROHIBITED_CONTENT"));
        assert_eq!(tokens(reading), (Some(9), Some(0)));
    }
    assert_eq!(stream.terminal, Some(Terminal::FinishReason));
    for body in [r#"{"candidates":[]}"#, r#"{"usageMetadata":{"promptTokenCount":1}}"#] {
        let error = json(Shape::GenerateContent, body).error;
        assert_eq!(error, Some(ProviderError { code: None }), "{body}");
    }
    let failed = r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#;
    let array = format!("[{failed}]");
    for shape in [Shape::GenerateContent, Shape::ChatGoogle, Shape::Chat] {
        for body in [failed, &array, &format!("[ \n {failed} , 1]")] {
            assert_eq!(json(shape, body).error_code(), Some("503"), "{body}");
        }
        for body in [failed, &array] {
            assert_eq!(sse(shape, &data(&[body])).error_code(), Some("503"), "{body}");
        }
        // In the middle of a stream it may have no field name.
        let bare =
            "{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
        for stream in
            [bare.to_owned(), format!("{}{bare}", data(&[DELTA])), format!("[{bare}]\n\n")]
        {
            assert_eq!(sse(shape, &stream).error_code(), Some("503"), "{stream}");
        }
    }
    // In an event, other arrays are ignored.
    let list = r#"[{"usage":{"prompt_tokens":1},"model":"m"},{"usage":{"prompt_tokens":1}}]"#;
    let list = sse(Shape::Chat, &data(&[list]));
    assert_eq!((list.usage, list.model, list.error), (None, None, None));
}

#[test]
fn other_errors_in_band() {
    for (shape, event, code) in [
        (Shape::Chat, r#"{"error":{"message":"m"},"status_code":429}"#, Some("429")),
        (
            Shape::Chat,
            r#"{"error":{"message":"m","code":"queue_exceeded"},"status_code":429}"#,
            Some("queue_exceeded"),
        ),
        (
            Shape::Chat,
            r#"{"error":{"object":"error","message":"m","type":"BadRequestError","code":400}}"#,
            Some("400"),
        ),
        (Shape::Other, r#"{"object":"error","message":"m","code":40303}"#, Some("40303")),
        (
            Shape::Chat,
            r#"{"choices":[{"delta":{},"error":{"code":"c","message":"m"}}]}"#,
            Some("c"),
        ),
        (
            Shape::Other,
            r#"{"type":"conversation.response.error","code":3,"message":"m"}"#,
            Some("3"),
        ),
        (
            Shape::Messages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}"#,
            Some("overloaded_error"),
        ),
        (Shape::ChatPerplexity, r#"{"type":"error","error":{"code":7,"message":"m"}}"#, Some("7")),
    ] {
        for content in ["", &data(&[DELTA])] {
            let reading = sse(shape, &format!("{content}{}", data(&[event, "[DONE]"])));
            assert!(reading.error.is_some(), "{event}");
            assert_eq!(reading.error_code(), code, "{event}");
        }
    }
    let conversation = r#"{"type":"conversation.response.done","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let reading = sse(Shape::Other, &data(&[DELTA, conversation]));
    assert_eq!(reading.terminal, Some(Terminal::Completed));
}
