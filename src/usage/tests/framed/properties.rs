//! Random streams, whole and cut, and random bytes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::wire::{Wire, event};
use super::*;
use crate::usage::tests::differential::metered_in;

/// Documents with the types of their events.
type Documents = Vec<(&'static str, Value)>;

/// The usage of a stream's or body's documents, read from trees by tables of each API.
fn reference(shape: Shape, documents: &[(&str, Value)]) -> Option<Usage> {
    let mut usage: Option<Usage> = None;
    for (_, document) in documents {
        let found = match shape {
            Shape::Converse => of_converse(&document["usage"]),
            Shape::CohereV2 | Shape::CohereV1 => [
                &document["usage"],
                &document["meta"],
                &document["delta"]["usage"],
                &document["response"]["meta"],
            ]
            .into_iter()
            .find_map(of_cohere),
            Shape::Ollama => {
                let counts = [&document["prompt_eval_count"], &document["eval_count"]];
                let [input_uncached, output_visible] = counts.map(Value::as_u64);
                let is_told = input_uncached.or(output_visible).is_some();
                is_told.then(|| Usage { input_uncached, output_visible, ..Usage::default() })
            }
            _ => None,
        };
        usage = found.or(usage);
    }
    usage
}

fn of_converse(usage: &Value) -> Option<Usage> {
    usage.as_object().filter(|usage| !usage.is_empty())?;
    let figure = |key: &str| usage[key].as_u64();
    let long = usage["cacheDetails"].as_array().into_iter().flatten();
    let long = long.filter(|detail| detail["ttl"] == "1h");
    let long = long.filter_map(|detail| detail["inputTokens"].as_u64()).reduce(|a, b| a + b);
    let mut usage = Usage {
        input_uncached: figure("inputTokens"),
        cache_read: figure("cacheReadInputTokens"),
        cache_write: figure("cacheWriteInputTokens"),
        cache_write_long: long,
        output_visible: figure("outputTokens"),
        total_reported: figure("totalTokens"),
        ..Usage::default()
    };
    usage.inconsistent = usage.total_reported.is_some() && usage.total() != usage.total_reported;
    Some(usage)
}

fn of_cohere(usage: &Value) -> Option<Usage> {
    let figure = |object: &str, key: &str| usage[object][key].as_f64().map(|figure| figure as u64);
    let search_units = figure("billed_units", "search_units");
    let pair = |object: &str| {
        let pair = [figure(object, "input_tokens"), figure(object, "output_tokens")];
        (pair != [None, None]).then_some(pair)
    };
    let [input_uncached, output_visible] = pair("billed_units").or_else(|| pair("tokens"))?;
    Some(Usage { input_uncached, output_visible, search_units, ..Usage::default() })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z ]{0,12}",
        1 => "\\PC{0,8}",
        1 => prop::sample::select(&[
            "", "\"usage\":{\"inputTokens\":9}", "\"done\":true", "]", "}\n{", "\\", "message-end",
            "stream-end", "\"meta\":{}", "messageStop", "error",
        ][..]).prop_map(str::to_owned),
    ]
}

/// A stream of a shape, possibly cut.
fn scene() -> impl Strategy<Value = (Wire, Shape, Documents)> {
    let figures = prop::array::uniform5(0_u64..100_000);
    let texts = prop::collection::vec(text(), 0..6);
    (0_usize..5, figures, texts, any::<bool>()).prop_map(|(choice, figures, texts, is_cut)| {
        let [a, b, c, d, e] = figures;
        let units = json!({"input_tokens": a as f64, "output_tokens": b});
        let cohere = json!({"billed_units": units, "tokens": {"input_tokens": c, "output_tokens": d},
            "cached_tokens": e});
        let total = a + b + c + d.min(c);
        let converse = json!({
            "trace": {"guardrail": {"usage": {"inputTokens": e}}},
            "usage": {"inputTokens": a, "outputTokens": b, "cacheReadInputTokens": c,
                "cacheWriteInputTokens": d.min(c), "totalTokens": total + u64::from(e == 7),
                "cacheDetails": [{"ttl": "1h", "inputTokens": d.min(c) / 2}, {"ttl": "5m"}]},
        });
        let (wire, shape, delta, last): (_, _, fn(&str) -> Value, Documents) = match choice {
            0 => (
                Wire::Frames,
                Shape::Converse,
                |text| json!({"delta": {"text": text}}),
                vec![("messageStop", json!({"stopReason": "end_turn"})), ("metadata", converse)],
            ),
            1 => (
                Wire::Sse,
                Shape::CohereV2,
                |text| {
                    json!({"type": "content-delta",
                        "delta": {"message": {"content": {"text": text}}}})
                },
                vec![("", json!({"type": "message-end", "delta": {"usage": cohere}}))],
            ),
            2 | 3 => (
                if choice == 2 { Wire::Lines } else { Wire::Sse },
                Shape::CohereV1,
                |text| json!({"event_type": "text-generation", "text": text}),
                vec![("", json!({"event_type": "stream-end", "response": {"meta": cohere}}))],
            ),
            _ => (
                Wire::Lines,
                Shape::Ollama,
                |text| json!({"message": {"content": text}, "done": false}),
                vec![("", json!({"done": true, "prompt_eval_count": a, "eval_count": b}))],
            ),
        };
        let deltas = texts.iter().map(|text| ("contentBlockDelta", delta(text)));
        let mut documents: Vec<_> = deltas.chain(last).collect();
        if is_cut {
            documents.pop();
        }
        (wire, shape, documents)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn streams_are_read_as_trees_are_in_any_split(
        (wire, shape, documents) in scene(),
        lengths in prop::collection::vec(prop_oneof![0_usize..5, 0_usize..300], 1..8),
    ) {
        let body = wire.write(&documents);
        let meter = metered_in(wire.format(), shape, &body, &[&lengths[..], &[3]].concat());
        prop_assert_eq!(meter.usage(), reference(shape, &documents));
        let is_whole = documents.last().is_some_and(|(kind, document)| {
            *kind == "metadata" || !document["response"].is_null() || document["done"] == true
                || document["type"] == "message-end"
        });
        prop_assert_eq!(meter.terminal().is_some(), is_whole);
        prop_assert_eq!(meter.problem(), None);
        prop_assert_eq!(meter.error(), None);
    }

    #[test]
    fn any_bytes_are_read_the_same_in_any_split(
        format in prop::sample::select(
            &[Format::Json, Format::Sse, Format::JsonLines, Format::AmazonEventStream][..]
        ),
        shape in prop::sample::select(
            &[
                Shape::Converse, Shape::Invoke, Shape::CohereV1, Shape::CohereV2, Shape::Ollama,
                Shape::Images, Shape::Transcription, Shape::Videos, Shape::Ocr, Shape::Rerank,
            ][..]
        ),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
        is_array in any::<bool>(),
        frame in 1_usize..30,
    ) {
        let payload = pieces.concat();
        let body = match format {
            Format::AmazonEventStream if is_array => {
                let text = String::from_utf8_lossy(&payload);
                [event("chunk", &text), event("metadata", &text), payload].concat()
            }
            Format::Json if is_array => [b"[", &payload[..]].concat(),
            _ => payload,
        };
        let whole = read(format, shape, &body, usize::MAX);
        prop_assert_eq!(read(format, shape, &body, frame), whole);
    }
}

const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b" ",
    b"\n",
    b"\r\n",
    b"1",
    b"true",
    b"null",
    b"\xff",
    b"\0",
    b"\0\0\0\x10",
    b"\"usage\":{",
    b"\"inputTokens\":7",
    b"\"bytes\":\"",
    b"eyJh",
    b"\"done\":true",
    b"\"eval_count\":3",
    b"\"event_type\":\"stream-end\"",
    b"\"meta\":{",
    b"\"error\":\"x\"",
    b"{\"usage\":{\"input_tokens\":1}}",
    b"{\"done\":true,\"eval_count\":5}",
    b"data: {\"delta\":{\"text\":\"x\"}}\n\n",
    b"data: ",
    b"\n\n",
    b"data: {\"eval_count\":5,\"done\":true}\n\n",
    b"data: {\"meta\":{\"tokens\":{\"input_tokens\":3}}}\n\n",
    b"data: {\"finish_reason\":\"ERROR\"}\n\n",
    b"data: {\"size\":\"b\",\"seconds\":5,\"duration\":4,\"status\":\"completed\"}\n\n",
    b"data: {\"text\":\"x\",\"b64_json\":\"x\"}\n\n",
    b"data: {\"usage_info\":{\"pages_processed\":2}}\n\n",
    b"\"size\":\"a\"",
    b"\"data\":[",
    b"\"type\":\"image_edit.completed\"",
    b"\"delta\":{\"text\":\"x\"",
];
