//! Google's own APIs: Gemini, Interactions and embeddings.

use super::*;

const METADATA: &str = r#"{"promptTokenCount":20,"candidatesTokenCount":198,"thoughtsTokenCount":405,"totalTokenCount":623}"#;

#[test]
fn gemini() {
    let part = r#""content":{"role":"model","parts":[{"text":"36"}]},"index":0"#;
    let first = format!(
        r#"{{"candidates":[{{{part}}}],"usageMetadata":{{"promptTokenCount":20,"totalTokenCount":20}},"modelVersion":"gemini-x"}}"#
    );
    let whole = format!(
        r#"{{"candidates":[{{{part},"finishReason":"STOP"}}],"usageMetadata":{METADATA},"modelVersion":"gemini-x-001"}}"#
    );
    let body = json(Shape::GenerateContent, &whole);
    let stream = sse(Shape::GenerateContent, &data(&[&first, &first, &whole]));
    for reading in [&body, &stream] {
        assert_eq!(tokens(reading), (Some(20), Some(603)));
        assert_eq!(reading.model.as_deref(), Some("gemini-x-001"));
        assert_eq!(reading.error, None);
    }
    assert_eq!(stream.terminal, Some(Terminal::FinishReason));
    assert_eq!((stream.has_content, stream.content_events), (true, 3));
    let cut = sse(Shape::GenerateContent, &data(&[&first, &first]));
    assert_eq!((tokens(&cut), cut.terminal), ((Some(20), Some(0)), None));
    for (metadata, tier) in [
        (r#""serviceTier":"PRIORITY""#, "priority"),
        (r#""serviceTier":"flex""#, "flex"),
        (r#""trafficType":"ON_DEMAND""#, "standard"),
        (r#""trafficType":"ON_DEMAND_FLEX""#, "flex"),
        (r#""trafficType":"PROVISIONED_THROUGHPUT""#, "provisioned_throughput"),
    ] {
        let body =
            whole.replace(r#""totalTokenCount""#, &format!(r#"{metadata},"totalTokenCount""#));
        let reading = json(Shape::GenerateContent, &body);
        assert_eq!(reading.service_tier.as_deref(), Some(tier));
    }
    // A created cache is not an answer.
    let cached = format!(r#"{{"name":"cachedContents/1","model":"m","usageMetadata":{METADATA}}}"#);
    assert_eq!(
        json(Shape::of(Operation::Other, "google-ai-studio", "v1beta/cachedContents"), &cached)
            .usage,
        None
    );
}

#[test]
fn lookups_of_gemini_are_counted_as_tools() {
    let event = |grounding: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}]}},"finishReason":"STOP"{grounding}}}],"usageMetadata":{METADATA}}}"#
        )
    };
    let queries = |name: &str| {
        event(&format!(
            r#","groundingMetadata":{{"searchEntryPoint":{{"renderedContent":"webSearchQueries"}},"{name}":["a","b, \"c\""],"groundingChunks":[{{"web":{{"uri":"https://maps"}}}}]}}"#
        ))
    };
    let maps =
        event(r#","groundingMetadata":{"groundingChunks":[{"web":{}},{"maps":{"uri":"u"}}]}"#);
    let none = event(r#","groundingMetadata":{}"#);
    let empty = event(r#","groundingMetadata":{"webSearchQueries":[],"groundingChunks":[]}"#);
    for (event, calls, searches) in [
        (&queries("webSearchQueries"), Some(2), Some(2)),
        (&queries("imageSearchQueries"), Some(2), Some(2)),
        // Billed, but tools have no price for it.
        (&queries("retrievalQueries"), Some(1), None),
        (&maps, Some(1), None),
        (&none, None, None),
        (&empty, None, None),
        (&event(""), None, None),
    ] {
        let body = json(Shape::GenerateContent, event);
        // Later events repeat it, or do not.
        let stream = sse(Shape::GenerateContent, &data(&[event, event, &none]));
        for reading in [body, stream] {
            assert_eq!(tokens(&reading), (Some(20), Some(603)));
            let usage = reading.usage.unwrap();
            assert_eq!((usage.tool_calls, usage.tools.web_search), (calls, searches), "{event}");
        }
    }
}

#[test]
fn gemini_content_is_text_or_a_call() {
    for (content, part) in [
        (true, r#"{"text":"x"}"#),
        (true, r#"{"text":"x","thought":true}"#),
        (true, r#"{"functionCall":{"name":"f"}}"#),
        (false, r#"{"text":""}"#),
        (false, r#"{"thoughtSignature":"x"}"#),
    ] {
        let event = format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#);
        let reading = sse(Shape::GenerateContent, &data(&[&event]));
        assert_eq!(reading.has_content, content, "{part}");
    }
}

#[test]
fn interactions() {
    let usage = r#"{"total_tokens":1373,"total_input_tokens":22,"total_output_tokens":973,"total_thought_tokens":129,"total_tool_use_tokens":249,"total_cached_tokens":0}"#;
    let whole = format!(
        r#"{{"id":"i1","status":"completed","model":"gemini-x","service_tier":"flex","usage":{usage}}}"#
    );
    let reading = json(Shape::Interactions, &whole);
    assert_eq!(tokens(&reading), (Some(271), Some(1102)));
    assert_eq!((reading.id.as_deref(), reading.is_pending), (Some("i1"), false));
    let stream = data(&[
        r#"{"event_type":"interaction.created","interaction":{"id":"i1","status":"in_progress"}}"#,
        r#"{"event_type":"step.delta","index":0,"delta":{"type":"text","text":"x"}}"#,
        &format!(r#"{{"event_type":"interaction.completed","interaction":{whole}}}"#),
    ]);
    let reading = sse(Shape::Interactions, &stream);
    assert_eq!(tokens(&reading), (Some(271), Some(1102)));
    assert_eq!(reading.terminal, Some(Terminal::Completed));
    assert_eq!((reading.id.as_deref(), reading.is_pending), (Some("i1"), false));
    let done = sse(Shape::Interactions, &format!("{stream}event: done\ndata: [DONE]\n\n"));
    assert_eq!(done, reading);
    let counted = |counts: &str| {
        let body = whole.replace(
            r#""total_tokens""#,
            &format!(r#""grounding_tool_count":{counts},"total_tokens""#),
        );
        let usage = json(Shape::Interactions, &body).usage.unwrap();
        (usage.tool_calls, usage.tools.web_search)
    };
    for (counts, expected) in [
        (r#"[{"type":"google_search","count":3}]"#, (Some(3), Some(3))),
        (
            r#"[{"count":2,"type":"google_maps"},{"type":"google_search","count":3}]"#,
            (Some(5), Some(3)),
        ),
        (r#"[{"type":"google_search","count":0}]"#, (None, None)),
        ("[]", (None, None)),
        ("null", (None, None)),
    ] {
        assert_eq!(counted(counts), expected, "{counts}");
    }
    let failed = sse(
        Shape::Interactions,
        &data(&[r#"{"event_type":"error","error":{"code":"c","message":"m"}}"#]),
    );
    assert_eq!(failed.error_code(), Some("c"));
    let failed = json(Shape::Interactions, r#"{"id":"i1","status":"failed"}"#);
    assert_eq!(failed.error, Some(ProviderError { code: None }));
}

#[test]
fn google_embeddings() {
    let body = r#"{"predictions":[{"embeddings":{"statistics":{"token_count":4}}}],"metadata":{"billableCharacterCount":15}}"#;
    let usage = json(Shape::EmbeddingsGoogle, body).usage.unwrap();
    assert_eq!((usage.characters, usage.input()), (Some(15), None));
    let body = r#"{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":4}}"#;
    assert_eq!(tokens(&json(Shape::EmbeddingsGoogle, body)), (Some(4), None));
}
