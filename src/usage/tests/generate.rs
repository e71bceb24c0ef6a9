//! Random bodies and streams of every shape, with decoys.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::route::Operation;

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(
        &[
            Operation::Chat,
            Operation::Responses,
            Operation::Messages,
            Operation::Completions,
            Operation::Embeddings,
            Operation::Images,
            Operation::Videos,
            Operation::Batches,
            Operation::Other,
        ][..],
    )
}

/// What stands in answers, some of it there to mislead.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,12}",
        1 => "\\PC{0,8}",
        1 => prop::sample::select(&[
            "", "\"usage\":{\"prompt_tokens\":9}", "usage", "error", "[DONE]", "\\", "\"", "\"delta\"",
            "}\n\ndata: [DONE]\n\n", "message_stop", "response", "\"error\":\"x\"", "{\"usage\":null}",
        ][..]).prop_map(str::to_owned),
    ]
}

fn figure() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (0_u64..1000).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec![json!(-3), json!(1.5), json!("7"), json!({}), json!([1])]),
    ]
}

fn usage() -> impl Strategy<Value = Value> {
    let names = prop::sample::subsequence(
        vec!["in", "out", "total", "cached", "reasoning", "read", "write", "ticks", "tools", "x"],
        0..10,
    );
    (names, prop::collection::vec(figure(), 10), any::<bool>()).prop_map(
        |(names, figures, chat)| {
            let mut usage = Map::new();
            let (input, output) = if chat { ("prompt", "completion") } else { ("input", "output") };
            for (name, figure) in names.into_iter().zip(figures) {
                let (key, value) = match name {
                    "in" => (format!("{input}_tokens"), figure),
                    "out" => (format!("{output}_tokens"), figure),
                    "total" => ("total_tokens".into(), figure),
                    "cached" => (
                        format!("{input}_tokens_details"),
                        json!({"a": {"cached_tokens": 1}, "cached_tokens": figure}),
                    ),
                    "reasoning" => {
                        (format!("{output}_tokens_details"), json!({"reasoning_tokens": figure}))
                    }
                    "read" => ("cache_read_input_tokens".into(), figure),
                    "write" => ("cache_creation_input_tokens".into(), figure),
                    "ticks" => ("cost_in_usd_ticks".into(), figure),
                    "tools" => (
                        "server_side_tool_usage_details".into(),
                        json!({
                            "web_search_calls": figure, "x_search_calls": 1, "mcp_calls": 2,
                            "code_interpreter_calls": 3, "file_search_calls": 4,
                            "document_search_calls": 5, "image_generation_calls": 6,
                        }),
                    ),
                    _ => (
                        "context_details".into(),
                        json!({"input_tokens": figure, "usage": {"total_tokens": 4}}),
                    ),
                };
                usage.insert(key, value);
            }
            Value::Object(usage)
        },
    )
}

/// Usage that is there, null, absent or no object.
fn maybe_usage() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        3 => Just(None),
        2 => Just(Some(Value::Null)),
        3 => usage().prop_map(Some),
        1 => Just(Some(json!([{"usage": {"input_tokens": 1}}]))),
        1 => Just(Some(json!("usage"))),
    ]
}

fn with(mut object: Value, key: &str, value: Option<Value>) -> Value {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
    object
}

fn decoy() -> impl Strategy<Value = Option<(&'static str, Value)>> {
    let keys = prop::sample::select(
        &[
            "results", "tool", "item", "metadata", "status", "code", "usages", "data", "content",
            "error",
        ][..],
    );
    let values = prop_oneof![
        usage().prop_map(|usage| json!({"usage": usage})),
        usage().prop_map(
            |usage| json!([{"batch_result": {"response": {"usage": usage}}, "model": "no"}])
        ),
        text().prop_map(Value::from),
        Just(json!({"code": "c1", "type": "t1", "error": {"code": "c2"}})),
        Just(json!(17)),
        Just(json!(null)),
        Just(json!([[], [1.5e3, -2], {"delta": {"content": "x"}}])),
    ];
    prop::option::weighted(0.4, (keys, values))
}

fn word() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        2 => Just(None),
        1 => prop::sample::select(&["grok-4.3", "default", "priority", "caf\u{e9} \"x\""][..]).prop_map(|word| Some(word.into())),
        1 => Just(Some(Value::Null)),
    ]
}

/// One JSON object of any shape.
pub(super) fn object() -> impl Strategy<Value = Value> {
    let delta = prop_oneof![
        text().prop_map(|text| json!({"content": text})),
        text().prop_map(
            |text| json!({"role": "assistant", "reasoning_content": text, "refusal": null})
        ),
        text().prop_map(
            |text| json!({"tool_calls": [{"function": {"arguments": text}}], "content": ""})
        ),
        Just(json!({"tool_calls": [], "content": []})),
        Just(json!({"content": [{"text": ""}]})),
        Just(json!({})),
        text().prop_map(Value::from),
    ];
    let kind = prop::sample::select(
        &[
            "response.created",
            "response.output_text.delta",
            "response.completed",
            "response.incomplete",
            "response.failed",
            "message_start",
            "content_block_delta",
            "message_delta",
            "message_stop",
            "error",
            "ping",
        ][..],
    );
    let shape = (delta, kind, maybe_usage(), text(), word()).prop_flat_map(|(delta, kind, usage, text, word)| {
        let choice = json!({"index": 0, "delta": delta, "text": text, "usage": {"total_tokens": 1}});
        let inner = with(json!({"output": [{"usage": {"input_tokens": 2}}]}), "usage", usage.clone());
        let inner = with(with(inner, "model", word), "error", Some(json!({"code": "failed", "message": text})));
        prop_oneof![
            3 => Just(with(json!({"choices": [choice]}), "usage", usage.clone())),
            1 => Just(with(json!({"choices": []}), "usage", usage.clone())),
            2 => Just(json!({"type": kind, "delta": delta})),
            2 => Just(json!({"type": kind, "response": inner, "sequence_number": 3})),
            2 => Just(json!({"type": kind, "message": inner})),
            2 => Just(with(json!({"type": kind, "message": text, "delta": delta}), "usage", usage.clone())),
            1 => Just(json!({"type": kind})),
            1 => Just(json!({"code": text, "error": text})),
            1 => Just(json!({"error": {"code": null, "type": text}})),
            1 => Just(with(json!({"data": [{"b64_json": text}, [], 1]}), "usage", usage.clone())),
            1 => Just(with(json!({"status": "done", "progress": 100}), "usage", usage)),
        ]
    });
    (shape, decoy(), word(), word()).prop_map(|(shape, decoy, model, tier)| {
        let (shape, model) = (with(shape, "service_tier", tier), model);
        let shape = with(shape, "model", model);
        match decoy {
            // Of two errors the later one counts, which a tree does not know.
            Some(("error", _)) if shape.get("response").is_some() => shape,
            Some((key, value)) if shape.get(key).is_none() => with(shape, key, Some(value)),
            _ => shape,
        }
    })
}

/// How JSON is spelt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling {
    /// Members begin with this one.
    first: usize,
    space: &'static str,
    escapes: bool,
}

pub(super) fn spelling() -> impl Strategy<Value = Spelling> {
    let space = prop::sample::select(&["", "", " ", "\n", " \t\n "][..]);
    (0_usize..8, space, any::<bool>()).prop_map(|(first, space, escapes)| Spelling {
        first,
        space,
        escapes,
    })
}

impl Spelling {
    pub(super) fn write(self, value: &Value, out: &mut String) {
        let space = self.space;
        match value {
            Value::Object(object) => {
                out.push('{');
                let count = object.len();
                let members = object.iter().cycle().skip(self.first % count.max(1)).take(count);
                for (index, (key, value)) in members.enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    out.push_str(&format!("{comma}{space}{}{space}:{space}", json!(key)));
                    // A type is compared as it is written.
                    Self { escapes: self.escapes && key != "type", ..self }.write(value, out);
                }
                out.push_str(space);
                out.push('}');
            }
            Value::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { space });
                    self.write(value, out);
                }
                out.push_str(space);
                out.push(']');
            }
            // Longer ones might not be kept whole as codes.
            Value::String(text) if self.escapes && text.encode_utf16().count() <= 20 => {
                out.push('"');
                for (index, unit) in text.encode_utf16().enumerate() {
                    match char::from_u32(unit.into()) {
                        Some(plain @ ('a'..='z' | '.')) if index % 2 == 0 => out.push(plain),
                        _ => out.push_str(&format!("\\u{unit:04X}")),
                    }
                }
                out.push('"');
            }
            other => out.push_str(&other.to_string()),
        }
    }
}

/// One event with its blank line.
fn event() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        8 => (object(), spelling()).prop_map(|(object, spelling)| {
            let mut data = String::new();
            spelling.write(&object, &mut data);
            data
        }),
        1 => Just("[DONE]".to_owned()),
        1 => prop::sample::select(&["", "7", "null", "hello", "[1]", "[DONE", "{oops"][..]).prop_map(str::to_owned),
    ];
    let before = prop::sample::select(
        &[
            "",
            "",
            "",
            ": \"usage\" error\n",
            "event: error\n",
            "event: response.completed\n",
            "id: 7\nretry\n",
            "\n\n",
            ":\n",
        ][..],
    );
    let colon = prop::sample::select(&["data: ", "data:"][..]);
    let end = prop::sample::select(&["\n", "\n", "\r\n", "\r"][..]);
    (before, data, colon, end).prop_map(|(before, data, colon, end)| {
        let lines: String = data.split('\n').map(|line| format!("{colon}{line}\n")).collect();
        format!("{before}{lines}\n").replace('\n', end)
    })
}

/// Events that differ in their text alone.
fn twins() -> impl Strategy<Value = Vec<String>> {
    let before = prop::sample::select(&["", "event: content_block_delta\n", "id: 7\n"][..]);
    let key = prop::sample::select(&["content", "text", "delta", "reasoning_content"][..]);
    let texts = prop::collection::vec(text(), 1..6);
    let end = prop::sample::select(&["\n", "\n", "\n", "\r\n"][..]);
    (before, key, texts, maybe_usage(), end).prop_map(|(before, key, texts, usage, end)| {
        let event = |text: &String| {
            let choice = json!({"delta": {key: text}, "text": text});
            let data = with(json!({"choices": [choice]}), "usage", usage.clone());
            format!("{before}data: {data}\n\n").replace('\n', end)
        };
        texts.iter().map(event).collect()
    })
}

pub(super) fn stream() -> impl Strategy<Value = Vec<String>> {
    let events = prop_oneof![3 => event().prop_map(|event| vec![event]), 1 => twins()];
    (any::<bool>(), prop::collection::vec(events, 0..12)).prop_map(|(bom, events)| {
        let mut events = events.concat();
        if let (true, Some(first)) = (bom, events.first_mut()) {
            first.insert(0, '\u{feff}');
        }
        events
    })
}
