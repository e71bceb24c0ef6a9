//! Special cases of some providers, with exact figures.

use super::*;

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
    assert_eq!(json(Shape::WorkersAi, body).error, None);
    let failed =
        r#"{"result":null,"success":false,"errors":[{"code":5007,"message":"no"}],"messages":[]}"#;
    assert_eq!(json(Shape::WorkersAi, failed).error_code(), Some("5007"));
    // In other shapes, `result` is a stored object.
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
fn a_tier_that_is_not_chosen_yet_is_none() {
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
fn an_empty_name_is_no_model() {
    const USAGE: &str = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
    let body = format!(r#"{{"model":"","service_tier":"","choices":[],{USAGE}}}"#);
    let reading = json(Shape::Chat, &body);
    assert_eq!((reading.model, reading.service_tier), (None, None));
    let [first, last] = [
        r#"{"choices":[],"model":"","prompt_filter_results":[]}"#.to_owned(),
        format!(r#"{{"choices":[],"model":"",{USAGE}}}"#),
    ];
    let reading = sse(Shape::Chat, &data(&[&first, DELTA, &last, "[DONE]"]));
    assert_eq!(reading.model.as_deref(), Some("m"));
    assert_eq!(sse(Shape::Chat, &data(&[&first, "[DONE]"])).model, None);
    // While the body is still on its way, too.
    let mut meter = Meter::new(Format::Json, Shape::Chat, Meter::LIMIT);
    meter.push(br#"{"model":"","#);
    assert_eq!(meter.model_so_far(), None);
}
