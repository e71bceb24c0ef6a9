//! Messages of Anthropic: sums over events, lifetimes and iterations.

use super::*;

#[test]
fn figures_of_messages_never_fall() {
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
fn only_iterations_are_billed() {
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
