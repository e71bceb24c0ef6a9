//! Hostile bodies: memory stays bounded, and nothing panics.

use allocation_counter::measure;
use proptest::prelude::*;

use super::*;

const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";

#[test]
fn deep_nesting_huge_strings_and_long_lines_stay_bounded() {
    let mib = 1 << 20;
    let nested = format!(
        "{{\"a\":{}{},\"usage\":{{\"input_tokens\":1}}}}",
        "[".repeat(mib),
        "]".repeat(mib)
    );
    let string =
        format!("{{\"model\":\"{}\",\"usage\":{{\"input_tokens\":1}}}}", "\\\"".repeat(mib));
    let key = format!("{{\"{}\":1,\"usage\":{{\"input_tokens\":1}}}}", "k".repeat(mib));
    for body in [nested, string, key] {
        for (format, body) in [
            (Format::Json, body.clone()),
            (Format::Sse, format!("data: {body}\n\n")),
            (Format::Sse, format!("{CONTENT}: {}\n\ndata: {body}\n\n", "c".repeat(mib))),
        ] {
            for frame in [1000, 1 << 14, usize::MAX] {
                let mut meter = Meter::new(format, Operation::Chat, Meter::LIMIT);
                let memory = measure(|| {
                    body.as_bytes().chunks(frame).for_each(|frame| meter.push(frame));
                    meter.finish();
                });
                assert_eq!(meter.usage().and_then(|usage| usage.input()), Some(1));
                assert_eq!(meter.problem(), None);
                assert!(memory.bytes_max < 8 * 1024, "{}", memory.bytes_max);
            }
        }
    }
}

#[test]
fn a_usage_object_over_the_limit_stops_the_metering() {
    let huge = format!("{{\"usage\":{{\"a\":\"{}\"}}}}", "x".repeat(Meter::LIMIT));
    let stream = format!(
        "data: {{\"usage\":{{\"input_tokens\":5}}}}\n\ndata: {huge}\n\ndata: {{\"usage\":{{\"input_tokens\":6}}}}\n\ndata: [DONE]\n\n"
    );
    for frame in [1, 1000, usize::MAX] {
        let reading = read(Format::Sse, Operation::Chat, stream.as_bytes(), frame);
        assert_eq!(reading.problem, Some(Problem::Overflow));
        assert_eq!((reading.usage.unwrap().input(), reading.terminal), (Some(5), None));
        let body = read(Format::Json, Operation::Chat, huge.as_bytes(), frame);
        assert_eq!((body.problem, body.usage), (Some(Problem::Overflow), None));
    }
}

#[test]
fn malformed_bodies_are_reported() {
    for body in [
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":?}",
        "{]",
        "<html>",
        "{\"usage\":{\"a\"}}",
        "{\"usage\":{\"a\":1]}",
        "{\"choices\":[{}}",
        "\u{0}",
    ] {
        assert_eq!(json(Operation::Chat, body).problem, Some(Problem::Malformed), "{body}");
    }
    for body in ["", "null", "[1,2]", "\"x\"", "{", "{\"a\":\"\\", "{\"usage\":{\"a\":"] {
        let reading = json(Operation::Chat, body);
        assert_eq!((reading.problem, reading.terminal), (None, None), "{body}");
    }
}

#[test]
fn malformed_events_are_reported_if_they_have_usage() {
    let good = "data: {\"usage\":{\"input_tokens\":5}}\n\n";
    for event in [
        "data: {\"usage\":{\"a\"}}\n\n",
        "data: {\"usage\":{\"input_tokens\":6}} x\n\n",
        "data: {\"usage\":{\"input_tokens\":6}\n\n",
        "data: {\"usage\":{\"input_tokens\":6}]\n\n",
    ] {
        for before in ["", CONTENT] {
            let reading = sse(Operation::Chat, &format!("{before}{good}{event}data: [DONE]\n\n"));
            assert_eq!(reading.problem, Some(Problem::Malformed), "{event}");
            assert_eq!((reading.usage.unwrap().input(), reading.terminal), (Some(5), None));
        }
    }
    for event in ["data: hello\n\n", "data: {oops\n\n", "data: [1]\n\n", "data: {\"a\":\n\n"] {
        let reading = sse(Operation::Chat, &format!("{CONTENT}{event}{good}"));
        assert_eq!((reading.problem, reading.usage.unwrap().input()), (None, Some(5)), "{event}");
    }
}

/// Streams of 10,000 events, in frames of three sizes.
fn allocations(event: &str) -> u64 {
    let stream = event.repeat(10_000);
    let frames = [event.len(), 1000, 1 << 14];
    let most = frames.into_iter().map(|frame| {
        let mut meter = Meter::new(Format::Sse, Operation::Chat, Meter::LIMIT);
        // The buffers for split keys and repeated events are allocated once.
        CONTENT.as_bytes().chunks(1).for_each(|byte| meter.push(byte));
        meter.push(event.as_bytes());
        measure(|| stream.as_bytes().chunks(frame).for_each(|frame| meter.push(frame))).count_total
    });
    most.max().unwrap()
}

#[test]
fn events_allocate_nothing() {
    assert_eq!(allocations(CONTENT), 0);
    assert_eq!(
        allocations("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n"),
        0
    );
    assert_eq!(allocations("data: {\"choices\":[],\"usage\" : null,\"error\":null}\n\n"), 0);
    // The memory is reused: it grows a few times and not per event.
    let cumulative =
        "data: {\"model\":\"m\",\"type\":\"t\",\"choices\":[],\"usage\":{\"input_tokens\":5}}\n\n";
    assert!(allocations(cumulative) < 10, "{}", allocations(cumulative));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_panic_and_no_split_matters(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
        format in prop::sample::select(&[Format::Json, Format::Sse][..]),
        operation in prop::sample::select(
            &[Operation::Chat, Operation::Responses, Operation::Messages, Operation::Other][..]
        ),
        frame in 1_usize..30,
    ) {
        let body = pieces.concat();
        let whole = read(format, operation, &body, usize::MAX);
        prop_assert_eq!(read(format, operation, &body, frame), whole);
    }

    #[test]
    fn random_bytes_do_not_panic(body in any::<Vec<u8>>()) {
        read(Format::Json, Operation::Chat, &body, 7);
        read(Format::Sse, Operation::Chat, &body, 7);
    }
}

const PIECES: &[&[u8]] = &[
    b"data: ",
    b"data:",
    b"event: error",
    b"event:",
    b": ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\\"",
    b"\\u00",
    b"\"usage\":",
    b"\"usage\":{",
    b"\"usage\":null",
    b"{\"input_tokens\":7}",
    b"\"input_tokens\":3",
    b"\"error\":",
    b"\"error\":\"",
    b"\"code\":12",
    b"\"response\":{",
    b"\"message\":{",
    b"\"type\":\"response.completed\"",
    b"\"type\":\"message_delta\"",
    b"\"type\":\"message_stop\"",
    b"\"type\":\"error\"",
    b"\"model\":\"m\"",
    b"\"delta\":\"x\"",
    b"\"delta\":",
    b"\"content\":\"x\"",
    b"\"choices\":[",
    b"[DONE]",
    b"[DO",
    b"\xff",
    b"\xEF\xBB\xBF",
    b" ",
    b"1",
    b"null",
    b"tru",
    b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
    b"data: {\"usage\":{\"output_tokens\":4}}\r\n\r\n",
    b"data: [DONE]\n\n",
    b"{\"usage\":{\"input_tokens\":1}}",
];

/// Known members nested in any order and depth.
fn known_members() -> impl Strategy<Value = String> {
    const KEYS: [&str; 24] = [
        "candidates",
        "content",
        "parts",
        "text",
        "choices",
        "delta",
        "message",
        "response",
        "error",
        "usage",
        "usageMetadata",
        "data",
        "output",
        "status_details",
        "x_groq",
        "meta",
        "billed_units",
        "result",
        "tool_usage",
        "promptFeedback",
        "metadata",
        "chunk",
        "tool_calls",
        "a",
    ];
    let leaf = prop::sample::select(vec!["\"x\"", "1", "null", "{}", "[]", "true"]);
    leaf.prop_map(str::to_owned).prop_recursive(12, 40, 2, |inner| {
        let object = (prop::sample::select(KEYS.to_vec()), inner.clone())
            .prop_map(|(key, value)| format!("{{\"{key}\":{value}}}"));
        let array = inner.prop_map(|value| format!("[{value}]"));
        prop_oneof![3 => object, 2 => array]
    })
}

#[test]
fn nested_parts_are_no_deeper_than_the_longest_path() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":[{"content":[{"text":["x"]}]}]}]}}],
        "usageMetadata":{"promptTokenCount":3,"totalTokenCount":3}}"#;
    for (format, body) in [
        (Format::Json, body.to_owned()),
        (Format::Sse, format!("data: {}\n\n", body.replace('\n', ""))),
    ] {
        let reading = read_any(format, Shape::GenerateContent, body.as_bytes());
        assert_eq!(reading.usage.unwrap().input(), Some(3));
    }
}

proptest! {
    #[test]
    fn known_members_at_any_depth_are_read_alike_in_any_split(
        body in known_members(),
        shape in prop::sample::select(vec![
            Shape::Chat, Shape::ChatPerplexity, Shape::Responses, Shape::Messages, Shape::GenerateContent,
            Shape::Interactions, Shape::WorkersAi, Shape::Converse, Shape::Invoke, Shape::CohereV2,
            Shape::CohereV1, Shape::Ollama, Shape::Images, Shape::Rerank, Shape::Conversations, Shape::Other,
        ]),
    ) {
        read_any(Format::Json, shape, body.as_bytes());
        read_any(Format::Sse, shape, format!("data: {body}\n\n").as_bytes());
        read_any(Format::Json, shape, format!("[{body}]").as_bytes());
    }
}
