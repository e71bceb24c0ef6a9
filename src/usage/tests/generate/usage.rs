//! Random usage objects.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{with, word};

fn figure() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (0_u64..1000).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec![json!(-3), json!(1.5), json!("7"), json!({}), json!([1])]),
    ]
}

fn cost() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_u32..2_000_000_000).prop_map(|ticks| json!(f64::from(ticks) / 1e10)),
        (0_u32..9).prop_map(Value::from),
        (0_u32..99, any::<bool>()).prop_map(|(total, is_final)| {
            let mut cost =
                json!({"input_tokens_cost": 0.1, "total_cost": f64::from(total) / 100.0});
            if is_final {
                cost["request_cost"] = json!(0.005);
            }
            cost
        }),
        prop::sample::select(vec![json!(null), json!("0.1"), json!(-1.5), json!([1])]),
    ]
}

/// The figures of chat, Responses and Messages, with mixed names.
pub(super) fn usage() -> impl Strategy<Value = Value> {
    let names = prop::sample::subsequence(
        vec![
            "in",
            "out",
            "total",
            "input details",
            "output details",
            "read",
            "write",
            "ticks",
            "tools",
            "cost",
            "other",
            "words",
            "iterations",
            "x",
        ],
        0..14,
    );
    let figures = prop::collection::vec(figure(), 24);
    (names, figures, any::<bool>(), cost(), iterations()).prop_map(
        |(names, figures, chat, cost, iterations)| {
            let mut usage = Map::new();
            let (input, output) = if chat { ("prompt", "completion") } else { ("input", "output") };
            for name in names {
                let figure = |at: usize| figures[at].clone();
                let members = match name {
                    "in" => json!({format!("{input}_tokens"): figure(0)}),
                    "out" => json!({format!("{output}_tokens"): figure(1)}),
                    "total" => json!({"total_tokens": figure(2)}),
                    "input details" => json!({format!("{input}_tokens_details"): {
                        "a": {"cached_tokens": 1}, "cached_tokens": figure(3),
                        "cache_write_tokens": figure(4), "audio_tokens": figure(5),
                        "image_tokens": figure(6), "cached_tokens_details": {"audio_tokens": figure(7)},
                    }}),
                    "output details" => json!({format!("{output}_tokens_details"): {
                        "reasoning_tokens": figure(9), "audio_tokens": figure(10), "image_tokens": 1,
                    }}),
                    "read" => json!({"cache_read_input_tokens": figure(11)}),
                    "write" => json!({
                        "cache_creation_input_tokens": figure(12),
                        "cache_creation": {
                            "ephemeral_1h_input_tokens": figure(13), "ephemeral_5m_input_tokens": 2,
                        },
                    }),
                    "ticks" => json!({"cost_in_usd_ticks": figure(14)}),
                    "tools" => json!({
                        "server_side_tool_usage_details": {
                            "web_search_calls": figure(15), "x_search_calls": 1, "mcp_calls": 2,
                            "code_interpreter_calls": 3, "file_search_calls": 4,
                            "document_search_calls": 5, "image_generation_calls": 6,
                        },
                    }),
                    "cost" => json!({"cost": cost}),
                    "other" => json!({"citation_tokens": figure(16), "prompt_audio_seconds": figure(17)}),
                    "words" => json!({
                        "service_tier": "priority", "speed": "fast", "inference_geo": "us",
                    }),
                    "iterations" => json!({"iterations": iterations}),
                    _ => json!({
                        "context_details": {"input_tokens": figure(18), "usage": {"total_tokens": 4}},
                    }),
                };
                usage.extend(members.as_object().unwrap().clone());
            }
            Value::Object(usage)
        },
    )
}

fn iterations() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(&["message", "compaction", "fallback_message"][..]);
    let entry = (kind, word(), figure(), 0_u64..3).prop_map(|(kind, model, input, output)| {
        let entry = json!({
            "type": kind, "input_tokens": input, "output_tokens": output,
            "cache_creation": {"ephemeral_1h_input_tokens": 3}, "cache_creation_input_tokens": 4,
        });
        with(entry, "model", model)
    });
    prop_oneof![
        1 => Just(Value::Null),
        3 => prop::collection::vec(entry, 0..4).prop_map(Value::from),
    ]
}

/// The usage of Gemini's own API.
pub(super) fn usage_metadata() -> impl Strategy<Value = Value> {
    let names = vec![
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
    ];
    let names = prop::sample::subsequence(names, 0..7);
    let modality = prop::sample::select(&["TEXT", "AUDIO", "image", "VIDEO"][..]);
    let tier = prop::sample::select(vec![
        json!({"serviceTier": "PRIORITY"}),
        json!({"trafficType": "ON_DEMAND"}),
        json!({}),
        json!({"trafficType": "ON_DEMAND_FLEX"}),
        json!({"serviceTier": null}),
    ]);
    (names, prop::collection::vec(figure(), 6), modality, figure(), tier).prop_map(
        |(names, figures, modality, tokens, tier)| {
            let mut usage = tier.as_object().unwrap().clone();
            usage.extend(names.into_iter().map(str::to_owned).zip(figures));
            let details = json!([{"modality": modality, "tokenCount": tokens}, 1]);
            usage.insert("promptTokensDetails".into(), details.clone());
            usage.insert("candidatesTokensDetails".into(), details);
            Value::Object(usage)
        },
    )
}
