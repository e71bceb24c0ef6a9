//! Shapes that differ from those of OpenAI and Anthropic, with exact figures.

use super::*;

fn data(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn tokens(reading: &Reading) -> (Option<u64>, Option<u64>) {
    let usage = reading.usage.unwrap();
    assert!(!usage.inconsistent);
    (usage.input(), usage.output())
}

const DELTA: &str =
    r#"{"object":"chat.completion.chunk","model":"m","choices":[{"delta":{"content":"hi"}}]}"#;

#[test]
fn messages_never_fall() {
    let of = |first: &str, last: &str| {
        sse(
            Shape::Messages,
            &data(&[
                &format!(r#"{{"type":"message_start","message":{{"model":"c","usage":{first}}}}}"#),
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
                &format!(r#"{{"type":"message_delta","delta":{{}},"usage":{last}}}"#),
                r#"{"type":"message_stop"}"#,
            ]),
        )
    };
    let none = r#"{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":15}"#;
    let some = r#"{"input_tokens":25,"cache_creation_input_tokens":7,"cache_read_input_tokens":100,"output_tokens":1}"#;
    assert_eq!(tokens(&of(some, r#"{"output_tokens":15}"#)), (Some(132), Some(15)));
    assert_eq!(tokens(&of(some, none)), (Some(132), Some(15)));
    assert_eq!(tokens(&of(none, some)), (Some(132), Some(15)));
    assert_eq!(tokens(&of(some, "{}")), (Some(132), Some(1)));
    assert_eq!(tokens(&of(some, "null")), (Some(132), Some(1)));
    // Server tools read more with each step.
    let searched =
        r#"{"input_tokens":404500,"output_tokens":90,"server_tool_use":{"web_search_requests":3}}"#;
    let searched = of(some, searched);
    assert_eq!(tokens(&searched), (Some(404_607), Some(90)));
    assert_eq!(searched.usage.unwrap().tools.web_search, Some(3));
}

#[test]
fn messages_report_lifetimes_tier_region_and_speed_at_the_start() {
    let start = r#"{"type":"message_start","message":{"model":"c","usage":{"input_tokens":3,
        "cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,
        "ephemeral_1h_input_tokens":20},"output_tokens":1,"service_tier":"priority",
        "inference_geo":"us","speed":"fast"}}}"#
        .replace('\n', " ");
    let end = r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":3,"cache_creation_input_tokens":30,"output_tokens":9}}"#;
    let reading = sse(Shape::Messages, &data(&[&start, end, r#"{"type":"message_stop"}"#]));
    let usage = reading.usage.unwrap();
    assert_eq!((usage.cache_write, usage.cache_write_long), (Some(30), Some(20)));
    assert_eq!(reading.service_tier.as_deref(), Some("priority"));
    assert_eq!((reading.region.as_deref(), reading.speed.as_deref()), (Some("us"), Some("fast")));
}

#[test]
fn iterations_alone_are_the_bill() {
    // Compaction: the stream starts with the compaction's usage, and ends without it.
    let stream = data(&[
        r#"{"type":"message_start","message":{"model":"big","usage":{"input_tokens":45,"cache_read_input_tokens":55096,"output_tokens":2}}}"#,
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":900,"cache_read_input_tokens":0,"output_tokens":40,"server_tool_use":{"web_search_requests":2},"iterations":[
            {"type":"compaction","input_tokens":45,"cache_read_input_tokens":55096,"output_tokens":300},
            {"type":"message","input_tokens":900,"cache_read_input_tokens":0,"output_tokens":40},
            {"type":"advisor_message","model":"small","input_tokens":70,"output_tokens":8}]}}"#
            .replace('\n', " ")
            .as_str(),
        r#"{"type":"message_stop"}"#,
    ]);
    let reading = sse(Shape::Messages, &stream);
    assert_eq!(tokens(&reading), (Some(45 + 55096 + 900 + 70), Some(348)));
    let models: Vec<_> = reading.parts.iter().map(|part| part.model.as_deref()).collect();
    assert_eq!(models, [None, None, Some("small")]);
    let outputs: Vec<_> = reading.parts.iter().map(|part| part.usage.output()).collect();
    assert_eq!(outputs, [Some(300), Some(40), Some(8)]);
    assert_eq!(reading.usage.unwrap().tools.web_search, Some(2));
    assert_eq!(reading.parts[0].usage.tools.web_search, Some(2));
    // Fallbacks: a model that declined is not billed.
    let body = r#"{"type":"message","model":"second","content":[],"usage":{"input_tokens":12,"output_tokens":5,"iterations":[
        {"type":"message","model":"first","input_tokens":10,"output_tokens":0},
        {"type":"fallback_message","model":"second","input_tokens":12,"output_tokens":5,
         "cache_creation_input_tokens":4,"cache_creation":{"ephemeral_1h_input_tokens":4}}]}}"#;
    let reading = json(Shape::Messages, body);
    assert_eq!(tokens(&reading), (Some(16), Some(5)));
    assert_eq!(reading.usage.unwrap().cache_write_long, Some(4));
    assert_eq!(reading.parts.len(), 1);
    // Empty iterations are ignored.
    let none = r#"{"usage":{"input_tokens":12,"output_tokens":5,"iterations":[]}}"#;
    assert_eq!(tokens(&json(Shape::Messages, none)), (Some(12), Some(5)));
    let malformed =
        r#"{"usage":{"input_tokens":12,"output_tokens":5,"iterations":[1,{"type":3},[]]}}"#;
    assert_eq!(json(Shape::Messages, malformed).problem, None);
}

#[test]
fn many_iterations_are_bounded() {
    let entry = |index: u32| {
        format!(r#"{{"type":"compaction","model":"m{index}","input_tokens":2,"output_tokens":1}}"#)
    };
    let entries: Vec<_> = (0..500).map(entry).collect();
    let body = format!(r#"{{"usage":{{"iterations":[{}]}}}}"#, entries.join(","));
    let reading = read(Format::Json, Shape::Messages, body.as_bytes(), 4096);
    // An object with only iterations has no figures of its own.
    assert_eq!(reading.usage, None);
    let body = body.replacen("{\"iterations\"", "{\"output_tokens\":1,\"iterations\"", 1);
    let reading = read(Format::Json, Shape::Messages, body.as_bytes(), 4096);
    assert_eq!(tokens(&reading), (Some(1000), Some(500)));
    assert_eq!(reading.parts.len(), 64);
}

#[test]
fn groq() {
    let used = r#"{"queue_time":0.07,"prompt_tokens":23,"prompt_time":0.006,"completion_tokens":19,"total_tokens":42}"#;
    for last in [
        format!(
            r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{"id":"r","usage":{used}}}}}"#
        ),
        format!(r#"{{"choices":[],"usage":{used},"x_groq":{{"id":"r","usage":{used}}}}}"#),
        format!(r#"{{"x_groq":{{"usage":{used}}},"choices":[],"usage":null}}"#),
    ] {
        let reading = sse(Shape::Chat, &data(&[DELTA, &last, "[DONE]"]));
        assert_eq!(tokens(&reading), (Some(23), Some(19)), "{last}");
        assert_eq!((reading.terminal, reading.error), (Some(Terminal::Done), None));
    }
    let failed = r#"{"choices":[{"delta":{}}],"x_groq":{"id":"r","error":"over_capacity"}}"#;
    let reading = sse(Shape::Chat, &data(&[DELTA, failed, "[DONE]"]));
    assert_eq!(reading.error_code(), Some("over_capacity"));
    // Compound systems use several models.
    let body = r#"{"model":"compound","usage":{"prompt_tokens":30,"completion_tokens":6,"total_tokens":36},
        "usage_breakdown":{"models":[
            {"model":"a","usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}},
            {"model":"b","usage":{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24}}]}}"#;
    let reading = json(Shape::Chat, body);
    assert_eq!(tokens(&reading), (Some(30), Some(6)));
    let models: Vec<_> = reading.parts.iter().map(|part| part.model.as_deref()).collect();
    assert_eq!(models, [Some("a"), Some("b")]);
}

#[test]
fn moonshot() {
    let used = r#"{"prompt_tokens":8,"completion_tokens":3,"total_tokens":11,"cached_tokens":5}"#;
    let last = format!(
        r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop","usage":{used}}},{{"usage":{{"prompt_tokens":1}}}}]}}"#
    );
    let reading = sse(Shape::Chat, &data(&[DELTA, &last, "[DONE]"]));
    assert_eq!(tokens(&reading), (Some(8), Some(3)));
    assert_eq!(reading.usage.unwrap().cache_read, Some(5));
    let both = last.replacen('{', &format!(r#"{{"usage":{},"#, used.replace("11", "12")), 1);
    assert_eq!(sse(Shape::Chat, &data(&[&both])).usage.unwrap().total_reported, Some(12));
}

#[test]
fn openrouter() {
    let used = r#"{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.00014,"is_byok":false,
        "cost_details":{"upstream_inference_cost":null},"server_tool_use_details":{"web_search_requests":1},
        "prompt_tokens_details":{"cached_tokens":100,"cache_write_tokens":50}}"#;
    let chunk = format!(
        r#"{{"choices":[{{"delta":{{"content":""}},"finish_reason":"stop"}}],"usage":{used}}}"#
    );
    let chunk = chunk.replace('\n', " ");
    let stream = format!(": OPENROUTER PROCESSING\n\n{}", data(&[DELTA, &chunk, "[DONE]"]));
    for reading in [sse(Shape::Chat, &stream), json(Shape::Chat, &chunk)] {
        let usage = reading.usage.unwrap();
        assert_eq!((usage.input_uncached, usage.cache_read), (Some(44), Some(100)));
        assert_eq!((usage.cache_write, usage.cost_ticks), (Some(50), Some(1_400_000)));
        assert_eq!(usage.tools.web_search, Some(1));
    }
    let failed = r#"{"id":"c1","error":{"code":502,"message":"m","metadata":{"error_type":"provider_unavailable"}},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#;
    let reading = sse(Shape::Chat, &data(&[DELTA, failed, "[DONE]"]));
    assert_eq!(reading.error_code(), Some("502"));
    assert_eq!(reading.terminal, Some(Terminal::Done));
    let unsaid = failed.replace("\"error\":{", "\"x\":{");
    let error = sse(Shape::Chat, &data(&[DELTA, &unsaid, "[DONE]"])).error;
    assert_eq!(error, Some(ProviderError { code: None }));
    assert_eq!(json(Shape::Chat, failed).error_code(), Some("502"));
    let responses = r#"{"type":"response.failed","error_type":"provider_unavailable","response":{"status":"failed"}}"#;
    let reading = sse(Shape::Responses, &data(&[responses]));
    assert_eq!(reading.error_code(), Some("provider_unavailable"));
}

#[test]
fn perplexity() {
    let chunk = |completion: u64, cost: &str, kind: &str| {
        format!(
            r#"{{"object":"{kind}","model":"sonar","choices":[{{"delta":{{"content":"x"}}}}],"usage":{{"prompt_tokens":5,"completion_tokens":{completion},"total_tokens":{},"cost":{cost}}}}}"#,
            completion + 5
        )
    };
    let skeleton = r#"{"input_tokens_cost":0.0,"output_tokens_cost":0.0,"total_cost":0.0}"#;
    let cost = r#"{"input_tokens_cost":0.0,"request_cost":0.006,"total_cost":0.006}"#;
    let last = chunk(9, cost, "chat.completion.done");
    let events = [
        chunk(1, skeleton, "chat.completion.chunk"),
        chunk(4, skeleton, "chat.completion.chunk"),
        last,
    ];
    let events: Vec<_> = events.iter().map(String::as_str).collect();
    let reading = sse(Shape::ChatPerplexity, &data(&events));
    assert_eq!(tokens(&reading), (Some(5), Some(9)));
    assert_eq!(reading.usage.unwrap().cost_ticks, Some(60_000_000));
    assert_eq!(reading.terminal, Some(Terminal::Done));
    // Cut before its end, it has no cost, instead of a cost of zero.
    let cut = sse(Shape::ChatPerplexity, &data(&events[..2]));
    assert_eq!((cut.usage.unwrap().cost_ticks, cut.terminal), (None, None));
    let later = r#"{"id":"a","status":"COMPLETED","response":{"model":"sonar-deep-research","usage":{
        "prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"reasoning_tokens":70}}}"#;
    let reading = json(Shape::AsyncPerplexity, later);
    assert_eq!(tokens(&reading), (Some(1), Some(72)));
    assert_eq!(reading.model.as_deref(), Some("sonar-deep-research"));
    let asked = json(Shape::AsyncPerplexity, r#"{"id":"a","status":"CREATED","response":null}"#);
    assert!(asked.is_pending && asked.usage.is_none());
}

#[test]
fn cumulative_usage_in_every_chunk() {
    // vLLM with `continuous_usage_stats`, Workers AI, Fireworks, Gemini's OpenAI form.
    let chunk = |tokens: u64| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"x"}}}}],"usage":{{"prompt_tokens":20,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
            tokens + 20
        )
    };
    let events = [chunk(0), chunk(1), chunk(2), chunk(0)];
    let events: Vec<_> = events.iter().map(String::as_str).chain(["[DONE]"]).collect();
    for shape in [Shape::Chat, Shape::WorkersAi, Shape::ChatGoogle] {
        assert_eq!(sse(shape, &data(&events)).usage.unwrap().output(), Some(2), "{shape:?}");
    }
}

#[test]
fn workers_ai() {
    let body = r#"{"result":{"response":"hi","usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}},"success":true,"errors":[]}"#;
    assert_eq!(tokens(&json(Shape::WorkersAi, body)), (Some(4), Some(1)));
    // In other shapes, a result is something stored.
    assert_eq!(json(Shape::Other, body).usage, None);
    let stream = data(&[
        r#"{"response":"h"}"#,
        r#"{"response":"i","usage":{"prompt_tokens":4,"completion_tokens":1}}"#,
        r#"{"response":"","usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
        "[DONE]",
    ]);
    let reading = sse(Shape::WorkersAi, &stream);
    assert_eq!(tokens(&reading), (Some(4), Some(2)));
    assert_eq!((reading.has_content, reading.terminal), (true, Some(Terminal::Done)));
}

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
    assert_eq!((tokens(&cut), cut.terminal), ((Some(20), None), None));
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
fn gemini_errors() {
    let blocked = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#;
    let stream = sse(Shape::GenerateContent, &data(&[blocked]));
    for reading in [&json(Shape::GenerateContent, blocked), &stream] {
        assert_eq!(reading.error_code(), Some("PROHIBITED_CONTENT"));
        assert_eq!(tokens(reading), (Some(9), None));
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
fn tools_of_responses_are_billed_beside_the_usage() {
    let body = r#"{"object":"response","status":"completed","model":"m","output":[],
        "tool_usage":{"image_gen":{"input_tokens":50,"output_tokens":1056,"total_tokens":1106},"web_search":{"num_requests":2}},
        "usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}"#;
    let stream = data(&[&format!(
        r#"{{"type":"response.completed","response":{}}}"#,
        body.replace('\n', " ")
    )]);
    for reading in [json(Shape::Responses, body), sse(Shape::Responses, &stream)] {
        assert_eq!(tokens(&reading), (Some(60), Some(1061)));
        assert_eq!(reading.usage.unwrap().tools.web_search, Some(2));
        let models: Vec<_> = reading.parts.iter().map(|part| part.model.as_deref()).collect();
        assert_eq!(models, [None, Some("image_generation")]);
        assert_eq!(reading.parts[0].usage.tools.web_search, Some(2));
    }
    let none = body.replace("50,", "0,").replace("1056", "0");
    let reading = json(Shape::Responses, &none);
    assert_eq!((tokens(&reading), reading.parts), ((Some(10), Some(5)), vec![]));
}

#[test]
fn compaction_and_the_events_of_realtime() {
    let body = r#"{"id":"resp_1","object":"response.compaction","created_at":1,"output":[],
        "usage":{"input_tokens":192000,"input_tokens_details":{"cached_tokens":0},"output_tokens":438,
        "output_tokens_details":{"reasoning_tokens":64},"total_tokens":192438}}"#;
    assert_eq!(tokens(&json(Operation::Compact, body)), (Some(192_000), Some(438)));
    let done = |status: &str| {
        let event = format!(
            r#"{{"type":"response.done","response":{{"object":"realtime.response","status":"{status}",
            "status_details":{{"type":"{status}","error":{{"type":"t","code":"rate_limit"}}}},
            "usage":{{"total_tokens":253,"input_tokens":132,"output_tokens":121,
            "input_token_details":{{"text_tokens":119,"audio_tokens":13,"cached_tokens":64,"cached_tokens_details":{{"audio_tokens":3}}}},
            "output_token_details":{{"text_tokens":30,"audio_tokens":91}}}}}}}}"#
        );
        sse(Shape::Responses, &data(&[&event.replace('\n', " ")]))
    };
    let reading = done("completed");
    let usage = reading.usage.unwrap();
    assert_eq!((tokens(&reading), usage.cache_read), ((Some(132), Some(121)), Some(64)));
    assert_eq!((usage.audio_input, usage.audio_output), (Some(10), Some(91)));
    assert_eq!((reading.terminal, reading.error), (Some(Terminal::Completed), None));
    assert_eq!(done("failed").error_code(), Some("rate_limit"));
}

#[test]
fn a_tier_that_is_yet_to_be_chosen_is_none() {
    let event = |kind: &str, tier: &str| {
        format!(
            r#"{{"type":"{kind}","response":{{"service_tier":"{tier}","usage":{{"input_tokens":1}}}}}}"#
        )
    };
    let created = event("response.created", "auto");
    assert_eq!(sse(Shape::Responses, &data(&[&created])).service_tier, None);
    let completed = event("response.completed", "default");
    let reading = sse(Shape::Responses, &data(&[&created, &completed]));
    assert_eq!(reading.service_tier.as_deref(), Some("default"));
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
