//! The names of figures in usage objects of all APIs.
//!
//! One table serves all shapes, because no name has two meanings. Which figure includes which
//! depends on the shape; see [`Usage`](super::tokens::Usage).

use self::Name::*;
use super::figure::Figure::{self, *};
use crate::util::macros::match_bytes;

/// The meaning of a member of a usage object.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Of(Figure),
    /// A figure that is often zero.
    Share(Figure),
    /// A decimal number, scaled by this power of ten.
    Decimal(Figure, u8),
    NanoUsd,
    /// A cost in USD, or an object with the total.
    Cost,
    /// The cost at the user's own provider, in USD.
    UpstreamCost,
    /// Whether the user pays that provider directly.
    IsByok,
    /// An object with figures.
    Details(fn(&[u8]) -> Name),
    /// An array of modalities with their tokens: those of audio and of images.
    Modalities(Figure, Figure),
    /// An array of tools, each with the number of its calls.
    ToolCounts,
    /// An array of cache writes, each with its lifetime.
    Lifetimes,
    /// An array of usage objects that replace the outer figures for billing.
    Iterations,
    ServiceTier,
    /// The service tier in Vertex AI's form.
    TrafficType,
    Region,
    Speed,
    Unknown,
}

/// Looks up a name, except the input, output and total of OpenAI and Anthropic.
pub(super) fn name(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"prompt_tokens_details"
        | b"input_tokens_details"
        | b"prompt_token_details"
        | b"input_token_details" => Details(input),
        b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => Details(output),
        b"cost_in_usd_ticks" => Of(CostTicks),
        b"inputTokens" | b"inputTokenCount" | b"promptTokenCount" | b"total_input_tokens" => Of(Input),
        b"outputTokens"
        | b"outputTokenCount"
        | b"candidatesTokenCount"
        | b"responseTokenCount"
        | b"total_output_tokens" => Of(Output),
        b"totalTokens" | b"totalTokenCount" => Of(Total),
        b"cached_tokens"
        | b"num_cached_tokens"
        | b"prompt_cache_hit_tokens"
        | b"cachedContentTokenCount"
        | b"total_cached_tokens" => Of(Cached),
        b"cache_read_input_tokens" | b"cacheReadInputTokens" | b"cacheReadInputTokenCount" => Of(CacheRead),
        b"cache_creation_input_tokens"
        | b"cacheWriteInputTokens"
        | b"cacheWriteInputTokenCount" => Of(CacheWrite),
        b"cache_write_tokens" => Of(CacheWriteInside),
        b"reasoning_tokens" => Of(Reasoning),
        b"thoughtsTokenCount" | b"total_thought_tokens" | b"total_reasoning_tokens" => Of(Thoughts),
        b"toolUsePromptTokenCount" | b"total_tool_use_tokens" | b"connector_tokens" => Of(ToolPrompt),
        b"citation_tokens" => Of(Citations),
        b"num_search_queries" => Of(WebSearch),
        b"num_server_side_tools_used" => Of(ToolsUsed),
        b"pages_processed" => Of(Pages),
        b"billableCharacterCount" => Of(Characters),
        b"image_tokens" => Share(ImageInput),
        b"seconds" | b"prompt_audio_seconds" => Decimal(DurationMs, 3),
        b"cost" => Cost,
        b"cost_in_nano_usd" => NanoUsd,
        b"cost_details" => Details(upstream),
        b"is_byok" => IsByok,
        b"service_tier" | b"serviceTier" => ServiceTier,
        b"trafficType" => TrafficType,
        b"inference_geo" => Region,
        b"speed" => Speed,
        b"iterations" => Iterations,
        b"cacheDetails" => Lifetimes,
        b"grounding_tool_count" => ToolCounts,
        b"cache_creation" | b"cache_write_tokens_details" => Details(lifetime),
        b"billed_units" => Details(billed),
        b"tokens" => Details(counted),
        b"connectors"
        | b"server_tool_use"
        | b"server_side_tool_usage_details"
        | b"server_tool_use_details" => Details(tool),
        b"promptTokensDetails" | b"input_tokens_by_modality" => Modalities(AudioInput, ImageInput),
        b"cacheTokensDetails" | b"cached_tokens_by_modality" => Modalities(AudioCached, ImageCached),
        b"candidatesTokensDetails" | b"responseTokensDetails" | b"output_tokens_by_modality" => Modalities(AudioOutput, ImageOutput),
        _ => Unknown,
    })
}

fn input(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"cached_tokens" | b"cache_read_input_tokens" => Of(Cached),
        b"cache_write_tokens" | b"cache_creation_input_tokens" => Of(CacheWriteInside),
        b"audio_tokens" => Share(AudioInput),
        b"image_tokens" => Share(ImageInput),
        b"cache_write_tokens_details" => Details(lifetime),
        b"cached_tokens_details" => Details(cached),
        _ => Unknown,
    })
}

fn cached(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"audio_tokens" => Share(AudioCached),
        b"image_tokens" => Share(ImageCached),
        _ => Unknown,
    })
}

fn output(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"reasoning_tokens" | b"thinking_tokens" => Of(Reasoning),
        b"audio_tokens" => Share(AudioOutput),
        b"image_tokens" => Share(ImageOutput),
        _ => Unknown,
    })
}

/// Cache writes by lifetime.
fn lifetime(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"ephemeral_5m_input_tokens" | b"ttl_30m_tokens" => Of(CacheWriteShort),
        b"ephemeral_1h_input_tokens" | b"ttl_12h_tokens" => Of(CacheWriteLong),
        _ => Unknown,
    })
}

/// Figures that Cohere bills.
fn billed(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"input_tokens" => Decimal(BilledInput, 0),
        b"text_tokens" => Decimal(BilledText, 0),
        b"image_tokens" => Decimal(BilledImageTokens, 0),
        b"images" => Decimal(BilledImages, 0),
        b"output_tokens" => Decimal(BilledOutput, 0),
        b"search_units" => Decimal(SearchUnits, 0),
        _ => Unknown,
    })
}

/// Figures that Cohere counts.
fn counted(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"input_tokens" => Decimal(Input, 0),
        b"output_tokens" => Decimal(Output, 0),
        _ => Unknown,
    })
}

fn upstream(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"upstream_inference_cost" => UpstreamCost,
        _ => Unknown,
    })
}

fn tool(key: &[u8]) -> Name {
    match_bytes!(key, {
        b"web_search_calls" | b"web_search_requests" | b"web_search" => Of(WebSearch),
        b"x_search_calls" => Of(XSearch),
        b"code_interpreter_calls" | b"code_interpreter" => Of(CodeInterpreter),
        b"file_search_calls" => Of(FileSearch),
        b"mcp_calls" => Of(Mcp),
        b"document_search_calls" => Of(DocumentSearch),
        b"image_generation_calls" | b"image_generation" => Of(ImageGeneration),
        _ => Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known() {
        for key in [
            "inputTokens",
            "outputTokens",
            "totalTokens",
            "cacheDetails",
            "billed_units",
            "tokens",
            "seconds",
            "inputTokenCount",
            "outputTokenCount",
            "pages_processed",
            "cacheReadInputTokens",
            "cacheWriteInputTokens",
            "cacheReadInputTokenCount",
            "cacheWriteInputTokenCount",
            "image_tokens",
            "cost",
            "cost_details",
            "is_byok",
            "service_tier",
            "serviceTier",
            "trafficType",
            "iterations",
            "speed",
            "connectors",
            "cached_tokens",
            "inference_geo",
            "cache_creation",
            "citation_tokens",
            "totalTokenCount",
            "server_tool_use",
            "reasoning_tokens",
            "promptTokenCount",
            "connector_tokens",
            "cost_in_nano_usd",
            "num_cached_tokens",
            "cost_in_usd_ticks",
            "thoughtsTokenCount",
            "responseTokenCount",
            "total_input_tokens",
            "num_search_queries",
            "cache_write_tokens",
            "cacheTokensDetails",
            "total_output_tokens",
            "total_cached_tokens",
            "promptTokensDetails",
            "input_token_details",
            "candidatesTokenCount",
            "total_thought_tokens",
            "input_tokens_details",
            "prompt_token_details",
            "output_token_details",
            "prompt_audio_seconds",
            "total_tool_use_tokens",
            "total_reasoning_tokens",
            "prompt_tokens_details",
            "output_tokens_details",
            "responseTokensDetails",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "prompt_cache_hit_tokens",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
            "billableCharacterCount",
            "num_server_side_tools_used",
            "completion_tokens_details",
            "cache_write_tokens_details",
            "candidatesTokensDetails",
            "output_tokens_by_modality",
            "input_tokens_by_modality",
            "cached_tokens_by_modality",
            "server_side_tool_usage_details",
            "server_tool_use_details",
            "grounding_tool_count",
        ] {
            assert!(!matches!(name(key.as_bytes()), Name::Unknown), "{key}");
        }
    }
}
