//! Random bodies and streams of every shape, with decoys.

mod spelling;
mod usage;

use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) use self::spelling::spelling;
use self::usage::{usage, usage_metadata};
use crate::usage::Shape;

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    prop::sample::select(
        &[
            Shape::Chat,
            Shape::ChatGoogle,
            Shape::ChatPerplexity,
            Shape::AsyncPerplexity,
            Shape::Responses,
            Shape::Messages,
            Shape::GenerateContent,
            Shape::Interactions,
            Shape::WorkersAi,
            Shape::Completions,
            Shape::Embeddings,
            Shape::EmbeddingsGoogle,
            Shape::Conversations,
            Shape::Other,
        ][..],
    )
}

/// Texts in answers, some of them misleading.
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

/// A whole answer of Gemini, or part of one.
fn gemini() -> impl Strategy<Value = Value> {
    let parts = prop_oneof![
        text().prop_map(|text| json!([{"text": text, "thought": true}])),
        Just(json!([{"functionCall": {"name": "f"}}])),
        Just(json!([])),
    ];
    let reason = prop::sample::select(vec![json!(null), json!("STOP"), json!("SAFETY")]);
    let feedback = prop_oneof![
        4 => Just(None),
        1 => Just(Some(json!({"blockReason": "PROHIBITED_CONTENT"}))),
        1 => Just(Some(json!({"safetyRatings": []}))),
    ];
    let usage = prop::option::of(usage_metadata());
    (parts, reason, feedback, usage, word(), 0_usize..3).prop_map(
        |(parts, reason, feedback, usage, model, count)| {
            let candidate = json!({"content": {"parts": parts}, "finishReason": reason});
            let answer = match count {
                0 => json!({}),
                count => json!({"candidates": vec![candidate; count]}),
            };
            let answer = with(with(answer, "usageMetadata", usage), "modelVersion", model);
            with(answer, "promptFeedback", feedback)
        },
    )
}

/// Usage that is present, null, missing or not an object.
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
        1 => prop::sample::select(&["grok-4.3", "default", "priority", "caf\u{e9} \"x\"", ""][..]).prop_map(|word| Some(word.into())),
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
            "response.done",
            "interaction.completed",
            "conversation.response.done",
            "conversation.response.error",
            "error",
            "ping",
        ][..],
    );
    let status =
        prop::sample::select(&["completed", "failed", "in_progress", "queued", "incomplete"][..]);
    let reason = prop::sample::select(vec![json!(null), json!("stop"), json!("error")]);
    let more = (status, reason, any::<bool>(), usage());
    let shape = (delta, kind, maybe_usage(), text(), word(), more).prop_flat_map(|(delta, kind, usage, text, word, more)| {
        let (status, reason, flag, other) = more;
        let choice = json!({"index": 0, "delta": delta, "text": text, "finish_reason": reason});
        let choice = with(choice, "usage", flag.then_some(other.clone()));
        let inner = with(json!({"output": [{"usage": {"input_tokens": 2}}]}), "usage", usage.clone());
        let inner = with(inner, "status", Some(status.into()));
        let inner = with(with(inner, "id", Some("r1".into())), "background", Some(flag.into()));
        let tools = json!({"web_search": {"num_requests": 3}, "image_gen": {"input_tokens": 5, "x": {}}});
        let inner = with(inner, "tool_usage", flag.then(|| tools.clone()));
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
            1 => Just(json!({"status_code": 429, "error": {"message": text}})),
            1 => Just(json!({"object": kind, "error_type": text, "choices": [choice, choice]})),
            1 => Just(with(json!({"choices": [choice], "x_groq": {"id": "r", "usage": other}}), "usage", usage.clone())),
            1 => Just(json!({"choices": [choice], "x_groq": {"error": text}})),
            1 => Just(json!({"choices": [{"delta": delta, "error": {"code": 7, "type": "t"}}]})),
            1 => Just(with(json!({"usage_breakdown": {"models": [{"model": "a", "usage": other}, {"model": "b", "usage": {}}], "x": 1}}), "usage", usage.clone())),
            2 => Just(with(json!({"id": "r2", "object": "response", "status": status, "tool_usage": tools, "background": flag}), "usage", usage.clone())),
            2 => Just(json!({"event_type": kind, "interaction": inner})),
            1 => Just(json!({"result": {"response": text, "usage": other, "model": "m"}, "success": true})),
            1 => Just(json!({"response": text, "usage": other})),
            4 => gemini(),
            1 => gemini().prop_map(|answer| with(answer, "metadata", Some(json!({"billableCharacterCount": 77})))),
            1 => Just(json!({"error": {"code": null, "type": text}})),
            1 => Just(json!({"choices": [choice], "error": {}})),
            1 => Just(with(json!({"data": [{"b64_json": text}, [], 1]}), "usage", usage.clone())),
            1 => Just(with(json!({"status": "done", "progress": 100}), "usage", usage)),
        ]
    });
    (shape, decoy(), word(), word())
        .prop_map(|(shape, decoy, model, tier)| {
            let (shape, model) = (with(shape, "service_tier", tier), model);
            let shape = with(shape, "model", model);
            match decoy {
                // The later of two errors counts, which a tree cannot represent.
                Some(("error", _)) if may_report_error(&shape) => shape,
                Some((key, value)) if shape.get(key).is_none() => with(shape, key, Some(value)),
                _ => shape,
            }
        })
        // Inline, its tree with those around it does not fit the stack of a test.
        .boxed()
}

fn may_report_error(shape: &Value) -> bool {
    let keys = ["response", "interaction", "x_groq", "promptFeedback", "error_type", "status_code"];
    keys.iter().any(|key| shape.get(*key).is_some()) || !shape["choices"][0]["error"].is_null()
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
        1 => prop::sample::select(&["", "7", "null", "hello", "[1]", "[DONE", "{oops", "[ {\"usage\":{\"input_tokens\":1}}]", "[{\"error\":{\"code\":503}}]"][..]).prop_map(str::to_owned),
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

/// Events that differ only in their text.
fn repeats() -> impl Strategy<Value = Vec<String>> {
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
    let events =
        prop_oneof![3 => event().boxed().prop_map(|event| vec![event]), 1 => repeats().boxed()];
    (any::<bool>(), prop::collection::vec(events, 0..12)).prop_map(|(bom, events)| {
        let mut events = events.concat();
        if let (true, Some(first)) = (bom, events.first_mut()) {
            first.insert(0, '\u{feff}');
        }
        events
    })
}
