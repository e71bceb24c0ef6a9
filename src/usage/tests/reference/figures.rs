//! The figures of a usage object, each with one of its names.

use serde_json::Value;

use crate::usage::figure::Figure;
use crate::usage::reported::Reported;

pub(super) fn reported(usage: &Value) -> Reported {
    let figures = [
        (Figure::Input, "/prompt_tokens /input_tokens /promptTokenCount"),
        (Figure::Output, "/completion_tokens /output_tokens /candidatesTokenCount"),
        (Figure::Total, "/total_tokens /totalTokenCount"),
        (
            Figure::Cached,
            "/prompt_tokens_details/cached_tokens /input_tokens_details/cached_tokens \
             /cachedContentTokenCount",
        ),
        (
            Figure::CacheWriteInside,
            "/prompt_tokens_details/cache_write_tokens /input_tokens_details/cache_write_tokens",
        ),
        (Figure::CacheRead, "/cache_read_input_tokens"),
        (Figure::CacheWrite, "/cache_creation_input_tokens"),
        (
            Figure::CacheWriteLong,
            "/cache_creation/ephemeral_1h_input_tokens \
             /prompt_tokens_details/cache_write_tokens_details/ttl_12h_tokens \
             /input_tokens_details/cache_write_tokens_details/ttl_12h_tokens",
        ),
        (
            Figure::CacheWriteShort,
            "/cache_creation/ephemeral_5m_input_tokens \
             /prompt_tokens_details/cache_write_tokens_details/ttl_30m_tokens \
             /input_tokens_details/cache_write_tokens_details/ttl_30m_tokens",
        ),
        (
            Figure::Reasoning,
            "/completion_tokens_details/reasoning_tokens /output_tokens_details/reasoning_tokens",
        ),
        (Figure::Thoughts, "/thoughtsTokenCount"),
        (Figure::ToolPrompt, "/toolUsePromptTokenCount"),
        (Figure::Citations, "/citation_tokens"),
        (
            Figure::AudioInput,
            "/prompt_tokens_details/audio_tokens /input_tokens_details/audio_tokens",
        ),
        (
            Figure::ImageInput,
            "/prompt_tokens_details/image_tokens /input_tokens_details/image_tokens",
        ),
        (
            Figure::AudioCached,
            "/prompt_tokens_details/cached_tokens_details/audio_tokens \
             /input_tokens_details/cached_tokens_details/audio_tokens",
        ),
        (
            Figure::AudioOutput,
            "/completion_tokens_details/audio_tokens /output_tokens_details/audio_tokens",
        ),
        (
            Figure::ImageOutput,
            "/completion_tokens_details/image_tokens /output_tokens_details/image_tokens",
        ),
        (Figure::CostTicks, "/cost_in_usd_ticks"),
        (Figure::ToolsUsed, "/num_server_side_tools_used"),
        (Figure::WebSearch, "/server_side_tool_usage_details/web_search_calls"),
        (Figure::XSearch, "/server_side_tool_usage_details/x_search_calls"),
        (Figure::CodeInterpreter, "/server_side_tool_usage_details/code_interpreter_calls"),
        (Figure::FileSearch, "/server_side_tool_usage_details/file_search_calls"),
        (Figure::Mcp, "/server_side_tool_usage_details/mcp_calls"),
        (Figure::DocumentSearch, "/server_side_tool_usage_details/document_search_calls"),
        (Figure::ImageGeneration, "/server_side_tool_usage_details/image_generation_calls"),
        (Figure::Characters, "/billableCharacterCount"),
    ];
    let mut reported = Reported::default();
    for (figure, pointers) in figures {
        let mut values = pointers.split_whitespace().filter_map(|pointer| usage.pointer(pointer));
        if let Some(value) = values.find_map(Value::as_u64) {
            let is_share = matches!(
                figure,
                Figure::AudioInput
                    | Figure::ImageInput
                    | Figure::AudioCached
                    | Figure::AudioOutput
                    | Figure::ImageOutput
            );
            if value > 0 || !is_share {
                reported.set(figure, value);
            }
        }
    }
    for (key, audio, image) in [
        ("promptTokensDetails", Figure::AudioInput, Figure::ImageInput),
        ("candidatesTokensDetails", Figure::AudioOutput, Figure::ImageOutput),
    ] {
        for entry in usage[key].as_array().into_iter().flatten() {
            let tokens = entry["tokenCount"].as_u64();
            match (entry["modality"].as_str(), tokens) {
                (Some("AUDIO"), Some(tokens)) => reported.set(audio, tokens),
                (Some("image"), Some(tokens)) => reported.set(image, tokens),
                _ => {}
            }
        }
    }
    if let Some(seconds) = usage["prompt_audio_seconds"].as_f64().filter(|seconds| *seconds >= 0.0)
    {
        let exact = usage["prompt_audio_seconds"].as_u64().map(|whole| whole.saturating_mul(1000));
        reported.set(Figure::DurationMs, exact.unwrap_or((seconds * 1000.0).round() as u64));
    }
    let cost = match &usage["cost"] {
        Value::Object(cost) => {
            let total = cost["total_cost"].as_f64();
            total.filter(|total| *total > 0.0 || cost.contains_key("request_cost"))
        }
        cost => cost.as_f64().filter(|cost| *cost >= 0.0),
    };
    if let (None, Some(cost)) = (reported.get(Figure::CostTicks), cost) {
        reported.set(Figure::CostTicks, (cost * 1e10).round() as u64);
    }
    reported
}
