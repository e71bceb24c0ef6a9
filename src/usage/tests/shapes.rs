//! Bodies and streams of each API, with exact figures.

use super::*;

const CHAT_USAGE: &str = r#"{"prompt_tokens":204,"completion_tokens":2,"total_tokens":268,
    "prompt_tokens_details":{"text_tokens":204,"audio_tokens":0,"cached_tokens":128},
    "completion_tokens_details":{"reasoning_tokens":62},
    "num_sources_used":0,"cost_in_usd_ticks":2244800}"#;

const RESPONSES_USAGE: &str = r#"{"input_tokens":5689,"input_tokens_details":{"cached_tokens":2048},
    "output_tokens":444,"output_tokens_details":{"reasoning_tokens":245},"total_tokens":6133,
    "num_server_side_tools_used":2,"cost_in_usd_ticks":160708500,
    "server_side_tool_usage_details":{"web_search_calls":2,"x_search_calls":0},
    "context_details":{"input_tokens":4640,"output_tokens":353}}"#;

fn one_line(json: &str) -> String {
    json.replace('\n', " ")
}

fn assert_chat_usage(usage: Option<Usage>) {
    let usage = usage.unwrap();
    assert_eq!((usage.input_uncached, usage.cache_read), (Some(76), Some(128)));
    assert_eq!((usage.output_visible, usage.reasoning), (Some(2), Some(62)));
    assert_eq!((usage.input(), usage.output()), (Some(204), Some(64)));
    assert_eq!((usage.total_reported, usage.cost_ticks), (Some(268), Some(2_244_800)));
    assert!(!usage.inconsistent);
}

fn assert_responses_usage(usage: Option<Usage>) {
    let usage = usage.unwrap();
    assert_eq!((usage.input_uncached, usage.cache_read), (Some(3641), Some(2048)));
    assert_eq!((usage.output_visible, usage.reasoning), (Some(199), Some(245)));
    assert_eq!((usage.total(), usage.total_reported), (Some(6133), Some(6133)));
    assert_eq!((usage.tool_calls, usage.tools.web_search), (Some(2), Some(2)));
    assert_eq!(usage.cost_ticks, Some(160_708_500));
}

#[test]
fn a_chat_completion() {
    let body = format!(
        r#"{{"id":"c1","object":"chat.completion","model":"grok-4.3","choices":[{{"index":0,
        "message":{{"role":"assistant","content":"\"usage\":{{\"prompt_tokens\":9}}","usage":{{"prompt_tokens":1}}}},
        "finish_reason":"stop"}}],"usage":{CHAT_USAGE},"service_tier":"default"}}"#
    );
    let reading = json(Operation::Chat, &body);
    assert_chat_usage(reading.usage);
    assert_eq!(reading.model.as_deref(), Some("grok-4.3"));
    assert_eq!(reading.service_tier.as_deref(), Some("default"));
    assert_eq!((reading.terminal, reading.error), (Some(Terminal::Closed), None));
}

#[test]
fn a_chat_stream() {
    let chunk = |delta: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"grok-4.3\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n"
        )
    };
    let stream = [
        chunk(r#"{"role":"assistant","content":""}"#),
        ": keep-alive\n\n".into(),
        chunk(r#"{"reasoning_content":"Hm"}"#),
        chunk(r#"{"content":"an \"error\" of \"usage\" [DONE]"}"#),
        chunk(r#"{"content":"."}"#),
        format!(
            "data: {{\"model\":\"grok-4.3\",\"choices\":[],\"service_tier\":\"priority\",\"usage\":{}}}\n\n",
            one_line(CHAT_USAGE)
        ),
        "data: [DONE]\n\n".into(),
    ];
    let reading = sse(Operation::Chat, &stream.concat());
    assert_chat_usage(reading.usage);
    assert_eq!(reading.model.as_deref(), Some("grok-4.3"));
    assert_eq!(reading.service_tier.as_deref(), Some("priority"));
    assert_eq!(reading.terminal, Some(Terminal::Done));
    assert!(reading.has_content);
    assert_eq!((reading.content_events, reading.error), (3, None));
    // Cut at any byte, it never counts as complete.
    let stream = stream.concat();
    for length in 0..stream.len() - 2 {
        let cut = read(Format::Sse, Operation::Chat, &stream.as_bytes()[..length], 50);
        assert_eq!((cut.terminal, cut.problem), (None, None), "{length}");
    }
}

#[test]
fn the_first_content_sets_the_flag_once() {
    for (content, delta) in [
        (false, r#"{"role":"assistant"}"#),
        (false, r#"{"content":"","refusal":null,"tool_calls":[]}"#),
        (false, r#"{"role":"assistant","audio":{"content":"x"}}"#),
        (true, r#"{"content":"x"}"#),
        (true, r#"{"reasoning_content":"x"}"#),
        (true, r#"{"refusal":"x"}"#),
        (true, r#"{"content":"","tool_calls":[{"index":0,"function":{"arguments":""}}]}"#),
    ] {
        let stream = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        assert_eq!(sse(Operation::Chat, &stream).has_content, content, "{delta}");
    }
}

#[test]
fn the_last_usage_of_a_chat_stream_replaces_all_before() {
    let stream = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1,\"cost_in_usd_ticks\":5}}\n\n\
        data: {\"choices\":[],\"usage\":null}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    let usage = sse(Operation::Chat, stream).usage.unwrap();
    assert_eq!((usage.input(), usage.output(), usage.cost_ticks), (Some(7), Some(2), None));
}

#[test]
fn a_response() {
    let body = format!(
        r#"{{"id":"resp_1","object":"response","status":"completed","model":"grok-4.3","error":null,
        "output":[{{"type":"tool","usage":{{"input_tokens":1}}}}],"service_tier":"default",
        "response":{{"usage":{{"input_tokens":2}}}},"usage":{RESPONSES_USAGE}}}"#
    );
    let reading = json(Operation::Responses, &body);
    assert_responses_usage(reading.usage);
    assert_eq!((reading.terminal, reading.error), (Some(Terminal::Closed), None));
}

#[test]
fn a_responses_stream() {
    let event = |kind: &str, rest: &str| {
        format!("event: {kind}\ndata: {{\"sequence_number\":1,\"type\":\"{kind}\",{rest}}}\n\n")
    };
    let whole = |kind: &str, usage: &str| {
        let usage = one_line(usage);
        let output = r#"[{"content":[{"text":"x","usage":{"input_tokens":3}}]}]"#;
        event(
            kind,
            &format!(
                r#""response":{{"model":"grok-4.3","service_tier":"default","error":null,"output":{output},"usage":{usage}}}"#
            ),
        )
    };
    for (kind, terminal) in
        [("response.completed", Terminal::Completed), ("response.incomplete", Terminal::Incomplete)]
    {
        let stream = [
            whole("response.created", "null"),
            whole("response.in_progress", r#"{"input_tokens":8,"output_tokens":8}"#),
            event("response.output_item.added", r#""item":{"usage":{"input_tokens":9}}"#),
            event("response.output_text.delta", r#""delta":"He""#),
            event("response.output_text.delta", r#""delta":"y""#),
            event("response.output_text.done", r#""text":"Hey""#),
            whole(kind, RESPONSES_USAGE),
        ];
        let reading = sse(Operation::Responses, &stream.concat());
        assert_responses_usage(reading.usage);
        assert_eq!(reading.terminal, Some(terminal));
        assert_eq!((reading.has_content, reading.content_events), (true, 2));
        assert_eq!(reading.error, None);
    }
}

#[test]
fn a_failed_response() {
    let stream = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n\
        data: {\"response\":{\"model\":\"grok-4.3\",\"error\":{\"message\":\"m\",\"code\":\"server_error\"},\
        \"usage\":{\"input_tokens\":3,\"output_tokens\":1}},\"type\":\"response.failed\"}\n\n";
    let reading = sse(Operation::Responses, stream);
    assert_eq!(reading.terminal, Some(Terminal::Failed));
    assert_eq!(reading.error_code(), Some("server_error"));
    assert_eq!(reading.usage.unwrap().input(), Some(3));
}

#[test]
fn a_message() {
    let body = r#"{"id":"m1","type":"message","model":"grok-4.6","content":[{"type":"text","text":"x"}],
        "usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":64,"output_tokens":32}}"#;
    let usage = json(Operation::Messages, body).usage.unwrap();
    assert_eq!(
        (usage.input_uncached, usage.cache_read, usage.cache_write),
        (Some(9), Some(64), Some(0))
    );
    assert_eq!((usage.input(), usage.output()), (Some(73), Some(32)));
}

#[test]
fn a_messages_stream() {
    let stream = "event: message_start\n\
        data: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":\"grok-4.6\",\"content\":[],\"usage\":{\"input_tokens\":9,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":64,\"output_tokens\":1}}}\n\n\
        data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
        event: ping\ndata: {\"type\": \"ping\"}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"He\"}}\n\n\
        data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"y\"}}\n\n\
        data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":20}}\n\n\
        data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":null,\"output_tokens\":32}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let reading = sse(Operation::Messages, stream);
    let usage = reading.usage.unwrap();
    assert_eq!(
        (usage.input_uncached, usage.cache_read, usage.cache_write),
        (Some(9), Some(64), Some(0))
    );
    assert_eq!((usage.input(), usage.output()), (Some(73), Some(32)));
    assert_eq!(reading.model.as_deref(), Some("grok-4.6"));
    assert_eq!(reading.terminal, Some(Terminal::MessageStop));
    assert_eq!((reading.has_content, reading.error), (true, None));
}

#[test]
fn embeddings() {
    let body = r#"{"object":"list","model":"v1","data":[{"embedding":[0.1,-2e-3],"index":0}],
        "usage":{"prompt_tokens":1,"total_tokens":1}}"#;
    let reading = json(Operation::Embeddings, body);
    let usage = reading.usage.unwrap();
    assert_eq!((usage.input(), usage.output(), usage.images), (Some(1), None, None));
}

#[test]
fn images() {
    let body = r#"{"data":[{"url":"u","mime_type":"image/jpeg"},{"url":"u"}],"usage":{"cost_in_usd_ticks":200000000}}"#;
    let reading = json(Operation::Images, body);
    let usage = reading.usage.unwrap();
    assert_eq!((usage.cost_ticks, usage.images, usage.total()), (Some(200_000_000), Some(2), None));
    let unpriced = json(Operation::Images, r#"{"data":[{"b64_json":"x"}]}"#);
    assert_eq!(unpriced.usage.unwrap().images, Some(1));
}

#[test]
fn video_polls() {
    let pending = json(Operation::Videos, r#"{"status":"pending","progress":1}"#);
    assert_eq!((pending.usage, pending.error), (None, None));
    let done = r#"{"status":"done","video":{"url":"u","duration":1},"model":"grok-imagine-video",
        "usage":{"cost_in_usd_ticks":500000000},"progress":100}"#;
    let done = json(Operation::Videos, done);
    assert_eq!(done.usage.unwrap().cost_ticks, Some(500_000_000));
    assert_eq!(done.model.as_deref(), Some("grok-imagine-video"));
}

#[test]
fn legacy_completions() {
    let body = r#"{"model":"m","choices":[{"text":"x"}],"usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5}}"#;
    assert_eq!(json(Operation::Completions, body).usage.unwrap().total(), Some(5));
    let stream = "data: {\"choices\":[{\"text\":\"\"}]}\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\n\
        data: {\"choices\":[{\"text\":\"b\"}]}\n\ndata: [DONE]\n\n";
    let reading = sse(Operation::Completions, stream);
    assert_eq!((reading.has_content, reading.content_events), (true, 2));
}

#[test]
fn batch_results_have_no_usage_of_their_own() {
    let body = r#"{"results":[{"batch_result":{"response":{"chat_get_completion":{"usage":{"prompt_tokens":1}}}}},
        {"response":{"usage":{"prompt_tokens":1}},"usage":{"prompt_tokens":1}}],"message":{"usage":{"prompt_tokens":1}}}"#;
    assert_eq!(json(Operation::Batches, body).usage, None);
}

#[test]
fn a_byte_order_mark_and_data_of_several_lines() {
    let stream = "\u{feff}data: {\"model\":\"m\",\ndata:\"usage\"\ndata:  : {\"input_tokens\"\ndata: :5}}\n\n";
    let reading = sse(Operation::Responses, stream);
    assert_eq!((reading.model.as_deref(), reading.usage.unwrap().input()), (Some("m"), Some(5)));
    let body = "\u{feff} {\"usage\":{\"input_tokens\":5}}\n";
    assert_eq!(json(Operation::Responses, body).usage.unwrap().input(), Some(5));
}

#[test]
fn a_stream_may_end_without_its_last_blank_line() {
    for end in ["", "\n"] {
        let stream = format!("data: {{\"usage\":{{\"input_tokens\":5}}}}\n\ndata: [DONE]{end}");
        let reading = sse(Operation::Chat, &stream);
        assert_eq!(reading.terminal, Some(Terminal::Done));
        assert_eq!(reading.usage.unwrap().input(), Some(5));
    }
}

#[test]
fn elements_of_any_kind_are_counted() {
    let reading = json(Operation::Images, r#"{"data":["a","b",[1],{"url":"u"},null,"c"]}"#);
    assert_eq!((reading.usage.unwrap().images, reading.problem), (Some(6), None));
}
